"""Weights of n-grams by what they mean: those that occur in the same texts weigh alike, whether labelled or not.

A linear model has to learn the weight of each n-gram from the few labelled texts that it occurs in. Here each n-gram
has a direction in a space of far fewer dimensions, found in all texts, with and without labels (latent semantic
analysis: Deerwester et al. 1990), and only what these dimensions tell is learned from labels. A text is the sum of its
n-grams' directions, so that a linear model of it is one of the n-grams again: each weighs what its direction tells. The
space is not needed once these weights are known.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from torch import Tensor

_FEWEST_TEXTS = 10
"""N-grams of fewer texts have no say in what the dimensions are."""
_FEWEST_OF_A_DIRECTION = 3
"""N-grams of fewer texts have no direction."""
_COMMON_SHARE = 0.005
"""N-grams of a larger share of the texts count less in a text: by the root of the ratio, as in word2vec's code."""
_ROUNDS = 2
_SPARE_DIMENSIONS = 32
_VARIANCE = 5.0
"""What the variance of a text's logit would be before anything is learned."""
BLOCK_COLUMNS = 200_000
"""N-grams that are looked at together."""
_SHORTEST = 1e-3
"""Sums of positions that are shorter, in units of a position's usual length, are rounding, and are not made longer."""
_SEED = 1
_SMALLEST = 1e-12


@dataclass(frozen=True)
class LatentWeights:
    """A linear model over n-grams. There is one margin for two classes, and else one for each.

    Attributes:
        slots: Those of the n-grams with a weight, ``(n-grams,)``.
        weights: Float32, ``(n-grams, margins)``.
        bias: What is added to their sum, float32, ``(margins,)``.
        margins: What the model would say of each labelled text, had it not been in the space: float32,
            ``(labelled texts, margins)``.
    """

    slots: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]
    margins: npt.NDArray[np.float32]


def fit_latent_weights(
    labelled: sparse.csr_matrix,
    labels: npt.NDArray[np.int64],
    more: sparse.csr_matrix | None,
    dim: int,
    *,
    wholes: npt.NDArray[np.int64] | None = None,
    fit_intercept: bool = True,
) -> LatentWeights:
    """Learns what each n-gram weighs.

    Args:
        labelled: What n-grams count in the labelled texts, see `sentrec.ngrams.fitting.count_ngrams`.
        labels: Their class numbers, shape ``(labelled texts,)``; of every class there are some.
        more: The same of texts without labels, or None.
        dim: Dimensions of the latent space; fewer, where there are not as many texts or n-grams.
        wholes: Of which of the labelled texts each of them is an excerpt, shape ``(labelled texts,)``; the whole ones
            come first, and the space is theirs alone. None: all are whole.
        fit_intercept: See `sentrec.ngrams.baselines.NaiveBayesLogisticRegression`; False: nothing is added here.
    """
    wholes = np.arange(len(labels)) if wholes is None else wholes
    space = _Space(labelled[: wholes.max() + 1], more, dim)
    if not space.dim:  # no n-gram occurs in several texts
        margins = 1 if len(np.unique(labels)) == 2 else len(np.unique(labels))
        shapes = (0, margins), (margins,), (len(labels), margins)
        return LatentWeights(np.empty(0, dtype=np.int64), *(np.zeros(shape, dtype=np.float32) for shape in shapes))
    features = space.features(labelled, wholes)
    # The spread of features is 1 then, and that of all of a text's logit the same whatever the dimensions.
    scale = 1.0 / max(float(features.std()), _SMALLEST)
    model = LogisticRegression(
        C=_VARIANCE / space.dim,
        max_iter=300,
        fit_intercept=fit_intercept,
        class_weight=None if fit_intercept else "balanced",
    ).fit(features * scale, labels)
    coefficients = (model.coef_.T * scale).astype(np.float32)
    bias = np.broadcast_to(model.intercept_, coefficients.shape[1:]).astype(np.float32)
    weighed = [(slots, (space.directions(slots) @ torch.from_numpy(coefficients)).numpy()) for slots in space.parts()]
    slots, weights = (np.concatenate(part) for part in zip(*weighed, strict=True))
    return LatentWeights(slots, weights, bias, features @ coefficients + bias)


class _Space:
    """The latent space of texts, and where n-grams lie in it.

    Args:
        labelled: N-grams of the labelled texts, shape ``(labelled texts, slots)``.
        more: Those of the others, or None.
        dim: Dimensions.
    """

    def __init__(self, labelled: sparse.csr_matrix, more: sparse.csr_matrix | None, dim: int) -> None:
        occurring = (labelled if more is None else sparse.vstack([labelled, more], format="csr")).tocsc(copy=True)
        occurring.data = np.ones_like(occurring.data)
        self._occurring = occurring
        self._texts_with = np.diff(occurring.indptr)
        share = np.maximum(self._texts_with, 1) / occurring.shape[0]
        self._counting = np.minimum(1.0, np.sqrt(_COMMON_SHARE / share)).astype(np.float32)
        self._known = np.flatnonzero(self._texts_with >= _FEWEST_OF_A_DIRECTION)
        frequent = np.flatnonzero(self._texts_with >= min(_FEWEST_TEXTS, max(1, occurring.shape[0] // 2)))
        self._positions = _left_singular_vectors(_tf_idf(occurring[:, frequent], share[frequent]), dim)
        self.dim = self._positions.shape[1]
        self._shortest = _SHORTEST * float(np.sqrt(self.dim / occurring.shape[0]))  # the positions are orthonormal

    def parts(self) -> Iterator[npt.NDArray[np.int64]]:
        """The slots of n-grams that have a direction, a part at a time: all vectors at once are gigabytes."""
        for start in range(0, max(1, len(self._known)), BLOCK_COLUMNS):
            yield self._known[start : start + BLOCK_COLUMNS]

    def directions(self, slots: npt.NDArray[np.int64]) -> Tensor:
        """The directions of n-grams, each as long as the n-gram counts, ``(slots, dim)``."""
        sums = self._sums(slots)
        lengths = sums.norm(dim=1).clamp_(min=self._shortest)
        return sums.mul_((torch.from_numpy(self._counting[slots]) / lengths).unsqueeze(1))

    def features(self, texts: sparse.csr_matrix, wholes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Where texts of the space, or excerpts of them, lie by the directions of their n-grams: ``(texts, dim)``.

        Of each direction, what the text itself has added to it is taken away. The n-grams of a new text know nothing of
        it; those of a text in the space would tell where it is, the rare ones above all, and would be relied on.

        Args:
            texts: What n-grams count in them.
            wholes: Which text of the space each of them is, or is an excerpt of, shape ``(texts,)``.

        Returns:
            Float32, shape ``(texts, dim)``.
        """
        by_slot, own = texts.tocsc(), self._positions[wholes]
        features = torch.zeros(texts.shape[0], self.dim)
        for slots in self.parts():
            found, sums = by_slot[:, slots].tocsr(), self._sums(slots)
            found.sort_indices()
            factors = found.copy()
            factors.data = found.data * self._counting[slots][found.indices] / self._lengths_without(found, sums, own)
            features += _tensor(factors) @ sums - torch.from_numpy(np.asarray(factors.sum(axis=1))) * own
        return features.numpy()

    def _lengths_without(self, found: sparse.csr_matrix, sums: Tensor, own: Tensor) -> npt.NDArray[np.float32]:
        """For each n-gram in each text, the length of the sum of the other texts' positions."""
        pattern = found.copy()
        pattern.data = np.ones_like(found.data)
        products = torch.sparse.sampled_addmm(_tensor(pattern), own, sums.T.contiguous(), beta=0).values().numpy()
        rows = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
        squares = sums.square().sum(dim=1).numpy()[found.indices] - 2 * products + own.square().sum(dim=1).numpy()[rows]
        lengths: npt.NDArray[np.float32] = np.sqrt(np.maximum(squares, self._shortest**2))
        return lengths

    def _sums(self, slots: npt.NDArray[np.int64]) -> Tensor:
        """The sums of the positions of the texts that n-grams occur in, ``(slots, dim)``."""
        return _tensor(self._occurring[:, slots].T.tocsr()) @ self._positions


def _tf_idf(occurring: sparse.csc_matrix, share: npt.NDArray[np.float64]) -> sparse.csr_matrix:
    weighted = occurring @ sparse.diags_array(-np.log(share).astype(np.float32))
    lengths = np.sqrt(np.asarray(weighted.power(2).sum(axis=1)).ravel())
    return (sparse.diags_array((1.0 / np.maximum(lengths, _SMALLEST)).astype(np.float32)) @ weighted).tocsr()


def _left_singular_vectors(matrix: sparse.csr_matrix, dim: int) -> Tensor:
    """Those of the largest singular values, by subspace iteration from a random start (Halko et al. 2011)."""
    rank = min(dim + _SPARE_DIMENSIONS, *matrix.shape)
    forth, back = _tensor(matrix), _tensor(matrix.T.tocsr())
    basis = torch.randn(matrix.shape[0], rank, generator=torch.Generator().manual_seed(_SEED))
    for _ in range(_ROUNDS):
        basis, _ = torch.linalg.qr(forth @ (back @ basis))
    projected = back @ basis
    _, rotation = torch.linalg.eigh(projected.T @ projected)  # the largest come last
    vectors: Tensor = basis @ rotation.flip(1)[:, :dim]
    return vectors


def _tensor(matrix: sparse.csr_matrix) -> Tensor:
    """The same matrix for torch, which multiplies it several times faster than SciPy does."""
    kind = np.int32 if matrix.nnz <= np.iinfo(np.int32).max else np.int64
    starts, columns = (torch.from_numpy(part.astype(kind)) for part in (matrix.indptr, matrix.indices))
    values = torch.from_numpy(matrix.data.astype(np.float32))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta", UserWarning)
        return torch.sparse_csr_tensor(starts, columns, values, matrix.shape, check_invariants=False)

"""Latent semantic analysis of n-grams (Deerwester et al. 1990), learned from labelled and unlabelled texts.

Each n-gram has a direction in a space of few dimensions, found in all texts; only the weights of these dimensions are
learned from labels. A text is the sum of its n-grams' directions, so that a linear model of it is one of the n-grams
again, and the space is not needed once their weights are known.
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
"""N-grams of fewer texts do not take part in the decomposition."""
FEWEST_OF_A_DIRECTION = 3
"""N-grams of fewer texts have no direction."""
COMMON_FREQUENCY = 0.005
"""N-grams that occur in a larger fraction of the texts are down-weighted by the root of the ratio, as in word2vec."""
_ROUNDS = 2
_SPARE_DIMENSIONS = 32
_VARIANCE = 5.0
"""What the variance of a text's logit would be before anything is learned."""
BLOCK_COLUMNS = 50_000
"""N-grams that are computed together."""
_PART = 1 << 22
"""Numbers of a matrix that are computed together."""
_SHORTEST = 1e-3
"""Sums of positions that are shorter, in units of a position's usual length, are rounding, and are not made longer."""
_SEED = 1
_SMALLEST = 1e-12


@dataclass(frozen=True)
class LsaWeights:
    """A linear model over n-grams; one margin for two classes, else one for each."""

    columns: npt.NDArray[np.int64]  # those of the n-grams with a weight, ``(n-grams,)``
    weights: npt.NDArray[np.float32]  # float32, ``(n-grams, margins)``
    bias: npt.NDArray[np.float32]  # what is added to their sum, float32, ``(margins,)``
    margins: npt.NDArray[np.float32]
    """Held-out margins of the labelled texts, as if each had not been in the space: float32, ``(labelled texts,
    margins)``."""


def fit_lsa(
    labelled: sparse.csr_matrix,
    labels: npt.NDArray[np.int64],
    unlabelled: sparse.csr_matrix | None,
    dim: int,
    *,
    wholes: npt.NDArray[np.int64] | None = None,
    fit_intercept: bool = True,
) -> LsaWeights:
    """Learns the weight of each n-gram.

    Args:
        labelled: Feature values of n-grams in the labelled texts, ``(labelled texts, columns)``.
        labels: Their class numbers, shape ``(labelled texts,)``; of every class there are some.
        unlabelled: The same of texts without labels, or None.
        dim: Dimensions of the space; fewer, where there are not as many texts or n-grams.
        wholes: Of which of the labelled texts each of them is a crop, shape ``(labelled texts,)``; the whole ones
            come first, and the space is theirs alone. None: all are whole.
        fit_intercept: See `sentrec.ngrams.baselines.NaiveBayesLogisticRegression`; False: nothing is added here.
    """
    wholes = np.arange(len(labels)) if wholes is None else wholes
    space = LsaSpace(labelled[: wholes.max() + 1], unlabelled, dim)
    if not space.dim:  # no n-gram occurs in several texts
        margins = 1 if len(np.unique(labels)) == 2 else len(np.unique(labels))
        shapes = (0, margins), (margins,), (len(labels), margins)
        return LsaWeights(np.empty(0, dtype=np.int64), *(np.zeros(shape, dtype=np.float32) for shape in shapes))
    features = space.features(labelled, wholes)
    # Scaled to a spread of 1, so that the variance of a text's logit is the same whatever the dimensions.
    scale = 1.0 / max(float(features.std()), _SMALLEST)
    model = LogisticRegression(
        C=_VARIANCE / space.dim,
        max_iter=300,
        fit_intercept=fit_intercept,
        class_weight=None if fit_intercept else "balanced",
    ).fit(features * scale, labels)
    coefficients = (model.coef_.T * scale).astype(np.float32)
    bias = np.broadcast_to(model.intercept_, coefficients.shape[1:]).astype(np.float32)
    blocks = list(space.blocks())
    weights = [(space.directions(block) @ torch.from_numpy(coefficients)).numpy() for block in blocks]
    return LsaWeights(np.concatenate(blocks), np.concatenate(weights), bias, features @ coefficients + bias)


class LsaSpace:
    """The space of labelled and unlabelled texts, and the directions of n-grams in it."""

    def __init__(self, labelled: sparse.csr_matrix, unlabelled: sparse.csr_matrix | None, dim: int) -> None:
        occurring = (labelled if unlabelled is None else sparse.vstack([labelled, unlabelled])).tocsc(copy=True)
        occurring.data = np.ones(occurring.nnz, dtype=np.int8)
        self._occurring = occurring
        texts_with = np.diff(occurring.indptr)
        frequency = np.maximum(texts_with, 1) / occurring.shape[0]
        self._lengths = np.minimum(1.0, np.sqrt(COMMON_FREQUENCY / frequency)).astype(np.float32)
        self._known = np.flatnonzero(texts_with >= FEWEST_OF_A_DIRECTION)
        frequent = np.flatnonzero(texts_with >= min(_FEWEST_TEXTS, max(1, occurring.shape[0] // 2)))
        self.positions = _left_singular_vectors(_tf_idf(occurring[:, frequent], frequency[frequent]), dim)
        self.dim = self.positions.shape[1]
        self.shortest = _SHORTEST * float(np.sqrt(self.dim / occurring.shape[0]))  # the positions are orthonormal

    def blocks(self) -> Iterator[npt.NDArray[np.int64]]:
        """The columns of n-grams that have a direction, a block at a time: all vectors at once are gigabytes."""
        for start in range(0, max(1, len(self._known)), BLOCK_COLUMNS):
            yield self._known[start : start + BLOCK_COLUMNS]

    def directions(self, columns: npt.NDArray[np.int64]) -> Tensor:
        """The directions of n-grams, shorter for common ones, ``(columns, dim)``."""
        sums = self._sums(columns)
        lengths = sums.norm(dim=1).clamp_(min=self.shortest)
        return sums.mul_((torch.from_numpy(self._lengths[columns]) / lengths).unsqueeze(1))

    def features(self, texts: sparse.csr_matrix, wholes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Texts of the space, or crops of them, as the sums of their n-grams' directions: float32, ``(texts, dim)``.

        The contribution of the text itself to each direction is subtracted: directions of rare n-grams would otherwise
        leak the position of a training text, and the classifier would rely on it.

        Args:
            texts: Feature values of their n-grams.
            wholes: Which text of the space each of them is, or is a crop of, shape ``(texts,)``.
        """
        by_column, own = texts.tocsc(), self.positions[wholes]
        features = torch.zeros(texts.shape[0], self.dim)
        for block in self.blocks():
            found, sums = by_column[:, block].tocsr(), self._sums(block)
            found.sort_indices()
            factors = found.copy()
            factors.data = found.data * self._lengths[block][found.indices] / self._lengths_without(found, sums, own)
            features += _tensor(factors) @ sums - torch.from_numpy(np.asarray(factors.sum(axis=1))) * own
        return features.numpy()

    def _lengths_without(self, found: sparse.csr_matrix, sums: Tensor, own: Tensor) -> npt.NDArray[np.float32]:
        """For each n-gram in each text, the length of the sum of the other texts' positions."""
        pattern = found.copy()
        pattern.data = np.ones_like(found.data)
        products = torch.sparse.sampled_addmm(_tensor(pattern), own, sums.T.contiguous(), beta=0).values().numpy()
        rows = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
        squares = sums.square().sum(dim=1).numpy()[found.indices] - 2 * products + own.square().sum(dim=1).numpy()[rows]
        lengths: npt.NDArray[np.float32] = np.sqrt(np.maximum(squares, self.shortest**2))
        return lengths

    def _sums(self, columns: npt.NDArray[np.int64]) -> Tensor:
        """The sums of the positions of the texts that n-grams occur in, ``(columns, dim)``."""
        return _tensor(self._occurring[:, columns].T.tocsr()) @ self.positions


def _tf_idf(occurring: sparse.csc_matrix, frequency: npt.NDArray[np.float64]) -> sparse.csc_matrix:
    """Rows of length 1, weighted by inverse document frequency; a matrix of ones is changed in place."""
    occurring.data = np.repeat(-np.log(frequency).astype(np.float32), np.diff(occurring.indptr))
    squares = np.zeros(occurring.shape[0])
    parts = [slice(start, start + _PART) for start in range(0, occurring.nnz, _PART)]
    for part in parts:
        squares += np.bincount(occurring.indices[part], np.square(occurring.data[part]), len(squares))
    factors = (1.0 / np.maximum(np.sqrt(squares), _SMALLEST)).astype(np.float32)
    for part in parts:
        occurring.data[part] *= factors[occurring.indices[part]]
    return occurring


def _left_singular_vectors(matrix: sparse.csc_matrix, dim: int) -> Tensor:
    """Those of the largest singular values, by subspace iteration from a random start (Halko et al. 2011).

    What has a row for each n-gram, gigabytes of it, is made a block of columns at a time.
    """
    rank = min(dim + _SPARE_DIMENSIONS, *matrix.shape)
    basis = torch.randn(matrix.shape[0], rank, generator=torch.Generator().manual_seed(_SEED))
    blocks = range(0, matrix.shape[1], BLOCK_COLUMNS)
    for _ in range(_ROUNDS):
        image = torch.zeros_like(basis)
        for start in blocks:
            block = matrix[:, start : start + BLOCK_COLUMNS]
            image += _tensor(block.tocsr()) @ (_tensor(block.T) @ basis)
        basis, _ = torch.linalg.qr(image)
    products = torch.zeros(rank, rank)
    for start in blocks:
        projected = _tensor(matrix[:, start : start + BLOCK_COLUMNS].T) @ basis
        products += projected.T @ projected
    _, rotation = torch.linalg.eigh(products)  # the largest come last
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

"""Fits word vectors to co-occurrences: GloVe's objective, minimised by alternating least squares.

GloVe (Pennington et al. 2014) gives every word i a vector w and a context vector c, with biases a and b, such that

    sum over i, j of  f(X_ij) (w_i c_j + a_i + b_j - log X_ij)^2,    f(x) = min(1, (x / x_max)^(3/4))

is least. With the context side held, each w_i is a small weighted least-squares problem of its own, solved exactly;
then the sides change places. That needs no learning rate, is exact and parallel over rows, and is near its end after
three or four passes where stochastic gradients take ten and more.

To every word's row, ``pull * |w_i - r_i / 2|^2`` is added, and the same for c: a word's published GloVe vector is
w + c, so r_i is its pretrained vector (after Mittens, Dingwall and Potts 2018), or zero for words without one and for
vectors from scratch. It also keeps words with few co-occurrences from being fitted to noise.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from threadpoolctl import threadpool_limits

from sentrec.adapt.cooccurrence import Cooccurrences, in_order
from sentrec.files.storage import atomic_path

Matrix = npt.NDArray[np.float32]

_EXPONENT = 0.75
_BIAS_PULL = 1e-3
"""Keeps the bias of a word without any co-occurrence from being undetermined."""
_ROWS = 64
_FIRST_SPREAD = 0.5


@dataclass(frozen=True)
class FitOptions:
    """How vectors are fitted.

    Attributes:
        passes: How often both sides are solved.
        pull: Strength of the pull to the pretrained vectors, in units of one co-occurrence of full weight.
        x_max: Count from which a co-occurrence has full weight.
        seed: Seed of the first context vectors where there are no pretrained ones.
    """

    passes: int
    pull: float
    x_max: float
    seed: int


@dataclass(frozen=True)
class Fit:
    """Both sides of a fit; arrays are replaced, never changed.

    Attributes:
        halves: How many sides were solved so far; two are a pass.
        words: ``(words, dim)``.
        contexts: ``(words, dim)``.
        word_bias: ``(words,)``.
        context_bias: ``(words,)``.
        error: Weighted mean squared error of log counts after the last half; NaN at the beginning.
    """

    halves: int
    words: Matrix
    contexts: Matrix
    word_bias: Matrix
    context_bias: Matrix
    error: float

    @property
    def vectors(self) -> Matrix:
        """The vectors as GloVe publishes them: the sum of both sides."""
        total: Matrix = self.words + self.contexts
        return total

    def save(self, path: Path) -> None:
        """Writes the state, atomically."""
        arrays = {
            "words": self.words,
            "contexts": self.contexts,
            "word_bias": self.word_bias,
            "context_bias": self.context_bias,
            "progress": np.array([self.halves, self.error]),
        }
        with atomic_path(path) as temporary:
            save_file(arrays, temporary)

    @staticmethod
    def load(path: Path) -> "Fit | None":
        """Reads what `save` wrote; None where there is nothing whole."""
        try:
            arrays = load_file(path)
            halves, error = arrays.pop("progress").tolist()
            return Fit(int(halves), error=error, **arrays)
        except (OSError, SafetensorError, KeyError, ValueError, TypeError):
            return None


def fit(
    counts: Cooccurrences,
    centre: Matrix,
    options: FitOptions,
    threads: int,
    on_half: Callable[[Fit], None],
    start: Fit | None = None,
) -> Fit:
    """Fits vectors to co-occurrences.

    Args:
        counts: The co-occurrences.
        centre: ``(words, dim)`` where both sides of each word are pulled to: half of its pretrained vector, or zero.
        options: How to fit.
        threads: How many to use; the result does not depend on it.
        on_half: Called after each side was solved, e.g. to save the state.
        start: Where an interrupted fit ended; None: at the beginning.

    Returns:
        The last state.
    """
    state = start or _first(counts, centre, options)
    while state.halves < 2 * options.passes:
        for_words = state.halves % 2 == 0
        held, held_bias = (state.contexts, state.context_bias) if for_words else (state.words, state.word_bias)
        vectors, bias, error = _solve_side(counts, held, held_bias, centre, options, threads)
        if for_words:
            state = Fit(state.halves + 1, vectors, held, bias, held_bias, error)
        else:
            state = Fit(state.halves + 1, held, vectors, held_bias, bias, error)
        on_half(state)
    return state


def _first(counts: Cooccurrences, centre: Matrix, options: FitOptions) -> Fit:
    contexts = centre
    if not centre.any():
        generator = np.random.default_rng(options.seed)
        contexts = generator.standard_normal(centre.shape, dtype=np.float32)
        contexts *= _FIRST_SPREAD / np.sqrt(centre.shape[1])
    bias = _mean_logs(counts, options.x_max)
    return Fit(0, centre, contexts, bias, bias, float("nan"))


def _mean_logs(counts: Cooccurrences, x_max: float) -> Matrix:
    """The biases alone that come near to log X: each row's weighted mean, less half of the mean of all."""
    sums = np.zeros((2, counts.words))
    for row in range(counts.words):
        weight, logs = _weights_and_logs(counts.counts[counts.ends[row] : counts.ends[row + 1]], x_max)
        weight *= weight
        sums[:, row] = weight.sum(), weight @ logs
    mean = sums[1].sum() / max(sums[0].sum(), 1e-9)
    rows: npt.NDArray[np.float64] = np.divide(sums[1], sums[0], out=np.full(counts.words, mean), where=sums[0] > 0)
    bias: Matrix = (rows - mean / 2).astype(np.float32)
    return bias


def _weights_and_logs(counts: Matrix, x_max: float) -> tuple[Matrix, Matrix]:
    """The square root of each entry's weight, and its log count."""
    logs = np.log(counts)
    # f(x) is a power of x, so that its root follows from the logarithm.
    weight = np.exp(np.minimum(0, (logs - np.float32(np.log(x_max))) * np.float32(_EXPONENT / 2)))
    return weight, logs


def _solve_side(
    counts: Cooccurrences, held: Matrix, held_bias: Matrix, centre: Matrix, options: FitOptions, threads: int
) -> tuple[Matrix, Matrix, float]:
    """The best vectors and biases of one side, given the other, and the mean squared error with them."""
    side = _Side(counts, held, held_bias, centre, options)
    blocks = range(0, counts.words, _ROWS)
    # Each thread solves rows of its own; threads inside BLAS as well would only get into their way.
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        solved = list(in_order(pool, side.solve, blocks, 4 * threads))
    parameters = np.concatenate([block.parameters for block in solved])
    error = sum(block.error for block in solved) / max(sum(block.weight for block in solved), 1e-9)
    return np.ascontiguousarray(parameters[:, :-1]), np.ascontiguousarray(parameters[:, -1]), error


@dataclass(frozen=True)
class _Solved:
    """Some rows: ``(rows, dim + 1)`` vectors with their biases, their weighted squared error, and their weight."""

    parameters: Matrix
    error: float
    weight: float


class _Side:
    """One side's least-squares problems; several threads may share it."""

    def __init__(
        self, counts: Cooccurrences, held: Matrix, held_bias: Matrix, centre: Matrix, options: FitOptions
    ) -> None:
        self._counts = counts
        # With a column of ones, the bias is one more unknown.
        self._features = np.hstack([held, np.ones((len(held), 1), np.float32)])
        self._held_bias = held_bias
        self._centre = centre
        self._x_max = options.x_max
        self._pulls = np.append(np.full(held.shape[1], options.pull), _BIAS_PULL)

    def solve(self, first: int) -> _Solved:
        """Solves the block of rows that begins with `first`."""
        end = min(first + _ROWS, self._counts.words)
        size = len(self._pulls)
        squares = np.empty((end - first, size, size), np.float32)
        right, error, weight = np.empty((end - first, size), np.float32), 0.0, 0.0
        for row in range(first, end):
            features, target, row_weight = self._problem(row)
            squares[row - first] = features.T @ features
            right[row - first] = target @ features
            error += float(target @ target)
            weight += row_weight
        parameters = self._solutions(squares, right, first)
        # |target - features p|^2 from what is at hand, in double precision because the terms nearly cancel.
        fitted = np.einsum("ri,rij,rj->r", parameters, squares.astype(np.float64), parameters)
        error += float((fitted - 2 * (parameters * right).sum(axis=1)).sum())
        return _Solved(parameters.astype(np.float32), error, weight)

    def _problem(self, row: int) -> tuple[Matrix, Matrix, float]:
        """A row's weighted features and targets, and the sum of its weights."""
        begin, end = self._counts.ends[row], self._counts.ends[row + 1]
        columns = self._counts.columns[begin:end]
        weight, logs = _weights_and_logs(self._counts.counts[begin:end], self._x_max)
        features = self._features.take(columns, axis=0)
        features *= weight[:, None]
        return features, (logs - self._held_bias.take(columns)) * weight, float(weight @ weight)

    def _solutions(self, squares: Matrix, right: Matrix, first: int) -> npt.NDArray[np.float64]:
        system: npt.NDArray[np.float64] = squares.astype(np.float64)
        diagonal = np.arange(len(self._pulls))
        system[:, diagonal, diagonal] += self._pulls
        pulled: npt.NDArray[np.float64] = right.astype(np.float64)
        pulled[:, :-1] += self._pulls[:-1] * self._centre[first : first + len(right)]
        return np.linalg.solve(system, pulled[:, :, None])[:, :, 0].astype(np.float64, copy=False)

"""Logistic regression with a Gaussian prior whose mean is another model's weights (MAP adaptation).

Chelba and Acero 2004, "Adaptation of Maximum Entropy Capitalizer: Little Data Can Help a Lot"; PRIOR in Daumé 2007.
The problem is convex: there is one solution for all seeds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize

from sentrec.metrics.calibration import softmax
from sentrec.models.contracts import Features

Logits = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

_BIAS_SPREAD = 1.0
_TOLERANCE = 1e-4
_MOST_STEPS = 500


@dataclass(frozen=True)
class Block:
    """Features of one kind, ``(texts, columns)``, and the spread of their prior.

    That is the standard deviation of what they change in a text's log odds between two classes, averaged over texts.
    """

    features: Features
    spread: float

    def take(self, rows: Rows) -> "Block":
        """These rows of it."""
        return Block(self.features[rows], self.spread)


@dataclass(frozen=True)
class Change:
    """What is to be added to a linear model."""

    weights: list[npt.NDArray[np.float64]]  # of each block, ``(columns, classes)``
    bias: npt.NDArray[np.float64]  # ``(classes,)``

    def logits(self, blocks: Sequence[Block]) -> Logits:
        """What it adds to the logits of texts, shape ``(texts, classes)``."""
        added = [block.features @ weights for block, weights in zip(blocks, self.weights, strict=True)]
        return np.asarray(sum(added, start=self.bias[np.newaxis, :]))


def fit_change(blocks: Sequence[Block], before: Logits, labels: npt.NDArray[np.int64]) -> Change:
    """The change of the weights with the highest posterior probability.

    `before` are the source's logits, ``(texts, classes)``; zeros make this an ordinary logistic regression with a
    Gaussian prior.
    """
    classes = before.shape[1]
    scales = [_scale(block) for block in blocks]
    ends = np.cumsum([0, *(block.features.shape[1] for block in blocks)])
    truth = np.eye(classes)[labels]
    bias_scale = _BIAS_SPREAD / np.sqrt(2)

    def change_of(free: npt.NDArray[np.float64]) -> Change:
        parts = [scale * free[begin:end] for scale, begin, end in zip(scales, ends, ends[1:], strict=False)]
        return Change(parts, bias_scale * free[-1])

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        free = flat.reshape(-1, classes)
        change = change_of(free)
        probabilities = softmax(before + change.logits(blocks))
        wrong = probabilities - truth
        parts = [scale * (block.features.T @ wrong) for scale, block in zip(scales, blocks, strict=True)]
        slope = np.concatenate([*parts, bias_scale * wrong.sum(axis=0, keepdims=True)]) + free
        likelihood = np.clip(probabilities[truth.astype(bool)], 1e-300, 1.0)
        return float(0.5 * (flat @ flat) - np.log(likelihood).sum()), slope.ravel()

    start = np.zeros((int(ends[-1]) + 1) * classes)
    options = {"maxiter": _MOST_STEPS, "gtol": _TOLERANCE}
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    return change_of(found.x.reshape(-1, classes))


def held_out_logits(
    learn: Callable[[Rows, Rows], Logits], before: Logits, labels: npt.NDArray[np.int64], folds: int, seed: int
) -> Logits:
    """The logits of each text, ``(texts, classes)``, after a change learned from other texts only (cross-fitting).

    `learn` gives, from the rows to learn from and others, what is to be added to the logits of these others. `before`
    are the source's logits; each class is spread evenly over the `folds`.
    """
    generator = np.random.default_rng(seed)
    fold = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        fold[members] = np.arange(len(members)) % folds
    after = np.array(before)
    for part in range(folds):
        outside, inside = np.flatnonzero(fold != part), np.flatnonzero(fold == part)
        if len(outside) and len(inside):
            after[inside] += learn(outside, inside)
    return after


def _scale(block: Block) -> float:
    """The prior's standard deviation of each weight, so that the block as a whole has its spread.

    The log odds of two classes are the difference of two scores, hence the 2.
    """
    features = block.features
    squares = np.square(features).sum() if isinstance(features, np.ndarray) else features.multiply(features).sum()
    mean_length = float(squares) / max(1, features.shape[0])
    return block.spread / float(np.sqrt(2 * mean_length)) if mean_length > 0 else 0.0

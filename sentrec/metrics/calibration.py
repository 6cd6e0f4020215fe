"""How far confidence can be trusted: temperature scaling, reliability bins and the calibration error."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 15
"""Equal-width bins of confidence, as in Guo et al. 2017."""

_LARGEST_LOG_TEMPERATURE = float(np.log(20.0))


def softmax(logits: npt.NDArray[Any], temperature: float = 1.0) -> npt.NDArray[np.float64]:
    """Probabilities of the classes in double precision, from scores of shape ``(n, classes)``.

    The temperature divides the scores: above 1 softens, below 1 sharpens. The ranking stays.
    """
    scores = np.asarray(logits, dtype=np.float64) / temperature
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def log_loss(probabilities: npt.NDArray[np.float64], labels: npt.NDArray[Any]) -> float:
    """Mean of the negative log of the right class's probability; one of less than 1e-12 counts as that."""
    likelihood = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(likelihood, 1e-12, 1.0)).mean())


def fit_temperature(logits: npt.NDArray[Any], labels: npt.NDArray[Any]) -> float:
    """The temperature that makes the true labels most likely.

    Guo et al. 2017, "On Calibration of Modern Neural Networks". To be fitted on rows that the model was not trained
    on; the log loss on these rows is never higher than at temperature 1. Where every row is classified right (or there
    is none), ever sharper would be ever likelier, so that the rows determine no temperature: it stays 1.

    Args:
        logits: Scores of shape ``(n, classes)``.
        labels: Class numbers of shape ``(n,)``.

    Returns:
        The temperature, between 1/20 and 20.

    Raises:
        ValueError: If a score is not finite.
    """
    from scipy import optimize, special  # here, because whoever only predicts need not wait for it

    scores = np.asarray(logits, dtype=np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("logits must be finite")
    rows = np.arange(len(scores))
    if len(scores) == 0 or (scores.argmax(axis=1) == labels).all():
        return 1.0

    def loss(log_temperature: float) -> float:
        log_probabilities = special.log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(log_probabilities[rows, labels].mean())

    bounds = (-_LARGEST_LOG_TEMPERATURE, _LARGEST_LOG_TEMPERATURE)
    best = optimize.minimize_scalar(loss, bounds=bounds, method="bounded")
    return float(np.exp(best.x)) if best.fun < loss(0.0) else 1.0


_STRENGTHS = np.linspace(0.0, 2.0, 17)


def balancing_strength(probabilities: npt.NDArray[np.float64], shares: npt.NDArray[np.float64]) -> float:
    """How far to correct for unequal classes, so that the mean F1 of the classes becomes highest.

    Dividing probabilities by a power of the classes' shares is the logit adjustment of Menon et al. 2021: at 0 the
    likeliest class is decided for, at 1 the one that would be if all classes were of one size. The F1 of a power is the
    one expected under the probabilities, which should be calibrated: rare classes have too few labels to choose by.

    Args:
        probabilities: Those of rows that were not learned from, shape ``(rows, classes)``.
        shares: How common each class is, shape ``(classes,)``.

    Returns:
        The power, between 0 and 2.
    """

    def expected_f1(strength: float) -> float:
        decided = np.eye(len(shares))[(probabilities / shares**strength).argmax(axis=1)]
        hits, sizes = (decided * probabilities).sum(axis=0), decided.sum(axis=0) + probabilities.sum(axis=0)
        return float((2 * hits / np.maximum(sizes, 1e-12)).mean())

    scores = np.array([expected_f1(strength) for strength in _STRENGTHS])
    return float(_STRENGTHS[scores >= scores.max() - 1e-9].mean())


@dataclass(frozen=True)
class ReliabilityBins:
    """Predictions grouped by their confidence, the probability of the predicted class."""

    edges: npt.NDArray[np.float64]  # borders of the bins, ``(bins + 1,)``; a bin holds its right border
    counts: npt.NDArray[np.int64]  # predictions in each bin, ``(bins,)``
    confidence: npt.NDArray[np.float64]  # mean confidence in each bin, 0 where it is empty
    accuracy: npt.NDArray[np.float64]  # fraction that is right in each bin, 0 where it is empty

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: the gap between confidence and accuracy, averaged over predictions; 0 to 1."""
        return float(np.average(np.abs(self.confidence - self.accuracy), weights=self.counts))


def calibrated_error(probabilities: npt.NDArray[np.float64], simulations: int = 100, seed: int = 1) -> float:
    """The calibration error that a perfectly calibrated model has on average in so many rows: chance alone, not 0.

    Whether a prediction is right is drawn with the probability that its confidence states, in so many simulations.
    """
    confidence = probabilities.max(axis=1)
    _, place = _binned(confidence, BINS)
    stated = np.bincount(place, weights=confidence, minlength=BINS)
    generator = np.random.default_rng(seed)
    errors = [
        np.abs(stated - np.bincount(place, weights=generator.random(len(place)) < confidence, minlength=BINS)).sum()
        for _ in range(simulations)
    ]
    return float(np.mean(errors)) / len(place)


def reliability_bins(
    labels: npt.NDArray[Any], probabilities: npt.NDArray[np.float64], bins: int = BINS
) -> ReliabilityBins:
    """Groups predictions by confidence, in bins of equal width; labels ``(n,)``, probabilities ``(n, classes)``."""
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    edges, place = _binned(confidence, bins)
    counts = np.bincount(place, minlength=bins)
    means = (np.bincount(place, one, minlength=bins) / np.maximum(counts, 1) for one in (confidence, right))
    return ReliabilityBins(edges, counts, *means)


def _binned(confidence: npt.NDArray[np.float64], bins: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    edges = np.linspace(0.0, 1.0, bins + 1)
    return edges, np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)

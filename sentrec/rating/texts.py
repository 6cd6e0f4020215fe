"""Ratings predicted from texts: the mean of a classifier's distribution over levels, corrected on held-out rows."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sentrec.metrics.regression import conformal_quantile
from sentrec.rating.facts import Floats
from sentrec.rating.model import Rated

_MOST_SCORES = 500


@dataclass(frozen=True)
class TextRatings:
    """From probabilities of levels to ratings with intervals.

    Attributes:
        levels: The rating of each class, ascending.
        slope: What the mean of the distribution is multiplied by.
        intercept: What is added then.
        inflation: What the variance of the distribution is multiplied by.
        scores: Absolute errors of held-out rows, in the standard deviations of their distributions, ascending.
    """

    levels: tuple[float, ...]
    slope: float
    intercept: float
    inflation: float
    scores: tuple[float, ...]

    def rate(self, probabilities: Floats, confidence: float = 0.9) -> Rated:
        """The ratings of texts with these probabilities, shape ``(texts, levels)``; intervals hold a single rating."""
        raw, deviation = _moments(probabilities, self.levels)
        limits = self.levels[0], self.levels[-1]
        mean = np.clip(self.slope * raw + self.intercept, *limits)
        reach = conformal_quantile(np.array(self.scores), confidence) * deviation
        low, high = np.clip(mean - reach, *limits), np.clip(mean + reach, *limits)
        return Rated(mean, self.inflation * deviation**2, low, high)

    def to_dict(self) -> dict[str, Any]:
        """What a run's metrics keep of it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TextRatings":
        """What `to_dict` gave."""
        numbers = {name: float(values[name]) for name in ("slope", "intercept", "inflation")}
        return cls(tuple(map(float, values["levels"])), scores=tuple(map(float, values["scores"])), **numbers)


def fit_text_ratings(probabilities: Floats, target: Floats, levels: Floats) -> TextRatings:
    """Fits the correction to rows that were not learned from: least squares, and the sizes of errors."""
    raw, deviation = _moments(probabilities, tuple(levels))
    spread = float(raw.var())
    slope = max(0.0, float(np.mean((raw - raw.mean()) * target)) / spread) if spread else 0.0
    intercept = float(target.mean() - slope * raw.mean())
    scores = np.sort(np.abs(target - slope * raw - intercept) / deviation)
    kept = np.linspace(0, len(scores) - 1, min(len(scores), _MOST_SCORES)).round().astype(int)
    return TextRatings(
        tuple(map(float, levels)), slope, intercept, float(np.mean(scores**2)), tuple(map(float, scores[kept]))
    )


def _moments(probabilities: Floats, levels: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of distributions over levels."""
    values = np.array(levels)
    mean = probabilities @ values
    least = 1e-3 * (values[-1] - values[0])
    return mean, np.sqrt(np.maximum(probabilities @ values**2 - mean**2, least**2))

"""How good predictions of numbers are, how sure that is, and how far they may be from the truth."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

Floats = npt.NDArray[np.float64]
_REPLICATES = 500
_SEED = 0
METRICS = ("mae", "rmse", "r2", "spearman")


@dataclass(frozen=True)
class Noise:
    """Why a mean of votes differs from a prediction: the item itself, and how few voted."""

    between: float  # variance of the items around their prediction, tau²
    within: float = 0.0  # variance of single votes around their item, s²; 0 where numbers of votes are unknown

    def variance(self, votes: Floats | None, rows: int) -> Floats:
        """The variance of each row's target around its prediction: tau² + s² / votes."""
        return np.full(rows, self.between) if votes is None else self.between + self.within / np.maximum(votes, 1.0)


def fit_noise(residuals: Floats, votes: Floats | None) -> Noise:
    """Fits both variances to residuals by maximum likelihood, as of normal ones (DerSimonian and Laird 1986).

    The prediction has not learned from these rows; each target is the mean of so many `votes`, None: unknown.
    """
    total = float(np.mean(residuals**2))
    if votes is None or not total:
        return Noise(total)

    def loss(logs: Floats) -> float:
        variance = np.exp(logs[0]) + np.exp(logs[1]) / votes
        return float(np.mean(np.log(variance) + residuals**2 / variance))

    start = np.log([total / 2, total])
    found = optimize.minimize(loss, start, method="L-BFGS-B", bounds=[(mid - 15, mid + 5) for mid in start])
    return Noise(*(float(one) for one in np.exp(found.x)))


def conformal_quantile(scores: Floats, confidence: float) -> float:
    """The smallest bound that a new score stays within with probability `confidence` (Vovk et al. 2005).

    `scores` are absolute residuals in standard deviations, of rows that are exchangeable with new ones.
    """
    rank = int(np.ceil((len(scores) + 1) * confidence))
    return float(np.sort(scores)[min(rank, len(scores)) - 1])


def regression_metrics(target: Floats, predicted: Floats) -> dict[str, Any]:
    """MAE, RMSE, R² and Spearman's correlation, each with its 95 % interval (percentile bootstrap over rows).

    Returns:
        `n`, and for each metric its value and ``NAME_interval``; None where it is not defined.
    """
    draws = np.random.default_rng(_SEED).integers(0, len(target), (_REPLICATES, len(target)))
    values = _metrics(target, predicted)
    drawn = np.array([_metrics(target[rows], predicted[rows]) for rows in draws])
    result: dict[str, Any] = {"n": len(target)}
    for name, value, column in zip(METRICS, values, drawn.T, strict=True):
        result[name] = float(value) if np.isfinite(value) else None
        finite = column[np.isfinite(column)]
        result[f"{name}_interval"] = np.quantile(finite, [0.025, 0.975]).tolist() if len(finite) else None
    return result


def r2_difference(target: Floats, first: Floats, second: Floats) -> tuple[float, float, float]:
    """R² of one prediction less that of another on the same rows, and its 95 % interval (paired bootstrap)."""
    draws = np.random.default_rng(_SEED).integers(0, len(target), (_REPLICATES, len(target)))
    gain = (second - target) ** 2 - (first - target) ** 2
    gains = [gain[rows].mean() / target[rows].var() for rows in draws]
    low, high = np.quantile(gains, [0.025, 0.975])
    return float(gain.mean() / target.var()), float(low), float(high)


def _metrics(target: Floats, predicted: Floats) -> tuple[float, float, float, float]:
    errors = target - predicted
    spread = float(np.mean((target - target.mean()) ** 2))
    squared = float(np.mean(errors**2))
    ranks = (stats.rankdata(target), stats.rankdata(predicted)) if spread and np.ptp(predicted) else None
    spearman = float(np.corrcoef(*ranks)[0, 1]) if ranks else float("nan")
    return float(np.abs(errors).mean()), squared**0.5, 1.0 - squared / spread if spread else float("nan"), spearman

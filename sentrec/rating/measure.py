"""How good predicted ratings are: of all rows, and of those with many votes."""

from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.metrics.regression import regression_metrics
from sentrec.rating.facts import Floats
from sentrec.rating.model import Rated

MANY_VOTES = 50


def measure_ratings(target: Floats, rated: Rated, votes: Floats | None) -> dict[str, dict[str, Any]]:
    """Metrics of predictions, with the share of intervals that hold the target, by the rows that they are over."""
    return {name: _measure(target[rows], rated.take(rows)) for name, rows in groups_of(target, votes).items()}


def groups_of(target: Floats, votes: Floats | None) -> dict[str, npt.NDArray[np.bool_]]:
    """All rows, or those with any vote and those with many of them; what has a single row is left out."""
    groups = {"all": np.ones(len(target), bool)}
    if votes is not None:
        groups = {"votes >= 1": votes >= 1, f"votes >= {MANY_VOTES}": votes >= MANY_VOTES}
    return {name: rows for name, rows in groups.items() if rows.sum() > 1}


def _measure(target: Floats, rated: Rated) -> dict[str, Any]:
    inside = (rated.low <= target) & (target <= rated.high)
    width = float(np.mean(rated.high - rated.low))
    return regression_metrics(target, rated.mean) | {"coverage": float(inside.mean()), "interval_width": width}

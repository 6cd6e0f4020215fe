"""Numbers to predict as classes in their order: a number's class is the nearest of some levels.

A classifier of levels models the whole distribution of a rating. Its mean keeps to the scale and predicts no worse than
regression on the number itself (Farebrother et al. 2024, "Stop Regressing").
"""

import numpy as np
import numpy.typing as npt

from sentrec.metrics.regression import fit_noise

Floats = npt.NDArray[np.float64]
_MOST_LEVELS = 11


def rating_levels(targets: Floats) -> Floats:
    """Levels, ascending: all distinct targets where they are few, as stars are, else the means of equal parts."""
    distinct = np.unique(targets)
    if len(distinct) <= _MOST_LEVELS:
        return distinct
    means = [float(part.mean()) for part in np.array_split(np.sort(targets), _MOST_LEVELS)]
    return np.unique(np.round(means, 4))


def level_names(levels: Floats) -> tuple[str, ...]:
    """The levels as names of classes."""
    return tuple(f"{level:.10g}" for level in levels)


def nearest_levels(targets: Floats, levels: Floats) -> npt.NDArray[np.int64]:
    """The class number of each target."""
    middles = (levels[1:] + levels[:-1]) / 2
    return np.searchsorted(middles, targets).astype(np.int64)


def weighted_targets(targets: Floats, levels: Floats, votes: Floats | None) -> npt.NDArray[np.float32]:
    """Each target as a mixture of the two levels around it, times its weight, float32, shape ``(rows, levels)``.

    Weights have a mean of 1; those of targets that are means of few votes are smaller: 1 / (tau² + s² / votes).
    """
    inside = np.clip(targets, levels[0], levels[-1])
    upper = np.clip(np.searchsorted(levels, inside), 1, len(levels) - 1)
    share = (inside - levels[upper - 1]) / (levels[upper] - levels[upper - 1])
    variance = fit_noise(targets - targets.mean(), votes).variance(votes, len(targets))
    weights = 1.0 / np.maximum(variance, 1e-12)
    weights /= weights.mean()
    rows, mixed = np.arange(len(targets)), np.zeros((len(targets), len(levels)), np.float32)
    mixed[rows, upper], mixed[rows, upper - 1] = share * weights, (1.0 - share) * weights
    return mixed

"""How sure is a difference of accuracies that was measured on some test rows, with a few seeds?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

_GRID = (np.arange(150) + 0.5) / 150
_LEVELS, _WEIGHTS = _GRID**2 * (3.0 - 2.0 * _GRID), 6.0 * _GRID * (1.0 - _GRID) / 150
"""Where to integrate over the quantiles of a distribution, denser towards its tails, and with what weights."""


@dataclass(frozen=True)
class PairedDifference:
    """The accuracy of one arm less that of another, over the same test rows and seeds."""

    difference: float
    """As measured: a fraction of rows from -1 to 1, positive where the first arm is the more accurate one."""
    interval: tuple[float, float]  # its 95 % confidence interval
    p_value: float  # two-sided p-value of no difference; below 0.05 exactly where the interval excludes 0
    seeds: int  # over how many seeds


def paired_difference(
    first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_], confidence: float = 0.95
) -> PairedDifference:
    """Compares the accuracy of two arms on the same test rows with the same seeds.

    Interval and p-value cover the choice of the test rows and, with two seeds or more, all that differs from seed to
    seed: the labelled rows, the initial weights, the order; not what all seeds share: the target itself, and a source
    that is one finished run.

    Rows and seeds are crossed, as in Owen's pigeonhole bootstrap (2007). The uncertainty is the sum of two independent
    parts, as in an interval of the Behrens-Fisher kind (Fisher 1935):

    - Rows: Student's t with the adjusted variance of the paired difference, averaged over the seeds, and the degrees
      of freedom of `row_error` (Bonett and Price 2012).
    - Seeds: Student's t, with one degree of freedom fewer than seeds, times the standard error of their differences.
      The bootstrap over three seeds would hold the truth in three of four studies at best, and one effective number of
      degrees of freedom for both parts (Welch) would claim a difference in up to a third of the studies that have none,
      once their 20 p-values are corrected for their number.

    With one seed, or seeds that all predict the same, the interval covers the truth with a probability of 0.95 or more
    with 10 to 300 rows. It is never at odds with the exact McNemar test: the p-value is the larger one of the two.

    The noise that rows and seeds have in common enters both parts: the interval is wider than it need be where seeds
    hardly matter (up to 99 % coverage). Two seeds give a wide one (t is 12.7), three one of 4.3 standard errors.

    Args:
        first_right: Whether the first arm classified a test row correctly, bool of shape ``(seeds, rows)``.
        second_right: The same of the second arm, with the same seeds and rows in the same order.
        confidence: Coverage of the interval.

    Raises:
        ValueError: If the shapes differ, are not two-dimensional, or hold no seed or no row.

    References:
        D. G. Bonett, R. M. Price: Adjusted Wald confidence interval for a difference of binomial proportions based on
            paired data. Journal of Educational and Behavioral Statistics 37(4), 2012, 479-488.
        A. B. Owen: The pigeonhole bootstrap. Annals of Applied Statistics 1(2), 2007, 386-411.
        R. A. Fisher: The fiducial argument in statistical inference. Annals of Eugenics 6, 1935, 391-398.
    """
    if first_right.ndim != 2 or first_right.shape != second_right.shape or first_right.size == 0:
        raise ValueError(f"two arrays (seeds, rows) were expected, not {first_right.shape} and {second_right.shape}")
    differences = first_right.astype(np.int8) - second_right.astype(np.int8)
    seeds, of_rows = len(differences), differences.mean(axis=0)
    centre, error, freedom = row_error(of_rows)
    alike = bool((differences == differences[0]).all())
    seed_error = 0.0 if alike else float(differences.mean(axis=1).std(ddof=1) / np.sqrt(seeds))

    upper_tail = _upper_tail(error, freedom, seed_error, seeds)
    tail = (1.0 - confidence) / 2.0
    reach = -error * float(special.stdtrit(freedom, tail))
    if seed_error > 0.0:  # the parts together exceed `longest` no more often than one of them its own summand
        longest = -error * special.stdtrit(freedom, tail / 3) - seed_error * special.stdtrit(seeds - 1, tail / 3)
        reach = float(optimize.brentq(lambda distance: upper_tail(distance) - tail, 0.0, longest, xtol=1e-9))
    # Two seeds can ask for more than the whole range; what lies beyond it is true of no two arms.
    low, high = max(-1.0, centre - reach), min(1.0, centre + reach)
    p_value = min(1.0, 2.0 * upper_tail(abs(centre)))
    exact = mcnemar(int((of_rows > 0).sum()), int((of_rows < 0).sum()))[0] if alike else 0.0
    if exact > 1.0 - confidence:
        low, high = min(low, 0.0), max(high, 0.0)
    return PairedDifference(float(differences.mean()), (low, high), max(p_value, exact), seeds)


def _upper_tail(error: float, freedom: float, seed_error: float, seeds: int) -> Callable[[float], float]:
    """Probability that the parts of rows and seeds together exceed a distance, as a function of it."""
    if seed_error == 0.0:
        return lambda distance: float(special.stdtr(freedom, -distance / error))
    row_parts = error * special.stdtrit(freedom, _LEVELS)
    return lambda distance: float(special.stdtr(seeds - 1, (row_parts - distance) / seed_error) @ _WEIGHTS)


def mcnemar(only_first_right: int, only_second_right: int) -> tuple[float, float]:
    """McNemar's test of equal accuracy, from the numbers of rows that only one of two classifiers has right.

    Gives the two-sided exact p-value, and the mid-p value (Fagerland, Lydersen and Laake 2013).
    """
    discordant, smaller = only_first_right + only_second_right, min(only_first_right, only_second_right)
    at_most = float(special.bdtr(smaller, discordant, 0.5))
    below = float(special.bdtr(smaller - 1, discordant, 0.5)) if smaller else 0.0
    return min(1.0, 2.0 * at_most), min(1.0, at_most + below)


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` (Wilson 1927); not degenerate where all or none count."""
    z = float(special.ndtri(0.975))
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * float(np.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)))
    # Of none or all, one end is exactly 0 or 1, whatever rounding says.
    return (0.0 if share == 0 else centre - half), (1.0 if share == 1 else centre + half)


def row_error(differences: npt.NDArray[Any]) -> tuple[float, float, int]:
    """Mean, standard error and degrees of freedom of paired differences of accuracy, adjusted for few discordant rows.

    Two made-up rows are added, one that only the first classifier has right and one that only the second has (Bonett
    and Price 2012): without them, classifiers that agree on four rows would seem to agree on all there are. The
    standard error is estimated from the discordant rows alone, so that these give the degrees of freedom of Student's
    t: one fewer than there are, the two included. `differences` are, for each row, how often the first classifier is
    right less how often the second one is, from -1 to 1: a mean over seeds, or of one run -1, 0 or 1.
    """
    adjusted = np.concatenate([differences, [1.0, -1.0]])
    mean = float(adjusted.mean())
    error = float(np.sqrt((np.square(adjusted).mean() - mean**2) / len(adjusted)))
    return mean, error, int(np.count_nonzero(adjusted)) - 1


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values, adjusted for their number by Holm's step-down method (1979); order is kept.

    To call those below 0.05 significant is wrong in any of them in at most 5 % of studies, however they depend on one
    another.
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * factors))
    return [float(value) for value in adjusted]

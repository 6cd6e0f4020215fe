"""How sure is a difference of accuracies that was measured on some test rows, with a few seeds?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from sentrec.metrics.comparison import row_error

_ROW_QUANTILES = stats.norm.ppf((np.arange(500) + 0.5) / 500)


@dataclass(frozen=True)
class PairedDifference:
    """The accuracy of one arm less that of another, over the same test rows and seeds.

    Attributes:
        difference: As measured: a fraction of rows from -1 to 1, positive where the first arm is the more accurate one.
        interval: Its 95 % confidence interval.
        p_value: Two-sided p-value of no difference; below 0.05 exactly where the interval excludes 0.
        seeds: Over how many seeds.
    """

    difference: float
    interval: tuple[float, float]
    p_value: float
    seeds: int


def paired_difference(
    first_right: npt.NDArray[np.bool_], second_right: npt.NDArray[np.bool_], confidence: float = 0.95
) -> PairedDifference:
    """Compares the accuracy of two arms on the same test rows with the same seeds.

    Interval and p-value cover the choice of the test rows and, with two seeds or more, all that differs from seed to
    seed: the labelled rows, the initial weights, the order. With one seed they cover the test rows alone. What all
    seeds share is not covered: the target itself, and a source that is one finished run.

    Rows and seeds are crossed, as in Owen's pigeonhole bootstrap (2007). The uncertainty is the sum of two independent
    parts, as in an interval of the Behrens-Fisher kind (Fisher 1935):

    - Rows: normal, with the adjusted variance of the paired difference, averaged over the seeds, of
      `sentrec.metrics.comparison.row_error` (Bonett and Price 2012). With it, intervals of 10 rows or more hold the
      truth in 92 of 100 studies or more.
    - Seeds: Student's t, with one degree of freedom fewer than seeds, times the standard error of their differences.
      The bootstrap over three seeds would hold the truth in three of four studies at best, and one effective number of
      degrees of freedom for both parts (Welch) would claim a difference in up to a third of the studies that have none,
      once their 20 p-values are corrected for their number.

    The noise that rows and seeds have in common enters both parts. That makes the interval wider than it need be where
    seeds hardly matter (up to 99 % coverage), and never narrower than that of the rows alone. Two seeds give a wide
    interval (t is 12.7 with one degree of freedom), three one of 4.3 standard errors.

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
    seeds = len(differences)
    centre, error, _ = row_error(differences.mean(axis=0))
    seed_error = float(differences.mean(axis=1).std(ddof=1) / np.sqrt(seeds)) if seeds > 1 else 0.0

    def upper_tail(distance: float) -> float:
        """Probability that both parts together exceed a distance."""
        if seed_error == 0.0:
            return float(stats.norm.sf(distance / error))
        return float(stats.t.sf((distance - error * _ROW_QUANTILES) / seed_error, seeds - 1).mean())

    tail = (1.0 - confidence) / 2.0
    longest = 10.0 * error + 2.0 * seed_error * float(stats.t.isf(tail / 2, max(1, seeds - 1)))
    reach = float(optimize.brentq(lambda distance: upper_tail(distance) - tail, 0.0, longest, xtol=1e-9))
    # Two seeds can ask for more than the whole range; what lies beyond it is true of no two arms.
    interval = max(-1.0, centre - reach), min(1.0, centre + reach)
    p_value = min(1.0, 2.0 * upper_tail(abs(centre)))
    return PairedDifference(float(differences.mean()), interval, p_value, seeds)


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

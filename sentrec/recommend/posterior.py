"""How good an item is, and how sure that is: a hierarchical Bayesian model of the reviews' positive probabilities.

An item with three raving reviews is not better than one with thirty very good ones; less is known of it. Probabilities
of reviews are mostly near 0 or 1, so the variance within an item is modelled as a share ``phi`` of the largest one that
its mean allows, and the mean's likelihood is that of an overdispersed proportion (quasi-binomial)::

    p_ij     reviews of item i, with mean theta_i and variance phi_i theta_i (1 - theta_i)
    theta_i  ~ Beta(mu_i M, (1 - mu_i) M),   logit(mu_i) = logit(mu) + beta (log n_i - mean log n)
    L(theta_i) = theta_i^(N_i m_i) (1 - theta_i)^(N_i (1 - m_i)),   N_i = n_i / phi_i

so that ``theta_i`` given the rest is ``Beta(mu_i M + N_i m_i, (1 - mu_i) M + N_i (1 - m_i))``. Nothing is plugged in
that few items or few reviews cannot tell:

- ``phi`` has a Beta prior with mean 3/4; the reviews' spread around their item's mean, against what each review leaves
  open by itself, updates it. Probabilities that are all 0.99 hardly do, so their intervals do not collapse. An item's
  own ``phi_i`` is drawn towards ``phi`` as if that were known from ten reviews.
- ``mu``, ``M`` and ``beta`` have weak priors and are integrated out on a grid that closes in on where the posterior is.
  ``beta``, the effect of the number of reviews (popular items are better items), takes 24 items, 12 of them with
  other numbers than the most frequent one: else a single rave among items with ten reviews each would be all there is
  to tell that fewer reviews are better.

Mean and variance of the mixture are exact; its quantiles are those of the Beta distribution with these moments. The
intervals hold the truth in 93 to 97 % of simulated items, be they 2 or 345, with bimodal reviews and item means that
are skewed, bimodal or correlated with the number of reviews: ``make bench BENCH="--parts ranking"``.

Items are ordered by the posterior mean. On films held out of IMDB's *training* set (five folds, each scored by a model
trained on the other films; at least 3 reviews) its Spearman correlation with mean stars was 0.8975 where the plain mean
had 0.8962, the lower quartile 0.8940 and the lower end of the interval 0.8788. The median came out alike (0.8978), but
of two or three items it puts a single rave before ten good reviews.

References:
    P. McCullagh, J. A. Nelder: Generalized Linear Models, 1989, chapter 9 (quasi-likelihood).
    A. Gelman et al.: Bayesian Data Analysis, 3rd edition, 2013, sections 5.1 to 5.4 (hierarchical Beta models).
    G. K. Smyth: Linear models and empirical Bayes methods, 2004 (a variance from few values steadied by others).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from sentrec.recommend.items import Floats, Items

_PHI_PRIOR = (4.5, 1.5)
"""Beta prior of `phi`, in reviews."""
_OWN_PRIOR_REVIEWS = 10.0
_REVIEW_VARIANCE = 0.2
"""What one review tells of `phi` is its theta (1 - theta) in units of this, about what it is for a typical item."""
_PHI_POINTS = 5
_PHI_KNOWN = 1000.0
_MEAN_PRIOR = (1.5, 1.5)
"""Beta prior of `mu`."""
_CORRELATION_PRIOR = (1.0, 4.0)
"""Beta prior of 1 / (M + 1), the correlation of two items' reviews with themselves."""
_SLOPE_PRIOR = 0.3
_SLOPE_ITEMS = 24
_GRID = (9, 9, 5)
_REFINEMENTS = 4
_LIKELY = 8.0
"""Grid points that are less likely than the best one by this factor's exponential do not count."""
_FITTED_ITEMS = 2000
_CHUNK = 8192

Grid = tuple[Floats, Floats, Floats]
"""Points of logit(mu), log(1 / (M + 1)) and beta."""


@dataclass(frozen=True)
class Estimates:
    """What items are expected to be like; arrays have one entry an item."""

    score: Floats  # posterior mean of the mean positive probability that many more reviews would give; the rank score
    low: Floats  # lower end of its 95 % interval
    high: Floats  # upper end
    overall: float  # the mean of all items


def estimate(items: Items) -> Estimates:
    """The posterior of each item's mean, from all items that there are, those with few reviews too; at least one."""
    model = _Model(items)
    grid = model.grid()
    expected, squares = np.zeros(len(items)), np.zeros(len(items))
    for phi in model.phis:
        first, second = model.moments(grid, float(phi))
        expected += first / len(model.phis)
        squares += second / len(model.phis)
    largest = expected * (1.0 - expected)
    precision = largest / np.clip(squares - expected**2, 1e-9 * largest, None) - 1.0
    liked, disliked = expected * precision, (1.0 - expected) * precision
    low, high = (special.betaincinv(liked, disliked, at) for at in (0.025, 0.975))
    return Estimates(expected, low, high, float(expected.mean()))


class _Model:
    """Sufficient statistics of the items, and the posterior of what they share."""

    def __init__(self, items: Items) -> None:
        self.reviews = items.reviews.astype(np.float64)
        self.mean = items.mean
        largest = self.reviews * self.mean * (1.0 - self.mean)
        self.spread = np.minimum(items.squares, largest)
        # Sum of p (1 - p) in as many degrees of freedom as the spread has.
        self.within = (largest - self.spread) * (1.0 - 1.0 / self.reviews)
        totals = zip(_PHI_PRIOR, (self.spread, self.within), strict=True)
        evidence = [prior + total.sum() / _REVIEW_VARIANCE for prior, total in totals]
        points = _PHI_POINTS if sum(evidence) < _PHI_KNOWN else 1
        self.phis: Floats = special.betaincinv(*evidence, (np.arange(points) + 0.5) / points)
        self.popularity = np.log(self.reviews) - np.log(self.reviews).mean()
        count = len(items)
        self._fitted = np.linspace(0, count - 1, min(count, _FITTED_ITEMS)).astype(np.int64)
        # Items with equally many reviews share their prior.
        levels = np.unique(self.popularity[self._fitted], return_inverse=True, return_counts=True)
        self._levels, self._level, self._level_items = levels

    def effective(self, phi: float) -> Floats:
        """Reviews of each item divided by its own `phi`."""
        known = _OWN_PRIOR_REVIEWS * _REVIEW_VARIANCE
        return np.asarray(self.reviews * (self.spread + self.within + known) / (self.spread + known * phi))

    def grid(self) -> Grid:
        """Points around where the posterior is, closing in on it where items are many."""
        different = len(self.reviews) - np.unique(self.reviews, return_counts=True)[1].max()
        varied = len(self.reviews) >= _SLOPE_ITEMS and different >= _SLOPE_ITEMS / 2
        slope = (-0.6, 1.0) if varied else (0.0, 0.0)
        box = [(-4.0, 4.0), (float(np.log(0.003)), float(np.log(0.7))), slope]
        phi = float(self.phis[len(self.phis) // 2])
        for _ in range(_REFINEMENTS):
            sizes = zip(box, _GRID, strict=True)
            axes = [np.linspace(low, high, points if high > low else 1) for (low, high), points in sizes]
            logit, correlation, slopes = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
            grid = (logit, correlation, slopes)
            logs = self._log_posterior(grid, phi)
            likely = logs > logs.max() - _LIKELY
            box = [_around(points[likely], axis) for points, axis in zip(grid, axes, strict=True)]
        return grid

    def moments(self, grid: Grid, phi: float) -> tuple[Floats, Floats]:
        """Posterior mean of each item's mean, and of its square."""
        logs = self._log_posterior(grid, phi)
        kept = logs > logs.max() - _LIKELY
        weights = np.exp(logs[kept] - logs.max())
        weights /= weights.sum()
        grid = (grid[0][kept], grid[1][kept], grid[2][kept])
        effective = self.effective(phi)
        first, second = np.empty_like(self.mean), np.empty_like(self.mean)
        for start in range(0, len(self.mean), _CHUNK):
            rows = slice(start, start + _CHUNK)
            liked, disliked = _prior(grid, self.popularity[rows])
            liked += (effective * self.mean)[rows, None]
            total = liked + disliked + (effective * (1.0 - self.mean))[rows, None]
            mean = liked / total
            first[rows] = mean @ weights
            second[rows] = (mean * (liked + 1.0) / (total + 1.0)) @ weights
        return first, second

    def _log_posterior(self, grid: Grid, phi: float) -> Floats:
        effective, mean = self.effective(phi)[self._fitted, None], self.mean[self._fitted, None]
        logit, correlation, slope = grid
        liked, disliked = _prior(grid, self._levels)
        # Log beta functions of posterior and prior; their parameters' sums depend on the concentration alone.
        logs = special.gammaln(liked[self._level] + effective * mean).sum(axis=0)
        logs += special.gammaln(disliked[self._level] + effective * (1.0 - mean)).sum(axis=0)
        logs -= self._level_items @ (special.gammaln(liked) + special.gammaln(disliked))
        different, which = np.unique(correlation, return_inverse=True)
        concentration = np.exp(-different) - 1.0
        logs -= (special.gammaln(concentration + effective) - special.gammaln(concentration)).sum(axis=0)[which]
        # Densities on the scales of the grid.
        logs += _MEAN_PRIOR[0] * special.log_expit(logit) + _MEAN_PRIOR[1] * special.log_expit(-logit)
        logs += _CORRELATION_PRIOR[0] * correlation + (_CORRELATION_PRIOR[1] - 1.0) * np.log1p(-np.exp(correlation))
        return np.asarray(logs - (slope / _SLOPE_PRIOR) ** 2 / 2.0)


def _prior(grid: Grid, popularity: Floats) -> tuple[Floats, Floats]:
    """Parameters of each item's Beta prior, shape ``(items, points)``."""
    logit, correlation, slope = grid
    mean = special.expit(logit + slope * popularity[:, None])
    concentration = np.exp(-correlation) - 1.0
    return mean * concentration, (1.0 - mean) * concentration


def _around(points: Floats, axis: Sequence[float] | npt.NDArray[np.float64]) -> tuple[float, float]:
    step = (axis[1] - axis[0]) / 2 if len(axis) > 1 else 0.0
    return max(float(points.min() - step), float(axis[0])), min(float(points.max() + step), float(axis[-1]))

"""How good an item is, and how sure that is: a hierarchical Bayesian model of the reviews' positive probabilities.

An item with three raving reviews is not better than one with thirty very good ones; less is known of it. Probabilities
of reviews are mostly near 0 or 1, so the variance within an item is modelled as a share ``phi`` of the largest one that
its mean allows, and the mean's likelihood is that of an overdispersed proportion (quasi-binomial)::

    p_ij     reviews of item i, with mean theta_i and variance phi_i theta_i (1 - theta_i)
    theta_i  ~ Beta(mu_i M_i, (1 - mu_i) M_i),   logit(mu_i) = logit(mu) + beta (log n_i - mean log n) + gamma z_i
    L(theta_i) = theta_i^(N_i m_i) (1 - theta_i)^(N_i (1 - m_i)),   N_i = n_i / phi_i

so that ``theta_i`` given the rest is ``Beta(mu_i M_i + N_i m_i, (1 - mu_i) M_i + N_i (1 - m_i))``. Nothing is
plugged in that few items or few reviews cannot tell:

- ``phi`` has a Beta prior with mean 3/4; the reviews' spread around their item's mean, against what each review leaves
  open by itself, updates it. Probabilities that are all 0.99 hardly do, so their intervals do not collapse. An item's
  own ``phi_i`` is drawn towards ``phi`` as if that were known from ten reviews.
- ``mu``, ``M``, ``beta`` and ``gamma`` have weak priors and are integrated out on a grid that closes in on where the
  posterior is. ``beta``, the effect of the number of reviews (popular items are better items), takes 24 items, 12 of
  them with other numbers than the most frequent one: else a single rave among items with ten reviews each would be
  all there is to tell that fewer reviews are better.
- ``z_i`` is what something else, such as metadata, expects of item i (a `Prior`), in standard deviations; 0 where that
  is nothing. This is the area model of Fay and Herriot with one covariate: what it leaves open of an item's mean, how
  reviewers differ from whom the expectation is of included, is in ``M_i``. ``1 / (M_i + 1)`` is larger
  by ``gamma^2 v_i mu (1 - mu)`` where the expectation is less sure than the surest one, by a variance of ``v_i``.
  Half of ``gamma`` is believed, and the other half goes into ``v_i``: on IMDB, metadata tell more of the probabilities
  of other reviews than of their stars (see recipes/README.md).

Mean and variance of the mixture are exact; its quantiles are those of the Beta distribution with these moments. The
intervals hold the truth in 93 to 97 % of simulated items, be they 2 or 345, with bimodal reviews and item means that
are skewed, bimodal or correlated with the number of reviews: ``make bench BENCH="--parts ranking"``.

Items are ordered by the posterior mean: of held-out films it agrees with mean stars as the plain mean does, and more
than the lower quartile and the lower end of the interval (recipes/README.md, "Ranking films"). The median comes out
alike, but of two or three items it puts a single rave before ten good reviews.

References:
    P. McCullagh, J. A. Nelder: Generalized Linear Models, 1989, chapter 9 (quasi-likelihood).
    R. E. Fay, R. A. Herriot: Estimates of income for small places, JASA 74, 1979 (covariates of small areas).
    A. Gelman et al.: Bayesian Data Analysis, 3rd edition, 2013, sections 5.1 to 5.4 (hierarchical Beta models).
    G. K. Smyth: Linear models and empirical Bayes methods, 2004 (a variance from few values steadied by others).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from sentrec.recommend.items import Floats, Items

_PHI_PRIOR, _PHI_REVIEWS, _PHI_SPREAD = 0.75, 6.0, 10.0
"""Mean of the Beta prior of `phi`, as a share of the spread of all reviews, its weight, and that of a share of 1."""
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
_GAIN_PRIOR = (0.2, 0.2)
"""Mean and standard deviation of `gamma`'s normal prior."""
_TRUST = 0.5
"""How much of `gamma` is believed to be of the items: a model's errors go along with what metadata expects, too."""
_LARGEST_CORRELATION = 0.9
_GRID = (9, 9, 5, 1)
_GRID_WITH_PRIOR = (7, 7, 5, 5)
_REFINEMENTS = 4
_LIKELY = 8.0
"""Grid points that are less likely than the best one by this factor's exponential do not count."""
_FITTED_ITEMS = 2000
_CHUNK_VALUES = 3_000_000

Grid = tuple[Floats, Floats, Floats, Floats]
"""Points of logit(mu), log(1 / (M + 1)), beta and gamma."""


@dataclass(frozen=True)
class Prior:
    """What is expected of each item's mean before its reviews are read; arrays have one entry an item.

    Attributes:
        mean: The expectation in standard deviations from that of all items; NaN: nothing is known.
        variance: How uncertain it is, in the squares of these standard deviations; ignored where nothing is known.
    """

    mean: Floats
    variance: Floats

    def offsets(self) -> Floats:
        """`mean` with 0 where nothing is known, and by how much `variance` is larger than the least."""
        known = np.isfinite(self.mean)
        least = self.variance[known].min(initial=np.inf)
        extra = self.variance - least
        # Of an unknown expectation the variance is what is left open of a known one and that of expectations.
        unknown = 1.0 + (extra[known].mean() if known.any() else 0.0)
        return np.column_stack([np.where(known, self.mean, 0.0), np.where(known, extra, unknown)])


@dataclass(frozen=True)
class Estimates:
    """What items are expected to be like; arrays have one entry an item."""

    score: Floats  # posterior mean of the mean positive probability that many more reviews would give; the rank score
    low: Floats  # lower end of its 95 % interval
    high: Floats  # upper end
    overall: float  # the mean of all items
    from_prior: Floats  # what of `score` is due to the item's expectation differing from the mean one; negative, too
    prior_weight: Floats  # 0 to 1: how much the prior mean counts for `score`, the item's own reviews being the rest
    is_expected: npt.NDArray[np.bool_]  # whether the prior expects something of the item


def estimate(items: Items, prior: Prior | None = None) -> Estimates:
    """The posterior of each item's mean, from all items that there are, those with few reviews too; at least one.

    Args:
        items: Items with their reviews summed up; with a prior some may have none, and the mean 0 then.
        prior: What is expected of them.
    """
    model = _Model(items, prior)
    grid = model.grid()
    moments = np.mean([model.moments(grid, float(phi)) for phi in model.phis], axis=0)
    expected, squares, from_prior, weight = moments
    largest = expected * (1.0 - expected)
    precision = largest / np.clip(squares - expected**2, 1e-9 * largest, None) - 1.0
    liked, disliked = expected * precision, (1.0 - expected) * precision
    low, high = (special.betaincinv(liked, disliked, at) for at in (0.025, 0.975))
    is_expected = np.isfinite(prior.mean) if prior is not None else np.zeros(len(items), dtype=bool)
    return Estimates(expected, low, high, float(expected.mean()), from_prior, weight, is_expected)


class _Model:
    """Sufficient statistics of the items, and the posterior of what they share."""

    def __init__(self, items: Items, prior: Prior | None) -> None:
        self.reviews = items.reviews.astype(np.float64)
        self.mean = items.mean
        largest = self.reviews * self.mean * (1.0 - self.mean)
        self.spread = np.minimum(items.squares, largest)
        # Sum of p (1 - p) in as many degrees of freedom as the spread has.
        self.within = (largest - self.spread) * (1.0 - 1.0 / np.maximum(self.reviews, 1.0))
        # Reviews hardly spread more around their items' means than around that of all.
        overall = float(self.reviews @ self.mean / self.reviews.sum())
        most = self.reviews.sum() * overall * (1.0 - overall)
        spread = self.spread.sum() + self.reviews @ (self.mean - overall) ** 2
        phi = _PHI_PRIOR * (spread + _PHI_SPREAD) / (most + _PHI_SPREAD)
        totals = zip((_PHI_REVIEWS * phi, _PHI_REVIEWS * (1.0 - phi)), (self.spread, self.within), strict=True)
        evidence = [prior + total.sum() / _REVIEW_VARIANCE for prior, total in totals]
        points = _PHI_POINTS if sum(evidence) < _PHI_KNOWN else 1
        self.phis: Floats = special.betaincinv(*evidence, (np.arange(points) + 0.5) / points)
        logs = np.log(np.maximum(self.reviews, 1.0))
        count, reviewed = len(items), self.reviews > 0
        self.has_prior = prior is not None and bool(np.isfinite(prior.mean).any())
        expected = prior.offsets() if prior is not None and self.has_prior else np.zeros((count, 2))
        # What tells the items' priors apart: number of reviews, expectation, how much less sure it is than others.
        self.covariates = np.column_stack([logs - logs[reviewed].mean(), expected])
        known = expected[:, 0] != 0.0
        doubt = np.where(known, (1.0 - _TRUST) ** 2, 0.0)
        self._used = self.covariates * [1.0, _TRUST, 1.0] + np.outer(doubt, [0.0, 0.0, 1.0])
        parts = [np.flatnonzero(reviewed & one) for one in ((known, ~known) if self.has_prior else (~known,))]
        most = _FITTED_ITEMS // len(parts)
        places = [np.linspace(0, len(one) - 1, min(len(one), most)).astype(np.int64) for one in parts]
        self._fitted = np.concatenate([one[place] for one, place in zip(parts, places, strict=True)])
        # Items that are told apart by nothing share their prior.
        levels = np.unique(self.covariates[self._fitted], axis=0, return_inverse=True, return_counts=True)
        self._levels, self._level, self._level_items = levels

    def effective(self, phi: float) -> Floats:
        """Reviews of each item divided by its own `phi`."""
        known = _OWN_PRIOR_REVIEWS * _REVIEW_VARIANCE
        return np.asarray(self.reviews * (self.spread + self.within + known) / (self.spread + known * phi))

    def grid(self) -> Grid:
        """Points around where the posterior is, closing in on it where items are many."""
        reviews = self.reviews[self.reviews > 0]
        different = len(reviews) - np.unique(reviews, return_counts=True)[1].max()
        varied = len(reviews) >= _SLOPE_ITEMS and different >= _SLOPE_ITEMS / 2
        slope, gain = (-0.6, 1.0) if varied else (0.0, 0.0), (-0.6, 1.2) if self.has_prior else (0.0, 0.0)
        box = [(-4.0, 4.0), (float(np.log(0.003)), float(np.log(0.7))), slope, gain]
        phi = float(self.phis[len(self.phis) // 2])
        for _ in range(_REFINEMENTS):
            sizes = zip(box, _GRID_WITH_PRIOR if self.has_prior else _GRID, strict=True)
            axes = [np.linspace(low, high, points if high > low else 1) for (low, high), points in sizes]
            logit, correlation, slopes, gains = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
            grid = (logit, correlation, slopes, gains)
            logs = self._log_posterior(grid, phi)
            likely = logs > logs.max() - _LIKELY
            box = [_around(points[likely], axis) for points, axis in zip(grid, axes, strict=True)]
        return grid

    def moments(self, grid: Grid, phi: float) -> tuple[Floats, Floats, Floats, Floats]:
        """Posterior mean of each item's mean and of its square, and those of `from_prior` and `prior_weight`."""
        logs = self._log_posterior(grid, phi)
        kept = logs > logs.max() - _LIKELY
        weights = np.exp(logs[kept] - logs.max())
        weights /= weights.sum()
        logit, correlation, slope, gain = (axis[kept] for axis in grid)
        effective = self.effective(phi)
        found = np.empty((4, len(self.mean)))
        step = max(_CHUNK_VALUES // len(weights), 1)
        for start in range(0, len(self.mean), step):
            rows = slice(start, start + step)
            prior_mean, concentration = _prior((logit, correlation, slope, gain), self._used[rows])
            total = concentration + effective[rows, None]
            mean = (prior_mean * concentration + (effective * self.mean)[rows, None]) / total
            plain = special.expit(logit + slope * self.covariates[rows, :1])
            share = concentration / total
            found[0, rows] = mean @ weights
            found[1, rows] = (mean * (mean * total + 1.0) / (total + 1.0)) @ weights
            found[2, rows] = (share * (prior_mean - plain)) @ weights
            found[3, rows] = share @ weights
        return found[0], found[1], found[2], found[3]

    def _log_posterior(self, grid: Grid, phi: float) -> Floats:
        effective, mean = self.effective(phi)[self._fitted, None], self.mean[self._fitted, None]
        logit, correlation, slope, gain = grid
        prior_mean, concentration = _prior(grid, self._levels)
        liked, disliked = prior_mean * concentration, (1.0 - prior_mean) * concentration
        # Log beta functions of posterior and prior.
        logs = special.gammaln(liked[self._level] + effective * mean).sum(axis=0)
        logs += special.gammaln(disliked[self._level] + effective * (1.0 - mean)).sum(axis=0)
        logs -= self._level_items @ (special.gammaln(liked) + special.gammaln(disliked))
        if self.has_prior:
            logs -= special.gammaln(concentration[self._level] + effective).sum(axis=0)
            logs += self._level_items @ special.gammaln(concentration)
        else:  # the sum of both parameters is the same for all items
            different, which = np.unique(concentration[0], return_inverse=True)
            logs -= (special.gammaln(different + effective) - special.gammaln(different)).sum(axis=0)[which]
        # Densities on the scales of the grid.
        logs += _MEAN_PRIOR[0] * special.log_expit(logit) + _MEAN_PRIOR[1] * special.log_expit(-logit)
        logs += _CORRELATION_PRIOR[0] * correlation + (_CORRELATION_PRIOR[1] - 1.0) * np.log1p(-np.exp(correlation))
        return np.asarray(
            logs - (slope / _SLOPE_PRIOR) ** 2 / 2.0 - ((gain - _GAIN_PRIOR[0]) / _GAIN_PRIOR[1]) ** 2 / 2.0
        )


def _prior(grid: Grid, covariates: Floats) -> tuple[Floats, Floats]:
    """Mean and concentration of each item's Beta prior, shape ``(items, points)``; the latter may have one row."""
    logit, correlation, slope, gain = grid
    popularity, expectation, extra = (column[:, None] for column in covariates.T)
    mean = special.expit(logit + slope * popularity + gain * expectation)
    own = np.exp(correlation)[None]
    if extra.any():
        overall = special.expit(logit)
        own = np.minimum(own + gain**2 * extra * overall * (1.0 - overall), _LARGEST_CORRELATION)
    return mean, np.broadcast_to(1.0 / own - 1.0, mean.shape)


def _around(points: Floats, axis: Sequence[float] | npt.NDArray[np.float64]) -> tuple[float, float]:
    step = (axis[1] - axis[0]) / 2 if len(axis) > 1 else 0.0
    return max(float(points.min() - step), float(axis[0])), min(float(points.max() + step), float(axis[-1]))

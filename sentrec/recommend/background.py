"""What is known of items beside their reviews: what metadata make expect of them, and what others say of some.

With expectations alone, the score is still how positive many more reviews would be expected to be: the common prior
mean is replaced by what the expectations tell of reviews (see `sentrec.recommend.posterior`).

Reviews are a selected sample. Where a target is given, real ratings of some of the items, the score is instead the
mean rating that its users would be expected to give, as a share of their scale::

    y_i = b' x_i + v_i + e_i,   v_i ~ N(0, tau^2),   e_i ~ N(0, s^2 / m_i)

with y_i the mean of m_i ratings, and x_i the expectation, the reviews' score, the logarithm of their number, and the
product of both. This is the area model of Fay and Herriot; tau^2, all that reviews and metadata leave open of what the
raters say, is fitted by their method of moments. An item's own ratings are not used for its score.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sentrec.errors import DataError, counted
from sentrec.recommend.catalogue import Catalogue, Movie, link
from sentrec.recommend.items import Floats, Items
from sentrec.recommend.posterior import Estimates, Prior, estimate

FEWEST_RATED = 24
"""Items with reviews and ratings that a calibration takes."""
_WEIGHT_PRIOR = 0.1
"""Standard deviation of the weights' normal prior; ratings are shares of their scale."""
_ROUNDS = 50
FROM_REVIEWS = 3
"""Columns of a design that reviews fill."""
_SMALLEST = 1e-8
_Z = 1.96


@dataclass(frozen=True)
class ItemRatings:
    """Ratings of items, expected or given by users; arrays have one entry an item."""

    items: Mapping[str, Movie]  # their keys and names, in order
    mean: Floats  # the rating
    variance: Floats  # how uncertain it is


@dataclass(frozen=True)
class Background:
    """What is known of items beside their reviews."""

    expectations: ItemRatings | None = None
    """What is expected of them, e.g. predicted from metadata, on any scale; None: nothing."""
    target: ItemRatings | None = None
    """Mean ratings of many users to predict, as shares of their scale; None: scores predict further reviews."""

    def prior(self, items: Items, catalogue: Catalogue) -> Prior | None:
        """What is expected of each item, in standard deviations; None without a prior, `DataError` if it knows none."""
        if self.expectations is None:
            return None
        places = _linked(items, catalogue, self.expectations.items, "the prior rates")
        mean, variance = self.expectations.mean, self.expectations.variance
        deviation = float(mean.std()) or 1.0
        standard = np.where(places < 0, np.nan, (mean[places] - mean.mean()) / deviation)
        return Prior(standard, variance[places] / deviation**2)

    def estimate(self, items: Items, catalogue: Catalogue) -> Estimates:
        """The score of each item and its interval; a `DataError` if nothing links with the prior, or too few rated."""
        prior = self.prior(items, catalogue)
        found = estimate(items, prior)
        if self.target is None:
            return found
        design, rated = Design.of(items, found, prior), self.rated(items, catalogue)
        fit = rated.fit(design.columns)
        mean, reach = design.columns @ fit.weights, fit.reach(design.columns)
        score, low, high = (np.clip(value, 0.0, 1.0) for value in (mean, mean - reach, mean + reach))
        changes = {"from_prior": design.expected @ fit.weights, "prior_weight": np.full(len(items), np.nan)}
        return replace(found, score=score, low=low, high=high, overall=float(score.mean()), **changes)

    def rated(self, items: Items, catalogue: Catalogue) -> "Rated":
        """The items that the target rates; a `DataError` if there is no target, or it rates too few of the items."""
        assert self.target is not None
        places = _linked(items, catalogue, self.target.items, "the target rates")
        rows = np.flatnonzero((places >= 0) & (items.reviews > 0))
        if len(rows) < FEWEST_RATED:
            raise DataError(
                f"the target rates {counted(len(rows), 'item')} with reviews; a calibration takes {FEWEST_RATED}.",
                "Leave --target out, or name ratings of more of these items.",
            )
        return Rated(rows, self.target.mean[places[rows]], self.target.variance[places[rows]])

    def with_unreviewed(self, items: Items, catalogue: Catalogue) -> tuple[Items, Catalogue]:
        """The items, then those without any review that something is expected of; and the names of all."""
        if self.expectations is None:
            return items, catalogue
        taken = set(link(items.keys, catalogue, self.expectations.items).tolist())
        expected = enumerate(self.expectations.items.items())
        new = {key: movie for place, (key, movie) in expected if place not in taken}
        new = {(f"prior:{key}" if key in items.keys or key in catalogue else key): new[key] for key in new}
        rows = {
            name: np.concatenate([values, np.full((len(new), *values.shape[1:]), _OF_NONE.get(name, 0), values.dtype)])
            for name, values in vars(items).items()
            if name != "keys"
        }
        return replace(items, keys=(*items.keys, *new), **rows), {**catalogue, **new}


_OF_NONE = {"rating": np.nan}
"""Sums over no reviews that are not zero."""


def _linked(items: Items, catalogue: Catalogue, others: Mapping[str, Movie], which: str) -> npt.NDArray[np.int64]:
    places = link(items.keys, catalogue, others)
    if (places < 0).all():
        raise DataError(
            f"no item with reviews is among those that {which}.",
            f"They are found by key, number at IMDb or TMDB, or title and year: reviews name '{items.keys[0]}', the "
            f"other file '{next(iter(others), '')}'. A file for --movies with imdb_id, tmdb_id or title links them.",
        )
    return places


@dataclass(frozen=True)
class Design:
    """What ratings are regressed on, a row an item: a one, what is expected of the item, and what its reviews say."""

    columns: Floats  # shape ``(items, columns)``; the last three are from reviews
    expected: Floats  # the part of them that is due to what is expected, of the same shape

    @classmethod
    def of(cls, items: Items, found: Estimates, prior: Prior | None) -> "Design":
        """The design of items with the estimates of their reviews' means."""
        number = np.log(np.maximum(items.reviews, 1))
        number = number - number.mean()
        score, nothing = found.score - found.score.mean(), np.zeros(len(items))
        columns, expected = [nothing + 1.0], [nothing]
        if prior is not None:
            unknown = np.isnan(prior.mean)
            columns += [np.where(unknown, 0.0, prior.mean), unknown.astype(np.float64)]
            expected += [columns[1], nothing]
        columns += [number, score, number * score]
        expected += [nothing, found.from_prior, number * found.from_prior]
        return cls(np.column_stack(columns), np.column_stack(expected))


@dataclass(frozen=True)
class Fit:
    """What ratings are expected to be: weights, their covariance, and the variance that they leave open."""

    weights: Floats
    covariance: Floats
    between: Floats  # of items that something is expected of, and of others

    def reach(self, columns: Floats, own: Floats | float = 0.0) -> Floats:
        """Half the width of the 95 % interval of items, or of means of ratings that have variances of their own."""
        spread = np.einsum("ij,jk,ik->i", columns, self.covariance, columns)
        return np.asarray(_Z * np.sqrt(self.between[_is_unknown(columns)] + own + spread))


def _is_unknown(columns: Floats) -> npt.NDArray[np.int64]:
    """1 for items that nothing is expected of, 0 for others."""
    has_prior = columns.shape[1] not in (1, 1 + FROM_REVIEWS)
    return columns[:, 2].astype(np.int64) if has_prior else np.zeros(len(columns), np.int64)


@dataclass(frozen=True)
class Rated:
    """Items with mean ratings."""

    rows: npt.NDArray[np.int64]  # their numbers
    mean: Floats  # their mean ratings
    variance: Floats  # that of these means

    def fit(self, columns: Floats, train: npt.NDArray[np.bool_] | slice = slice(None)) -> Fit:
        """Weighted ridge regression on some rated items, and Fay and Herriot's variance between items, in turn."""
        columns, mean, variance = columns[self.rows][train], self.mean[train], self.variance[train]
        penalty = np.diag(np.append(0.0, np.full(columns.shape[1] - 1, _WEIGHT_PRIOR**-2)))
        group = _is_unknown(columns)
        between = np.full(2, float(np.var(mean)))
        for _ in range(_ROUNDS):
            weight = 1.0 / np.maximum(between[group] + variance, _SMALLEST)
            inverse = np.linalg.inv((columns * weight[:, None]).T @ columns + penalty)
            weights = inverse @ (columns * weight[:, None]).T @ mean
            squares = (mean - columns @ weights) ** 2
            leverage = weight * np.einsum("ij,jk,ik->i", columns, inverse, columns)
            excess, slope = (
                np.bincount(group, value, 2) for value in (squares * weight - 1.0 + leverage, squares * weight**2)
            )
            between = np.maximum(between + excess / np.maximum(slope, _SMALLEST), _SMALLEST)
        return Fit(np.asarray(weights), np.asarray(inverse), between)

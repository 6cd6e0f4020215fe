"""How well scores of items agree with the reviews' own stars."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sentrec.errors import DataError
from sentrec.metrics.ranking import Floats, Measure, RankingMeasures, measure_scores, percentiles, spearman, star_scale
from sentrec.recommend.background import FROM_REVIEWS, Background, Design
from sentrec.recommend.catalogue import Catalogue, identity
from sentrec.recommend.chunks import read_scores
from sentrec.recommend.items import Items, softened
from sentrec.recommend.posterior import Prior, estimate

_log = logging.getLogger(__name__)
_FEWEST_ITEMS = 3
_REPLICATES = 500
_SEED = 0
_FEW = (1, 2, 5)
_DRAWS = 6
_CUT = 0.5
"""Share of the items of which few reviews are left; the others tell what items are like."""
_FEWEST_OTHERS = 3


def measure_ranking(
    items: Items,
    min_reviews: int,
    others: Mapping[str, Items] | None = None,
    background: Background | None = None,
    catalogue: Catalogue | None = None,
) -> RankingMeasures:
    """Compares scores of items, with so many reviews at least, with their mean stars.

    The rank score and the lower end of its interval are measured, and as baselines the plain mean, the share of
    positive reviews and the number of reviews; where there is a background, the score without it, too. Of `others`, the
    same items scored by other models, the plain mean and the rank score are measured. Raises a `DataError` if fewer
    than three items have enough reviews and stars, or all have the same stars.
    """
    rated = (items.reviews >= min_reviews) & np.isfinite(items.rating)
    stars = items.rating[rated]
    if len(stars) < _FEWEST_ITEMS or np.ptp(stars) == 0:
        raise DataError(
            f"{len(stars):,} items have {min_reviews} reviews and star ratings: too few (or all alike) to measure.",
            "Ask for fewer reviews (--min-reviews), and name the field of the stars: --rating-field NAME",
        )
    scores = {name: score[rated] for name, score in _scores(items, others or {}, background, catalogue or {}).items()}
    measures = measure_scores(scores, stars, star_scale(float(np.nanmax(items.rating))), min_reviews)
    if measures.liked_share in (0.0, 1.0):
        _log.warning(
            "mean stars go from %.3g to %.3g: precision counts items with %g or more, and says nothing here",
            stars.min(),
            stars.max(),
            measures.liked_from,
        )
    return measures


def _scores(
    items: Items, others: Mapping[str, Items], background: Background | None, catalogue: Catalogue
) -> dict[str, Floats]:
    """Every score that is compared, the default order first; arrays have one entry an item of `items`."""
    plain = estimate(items)
    estimates = background.estimate(items, catalogue) if background else plain
    scores = {
        "rank score": estimates.score,
        **({"without prior": plain.score} if background else {}),
        "lower bound": estimates.low,
        "raw mean": items.mean,
        "share positive": items.share_positive,
        "review count": items.reviews.astype(np.float64),
    }
    for name, other in others.items():
        place = {key: number for number, key in enumerate(other.keys)}
        rows = [place[key] for key in items.keys]
        scores |= {f"{name} mean": other.mean[rows], f"{name} rank score": estimate(other).score[rows]}
    return scores


@dataclass(frozen=True)
class TargetMeasures:
    """How well the mean ratings of items are predicted by calibrations that have not seen these items."""

    items: int  # items measured; with a prior only those that something is expected of
    without_reviews: Measure
    """R² of the expectation alone; of the mean where there is no prior. Items count by how precise their mean ratings
    are."""
    score: Measure  # R² of the score
    gain: Measure  # the latter less the former, paired over items
    covered: float  # share of the mean ratings that lie within their 95 % prediction intervals


def measure_target(items: Items, background: Background, catalogue: Catalogue, folds: int = 5) -> TargetMeasures:
    """Predicts the mean ratings of a fifth of the items by a calibration on the others, in turn."""
    prior, rated = background.prior(items, catalogue), background.rated(items, catalogue)
    columns = Design.of(items, estimate(items, prior), prior).columns
    part = np.random.default_rng(_SEED).permutation(len(rated.rows)) % folds
    squares, is_covered = np.empty((2, len(rated.rows))), np.empty(len(rated.rows), dtype=bool)
    for fold in range(folds):
        test = part == fold
        for row, design in enumerate((columns[:, :-FROM_REVIEWS], columns)):
            fit, held = rated.fit(design, ~test), design[rated.rows][test]
            squares[row, test] = (rated.mean[test] - held @ fit.weights) ** 2
        is_covered[test] = squares[1, test] <= fit.reach(held, rated.variance[test]) ** 2
    kept = np.isfinite(prior.mean[rated.rows]) if prior is not None else np.ones(len(rated.rows), dtype=bool)
    squares, truth = squares[:, kept], rated.mean[kept]
    # Means of few ratings are noisy: each counts by its precision.
    weight = 1.0 / (rated.fit(columns).between[0] + rated.variance[kept])
    draws = np.random.default_rng(_SEED).integers(0, len(truth), (_REPLICATES, len(truth)))
    samples = (np.arange(len(truth)), *draws)
    values, *others = (_r_squared(squares[:, rows], truth[rows], weight[rows]) for rows in samples)
    drawn = np.transpose(others)
    without, score = (percentiles(float(value), some) for value, some in zip(values, drawn, strict=True))
    gain = percentiles(float(values[1] - values[0]), drawn[1] - drawn[0])
    return TargetMeasures(len(truth), without, score, gain, float(is_covered[kept].mean()))


def _r_squared(squares: Floats, truth: Floats, weight: Floats) -> Floats:
    spread = weight @ (truth - weight @ truth / weight.sum()) ** 2
    return np.asarray(1.0 - squares @ weight / spread)


@dataclass(frozen=True)
class FewReviews:
    """How well items that have few reviews as yet are ranked, against the mean stars of their other reviews."""

    reviews: int  # how many they have
    items: float  # items measured, on average over draws
    without_prior: float  # Spearman correlation of the scores without a prior
    with_prior: float  # that of the scores with one
    gain: Measure  # the latter less the former, paired over items


def measure_few_reviews(path: Path, background: Background, catalogue: Catalogue, soften: float) -> list[FewReviews]:
    """Takes all reviews but a few from half of the items, drawn anew several times, and ranks these.

    Measured are items that something is expected of, by the mean stars of three other reviews at least.
    """
    reviews = _Reviews.read(path, soften)
    prior = background.prior(reviews.sums(np.ones(len(reviews.items), dtype=bool)), catalogue)
    assert prior is not None
    return [_few(reviews, count, prior) for count in _FEW]


@dataclass(frozen=True)
class _Reviews:
    """Reviews without repetitions; arrays have one entry a review."""

    keys: tuple[str, ...]
    items: npt.NDArray[np.int64]
    probability: Floats
    rating: Floats

    @classmethod
    def read(cls, path: Path, soften: float) -> "_Reviews":
        names = ("movie", "probability", "rating", "digest")
        table = pa.Table.from_batches([batch.select(names) for batch in read_scores(path)]).to_pydict()
        first = np.array([*{digest: row for row, digest in reversed([*enumerate(table["digest"])])}.values()])
        numbers: dict[str, int] = {}
        items = np.array([numbers.setdefault(identity(key), len(numbers)) for key in table["movie"]], np.int64)
        probability = softened(np.array(table["probability"]), soften)
        return cls(tuple(numbers), items[first], probability[first], np.array(table["rating"], np.float64)[first])

    def sums(self, kept: npt.NDArray[np.bool_]) -> Items:
        """The items with some of their reviews, one each at least."""
        items, probability, size = self.items[kept], self.probability[kept], len(self.keys)
        counts = np.bincount(items, minlength=size)
        mean = np.asarray(np.bincount(items, probability, size) / counts, np.float64)
        squares = np.asarray(np.bincount(items, (probability - mean[items]) ** 2, size), np.float64)
        share = np.bincount(items, (probability > 0.5).astype(np.float64), size) / counts
        rating, embedding = np.full(size, np.nan), np.zeros((size, 0), np.float32)
        return Items(self.keys, counts, np.zeros(size, np.int64), mean, squares, share, rating, embedding)


def _few(reviews: _Reviews, count: int, prior: Prior) -> FewReviews:
    size, draws = len(reviews.keys), []
    for draw in range(_DRAWS):
        generator = np.random.default_rng([_SEED, draw])
        order = np.lexsort((generator.random(len(reviews.items)), reviews.items))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order)) - np.searchsorted(reviews.items[order], reviews.items[order])
        is_cut = generator.random(size) < _CUT
        left_out = is_cut[reviews.items] & (place >= count)
        items = reviews.sums(~left_out)
        rated = left_out & np.isfinite(reviews.rating)
        others = np.bincount(reviews.items[rated], minlength=size)
        stars = np.bincount(reviews.items[rated], reviews.rating[rated], size) / np.maximum(others, 1)
        is_measured = is_cut & (others >= _FEWEST_OTHERS) & np.isfinite(prior.mean)
        draws.append((is_measured, stars, estimate(items).score, estimate(items, prior).score))

    def correlations(numbers: npt.NDArray[np.int64]) -> Floats:
        found = [
            [spearman(score[rows], stars[rows]) for score in scores]
            for is_measured, stars, *scores in draws
            if len(rows := numbers[is_measured[numbers]]) >= _FEWEST_ITEMS
        ]
        return np.mean(found, axis=0) if found else np.full(2, np.nan)

    measured = np.flatnonzero(np.any([draw[0] for draw in draws], axis=0))
    without, with_prior = correlations(measured)
    if np.isnan(without):
        raise DataError(
            f"too few items that something is expected of have stars of {_FEWEST_OTHERS} further reviews.",
            "Name the field of the stars: --rating-field NAME",
        )
    samples = np.random.default_rng(_SEED).integers(0, len(measured), (_REPLICATES, len(measured)))
    drawn = np.array([correlations(measured[sample]) for sample in samples])
    gain = percentiles(float(with_prior - without), drawn[:, 1] - drawn[:, 0])
    number = float(np.mean([draw[0].sum() for draw in draws]))
    return FewReviews(count, number, float(without), float(with_prior), gain)

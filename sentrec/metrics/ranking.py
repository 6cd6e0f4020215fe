"""How well rankings agree with star ratings, beside simpler rankings and chance.

Items of equal scores have no order: a measure is then its mean over all their orders (McSherry and Najork 2008,
"Computing information retrieval performance measures efficiently in the presence of tied scores").
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from sentrec.metrics.intervals import wilson_interval

Floats = npt.NDArray[np.float64]

_REPLICATES = 500
_SEED = 0
_CUTOFFS = (10, 50)


@dataclass(frozen=True)
class Measure:
    """A metric over all items, or the difference of two, and its 95 % interval.

    The interval is a percentile bootstrap over items; of a precision it is Wilson's.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class RankingMeasures:
    """How well several scores agree with mean stars.

    Attributes:
        items: Items measured: those with enough reviews, and stars.
        min_reviews: Fewest reviews of each.
        liked_from: Mean stars from which an item counts as liked: 8 on a scale of 10, 4 on one of 5.
        liked_share: Share of liked items; what chance gives as precision.
        mean_stars: Mean stars of all these items; what chance gives.
        best_stars: Mean stars of the best possible top k, by ``top10`` and ``top50``.
        chance: What a random order gives on average, by the names of the metrics.
        scores: For each score its metrics by name: ``spearman``, ``kendall``, ``ndcg10``, ``ndcg50``, ``precision10``,
            ``precision50``, ``stars10``, ``stars50``.
        differences: The first score's metrics less those of each other score, paired: over the same bootstrap draws.
    """

    items: int
    min_reviews: int
    liked_from: float
    liked_share: float
    mean_stars: float
    best_stars: Mapping[str, float]
    chance: Mapping[str, float]
    scores: Mapping[str, Mapping[str, Measure]]
    differences: Mapping[str, Mapping[str, Measure]]

    def to_dict(self) -> dict[str, Any]:
        """The measures in plain JSON types."""
        return asdict(self)


def measure_scores(scores: Mapping[str, Floats], stars: Floats, scale: float, min_reviews: int = 1) -> RankingMeasures:
    """Compares scores of items with their mean stars, which are on a scale up to `scale`, 5 or 10.

    The first score is compared with the others; each of these items has at least `min_reviews` reviews.
    """
    liked_from, items = liked_threshold(scale), len(stars)
    draws = np.random.default_rng(_SEED).integers(0, items, (_REPLICATES, items))
    metrics = _metrics(liked_from)
    values = {name: {key: metric(score, stars) for key, metric in metrics.items()} for name, score in scores.items()}
    drawn = {
        name: {key: np.array([metric(score[draw], stars[draw]) for draw in draws]) for key, metric in metrics.items()}
        for name, score in scores.items()
    }
    first, *others = scores
    ordered = np.sort(stars)[::-1]
    return RankingMeasures(
        items=items,
        min_reviews=min_reviews,
        liked_from=liked_from,
        liked_share=float((stars >= liked_from).mean()),
        mean_stars=float(stars.mean()),
        best_stars={f"top{k}": float(ordered[:k].mean()) for k in _CUTOFFS},
        chance={key: metric(np.zeros(items), stars) for key, metric in metrics.items()},
        scores={
            name: {key: _measure(key, value, drawn[name][key], items) for key, value in found.items()}
            for name, found in values.items()
        },
        differences={
            name: {
                key: percentiles(value - values[name][key], drawn[first][key] - drawn[name][key])
                for key, value in values[first].items()
            }
            for name in others
        },
    )


def star_scale(largest: float) -> float:
    """The scale that star ratings up to `largest` are on: 5, 10, or 100 points."""
    return next((scale for scale in (5.0, 10.0, 100.0) if largest <= scale), largest)


def liked_threshold(scale: float) -> float:
    """Stars from which somebody liked an item: 4 of 5, 8 of 10."""
    return 0.8 * scale


def ndcg(scores: Floats, gains: Floats, k: int) -> float:
    """Normalised discounted cumulative gain of the first k (Järvelin and Kekäläinen 2002), linear gains."""
    k = min(k, len(gains))
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = float((np.sort(gains)[::-1][:k] * discount).sum())
    return float((in_order(scores, gains)[:k] * discount).sum()) / ideal if ideal else 0.0


def precision_at(scores: Floats, liked: npt.NDArray[np.bool_], k: int) -> float:
    """Share of liked items among the first k."""
    return _mean_of_first(scores, liked.astype(np.float64), k)


def _mean_of_first(scores: Floats, values: Floats, k: int) -> float:
    return float(in_order(scores, values)[:k].mean())


def in_order(scores: Floats, values: Floats) -> Floats:
    """Values by falling score; each of equal scores has their mean, which any linear measure has on average."""
    _, group = np.unique(-scores, return_inverse=True)
    means = np.bincount(group, values) / np.bincount(group)
    return np.asarray(means[np.sort(group)])


def _metrics(liked_from: float) -> dict[str, Callable[[Floats, Floats], float]]:
    metrics: dict[str, Callable[[Floats, Floats], float]] = {
        "spearman": spearman,
        "kendall": lambda score, stars: _correlation(stats.kendalltau, score, stars),
    }
    for k in _CUTOFFS:
        metrics[f"ndcg{k}"] = lambda score, stars, k=k: ndcg(score, stars, k)  # type: ignore[misc]
        metrics[f"precision{k}"] = lambda score, stars, k=k: precision_at(score, stars >= liked_from, k)  # type: ignore[misc]
        metrics[f"stars{k}"] = lambda score, stars, k=k: _mean_of_first(score, stars, k)  # type: ignore[misc]
    return metrics


def spearman(score: Floats, stars: Floats) -> float:
    """Rank correlation; 0 where either is the same for all."""
    if not (np.ptp(score) and np.ptp(stars)):
        return 0.0
    return float(np.corrcoef(stats.rankdata(score), stats.rankdata(stars))[0, 1])


def _correlation(correlate: Callable[[Floats, Floats], Any], score: Floats, stars: Floats) -> float:
    # A score that is the same for all items orders nothing, e.g. the review count.
    return float(correlate(score, stars).statistic) if np.ptp(score) and np.ptp(stars) else 0.0


def _measure(key: str, value: float, drawn: Floats, items: int) -> Measure:
    if key.startswith("precision"):
        return Measure(value, *wilson_interval(value, min(int(key.removeprefix("precision")), items)))
    return percentiles(value, drawn)


def percentiles(value: float, drawn: Floats) -> Measure:
    """A value with the middle 95 % of what bootstrap samples gave."""
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Measure(value, float(low), float(high))


K = 10
K_RECALL = 20
_USER_REPLICATES = 2000


@dataclass(frozen=True)
class ListMeasures:
    """How good the lists of one recommender are.

    Attributes:
        per_user: Metrics of each user: ``ndcg10``, ``recall20``, ``map``; not a number for users without a liked item.
        coverage10: Share of the candidates that are among the first ten of somebody.
        novelty10: Mean information of the first ten, in bits: minus the binary logarithm of the share of users that
            liked an item (Vargas and Castells 2011); an item that nobody liked counts as if half a user had.
    """

    per_user: Mapping[str, Floats]
    coverage10: float
    novelty10: float

    def to_dict(self) -> dict[str, Any]:
        """Means over users with 95 % intervals, in plain JSON types."""
        means = {name: asdict(mean_interval(values)) for name, values in self.per_user.items()}
        return {**means, "coverage10": self.coverage10, "novelty10": self.novelty10}


def list_metrics(scores: Floats, liked: npt.NDArray[np.bool_]) -> dict[str, float]:
    """NDCG@10, Recall@20 and average precision of one list; items of equal scores have no order.

    Args:
        scores: Of each candidate, shape ``(items,)``.
        liked: Which of them the user liked, at least one.
    """
    gains = liked.astype(np.float64)
    ordered = in_order(scores, gains)
    hits = np.cumsum(ordered)
    return {
        "ndcg10": ndcg(scores, gains, K),
        "recall20": float(hits[:K_RECALL][-1] / gains.sum()),
        "map": float((ordered * hits / np.arange(1, len(hits) + 1)).sum() / gains.sum()),
    }


def mean_interval(values: Floats) -> Measure:
    """The mean over users, numbers that are none left out, and its 95 % interval: percentile bootstrap over users.

    Of differences between two recommenders for the same users, it is the paired interval.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return Measure(float("nan"), float("nan"), float("nan"))
    draws = np.random.default_rng(_SEED).integers(0, len(known), (_USER_REPLICATES, len(known)))
    low, high = np.quantile(known[draws].mean(axis=1), (0.025, 0.975))
    return Measure(float(known.mean()), float(low), float(high))


def root_mean_interval(squares: Floats, counts: Floats) -> Measure:
    """The root mean squared error over ratings and its 95 % interval: percentile bootstrap over users.

    Args:
        squares: Sum of squared errors of each user's ratings.
        counts: Number of these ratings.
    """
    draws = np.random.default_rng(_SEED).integers(0, len(counts), (_USER_REPLICATES, len(counts)))
    low, high = np.quantile(np.sqrt(squares[draws].sum(axis=1) / counts[draws].sum(axis=1)), (0.025, 0.975))
    return Measure(float(np.sqrt(squares.sum() / counts.sum())), float(low), float(high))

"""How well a ranking agrees with star ratings, against simpler rankings and against chance.

Films of equal scores have no order: a measure is then its mean over all their orders (McSherry and Najork 2008,
"Computing information retrieval performance measures efficiently in the presence of tied scores").
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from sentrec.errors import DataError
from sentrec.recommend.films import Films, Floats
from sentrec.recommend.shrinkage import shrink

_log = logging.getLogger(__name__)

_REPLICATES = 500
_SEED = 0
_LIKED = 8.0
_MOST_STARS = 10.0
_CUTOFFS = (10, 50)
_FEWEST_FILMS = 3


@dataclass(frozen=True)
class Measure:
    """One figure and its 95 % interval.

    Attributes:
        value: The figure on all films.
        low: Lower end of the percentile bootstrap interval over films.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class RankingMeasures:
    """How well several ways to score films agree with their mean stars.

    Attributes:
        films: Films measured: those with enough reviews, and stars.
        min_reviews: Fewest reviews of each.
        liked_share: Share of films with mean stars of 8 or more; what chance gives as precision.
        mean_stars: Mean stars of all these films; what chance gives.
        best_stars: Mean stars of the best possible top k, by ``top10`` and ``top50``.
        chance: What a random order gives on average, by the names of the measures.
        scores: For each way to score films its measures by name: ``spearman``, ``kendall``, ``ndcg10``, ``ndcg50``,
            ``precision10``, ``precision50``, ``stars10``, ``stars50``.
    """

    films: int
    min_reviews: int
    liked_share: float
    mean_stars: float
    best_stars: Mapping[str, float]
    chance: Mapping[str, float]
    scores: Mapping[str, Mapping[str, Measure]]

    def to_dict(self) -> dict[str, Any]:
        """The measures in plain JSON types."""
        return asdict(self)


def measure_ranking(films: Films, min_reviews: int, others: Mapping[str, Films] | None = None) -> RankingMeasures:
    """Compares scores of films with their mean stars.

    The rank score and the expected score of the module `shrinkage` are measured, and as baselines the plain mean, the
    share of positive reviews and the number of reviews. Intervals come from drawing films with replacement, the same
    draws for every score.

    Args:
        films: All films.
        min_reviews: Fewest reviews of a film that is measured.
        others: The same films scored by other models; their plain mean and their rank score are measured too.

    Raises:
        DataError: If fewer than three films have enough reviews and stars, or all have the same stars.
    """
    rated = (films.reviews >= min_reviews) & np.isfinite(films.rating)
    stars = films.rating[rated]
    if len(stars) < _FEWEST_FILMS or np.ptp(stars) == 0:
        raise DataError(
            f"{len(stars):,} films have {min_reviews} reviews and star ratings: too few (or all alike) to measure.",
            "Ask for fewer reviews (--min-reviews), and name the field of the stars: --rating-field NAME",
        )
    liked_share = float((stars >= _LIKED).mean())
    if liked_share in (0.0, 1.0) or stars.max() > _MOST_STARS:
        _log.warning(
            "mean stars go from %.3g to %.3g: precision counts films with 8 or more of 10 stars, and says nothing here",
            *(stars.min(), stars.max()),
        )
    scores = {name: score[rated] for name, score in film_scores(films, others or {}).items()}
    draws = np.random.default_rng(_SEED).integers(0, len(stars), (_REPLICATES, len(stars)))
    ordered = np.sort(stars)[::-1]
    return RankingMeasures(
        films=len(stars),
        min_reviews=min_reviews,
        liked_share=liked_share,
        mean_stars=float(stars.mean()),
        best_stars={f"top{k}": float(ordered[:k].mean()) for k in _CUTOFFS},
        chance={name: figure(np.zeros(len(stars)), stars) for name, figure in _figures().items()},
        scores={name: _measured(score, stars, draws) for name, score in scores.items()},
    )


def film_scores(films: Films, others: Mapping[str, Films]) -> dict[str, Floats]:
    """Every way to score films that is compared, by name; arrays have one entry a film of `films`."""
    shrunken = shrink(films)
    scores = {
        "rank score": shrunken.score,
        "expected": shrunken.expected,
        "raw mean": films.mean,
        "share positive": films.share_positive,
        "review count": films.reviews.astype(np.float64),
    }
    for name, other in others.items():
        place = {key: number for number, key in enumerate(other.keys)}
        rows = np.array([place[key] for key in films.keys])
        scores[f"{name} mean"] = other.mean[rows]
        scores[f"{name} rank score"] = shrink(other).score[rows]
    return scores


def ndcg(scores: Floats, gains: Floats, k: int) -> float:
    """Normalised discounted cumulative gain of the first k (Järvelin and Kekäläinen 2002), linear gains.

    Args:
        scores: What is ranked by, shape ``(films,)``.
        gains: How good each film is, not negative.
        k: How many count.
    """
    k = min(k, len(gains))
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = float((np.sort(gains)[::-1][:k] * discount).sum())
    return float((_in_order(scores, gains)[:k] * discount).sum()) / ideal if ideal else 0.0


def precision_at(scores: Floats, liked: npt.NDArray[np.bool_], k: int) -> float:
    """Share of liked films among the first k."""
    return _mean_of_first(scores, liked.astype(np.float64), k)


def _mean_of_first(scores: Floats, values: Floats, k: int) -> float:
    return float(_in_order(scores, values)[:k].mean())


def _in_order(scores: Floats, values: Floats) -> Floats:
    """Values by falling score; each of equal scores has their mean, which any linear measure has on average."""
    _, group = np.unique(-scores, return_inverse=True)
    means = np.bincount(group, values) / np.bincount(group)
    return np.asarray(means[np.sort(group)])


def _figures() -> dict[str, Callable[[Floats, Floats], float]]:
    figures: dict[str, Callable[[Floats, Floats], float]] = {
        "spearman": lambda score, stars: _correlation(stats.spearmanr, score, stars),
        "kendall": lambda score, stars: _correlation(stats.kendalltau, score, stars),
    }
    for k in _CUTOFFS:
        figures[f"ndcg{k}"] = lambda score, stars, k=k: ndcg(score, stars, k)  # type: ignore[misc]
        figures[f"precision{k}"] = lambda score, stars, k=k: precision_at(score, stars >= _LIKED, k)  # type: ignore[misc]
        figures[f"stars{k}"] = lambda score, stars, k=k: _mean_of_first(score, stars, k)  # type: ignore[misc]
    return figures


def _correlation(correlate: Callable[[Floats, Floats], Any], score: Floats, stars: Floats) -> float:
    # A score that is the same for all films orders nothing, e.g. the review count.
    return float(correlate(score, stars).statistic) if np.ptp(score) and np.ptp(stars) else 0.0


def _measured(score: Floats, stars: Floats, draws: npt.NDArray[np.int64]) -> dict[str, Measure]:
    measures = {}
    for name, figure in _figures().items():
        replicates = [figure(score[draw], stars[draw]) for draw in draws]
        low, high = np.quantile(replicates, (0.025, 0.975))
        measures[name] = Measure(figure(score, stars), float(low), float(high))
    return measures

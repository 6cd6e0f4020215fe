"""How well scores of items agree with the reviews' own stars."""

import logging
from collections.abc import Mapping

import numpy as np

from sentrec.errors import DataError
from sentrec.metrics.ranking import Floats, RankingMeasures, measure_scores, star_scale
from sentrec.recommend.items import Items
from sentrec.recommend.posterior import estimate

_log = logging.getLogger(__name__)
_FEWEST_ITEMS = 3


def measure_ranking(items: Items, min_reviews: int, others: Mapping[str, Items] | None = None) -> RankingMeasures:
    """Compares scores of items with their mean stars.

    The rank score and the lower end of its interval are measured, and as baselines the plain mean, the share of
    positive reviews and the number of reviews.

    Items with fewer reviews than `min_reviews` are left out. Of `others`, the same items scored by other models, the
    plain mean and the rank score are measured too.

    Raises:
        DataError: If fewer than three items have enough reviews and stars, or all have the same stars.
    """
    rated = (items.reviews >= min_reviews) & np.isfinite(items.rating)
    stars = items.rating[rated]
    if len(stars) < _FEWEST_ITEMS or np.ptp(stars) == 0:
        raise DataError(
            f"{len(stars):,} items have {min_reviews} reviews and star ratings: too few (or all alike) to measure.",
            "Ask for fewer reviews (--min-reviews), and name the field of the stars: --rating-field NAME",
        )
    scores = {name: score[rated] for name, score in _scores(items, others or {}).items()}
    measures = measure_scores(scores, stars, star_scale(float(np.nanmax(items.rating))), min_reviews)
    if measures.liked_share in (0.0, 1.0):
        _log.warning(
            "mean stars go from %.3g to %.3g: precision counts items with %g or more, and says nothing here",
            stars.min(),
            stars.max(),
            measures.liked_from,
        )
    return measures


def _scores(items: Items, others: Mapping[str, Items]) -> dict[str, Floats]:
    """Every score that is compared, the default order first; arrays have one entry an item of `items`."""
    estimates = estimate(items)
    scores = {
        "rank score": estimates.score,
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

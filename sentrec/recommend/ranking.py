"""From items to a ranked list: who may be on it, in what order, and how varied."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sentrec.errors import DataError
from sentrec.recommend.background import Background
from sentrec.recommend.catalogue import Catalogue, Movie, find_item, fold, movie_of, names_of
from sentrec.recommend.items import Floats, Items
from sentrec.recommend.posterior import Estimates
from sentrec.recommend.quotes import Quote, Side

Sort = Literal["score", "lower-bound", "mean"]

_log = logging.getLogger(__name__)

_LEAST_SIMILARITY = 0.2
"""Cosine below which an item is not called like another; unrelated ones have one around 0."""
_DIVERSE_CANDIDATES = 10
_RELEVANCE = 0.7
"""Weight of the score against variety in maximal marginal relevance."""
_MANY, _MOST_ALONE = 20, 0.8
"""From so many reviews on, and such a share of items with one alone, the column of the item is doubted."""


@dataclass(frozen=True)
class RankOptions:
    """What the list is to be.

    Attributes:
        top: Items on it at most.
        min_reviews: Fewest reviews that an item on it has; 0 also lists items that only a prior tells of.
        sort: By the posterior mean of an item's mean, by the lower end of its 95 % interval, or by the plain mean.
        genres: Only items of one of these genres; empty: any.
        years: Only items from the first to the second year; None: any.
        like: Only items that are written about like this one: its key or title.
        exclude: Items to leave out: folded keys or titles.
        diverse: Whether to prefer items unlike those above them.
    """

    top: int = 20
    min_reviews: int = 3
    sort: Sort = "score"
    genres: tuple[str, ...] = ()
    years: tuple[int, int] | None = None
    like: str | None = None
    exclude: frozenset[str] = frozenset()
    diverse: bool = False


@dataclass(frozen=True)
class RankedItem:
    """One line of the list.

    Attributes:
        rank: From 1.
        movie: The item's key.
        title: Its title, where a catalogue has it.
        year: Its year, where a catalogue has it.
        genres: Its genres.
        reviews: Reviews that count.
        duplicates: Exact repetitions left out.
        mean: Mean positive probability; None without a review.
        share_positive: Share of reviews that are rather positive; None without a review.
        score: The mean that many more reviews would be expected to give, see `sentrec.recommend.posterior`; with a
            target, the rating that its users would be expected to give, see `sentrec.recommend.background`.
        low: Lower end of its 95 % interval.
        high: Upper end.
        mean_rating: Mean stars, where reviews carry some.
        similarity: Cosine to the item of `like`, where one was asked.
        quotes: The most telling sentence on either side, where a model scored some.
        from_prior: What of the score is due to what the prior expects of this item rather than of any; None: there is
            no prior, or it does not know the item.
        prior_weight: 0 to 1: how much the prior counts against the item's own reviews; None with a target, too.
        words: What words of its most extreme reviews add to the log-odds of a positive review, where that was asked.
    """

    rank: int
    movie: str
    title: str | None
    year: int | None
    genres: tuple[str, ...]
    reviews: int
    duplicates: int
    mean: float | None
    share_positive: float | None
    score: float
    low: float
    high: float
    mean_rating: float | None
    similarity: float | None
    quotes: Mapping[Side, Quote | None] = field(default_factory=dict)
    from_prior: float | None = None
    prior_weight: float | None = None
    words: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The item in plain JSON types; `expected` is what earlier versions called the score, until the next one."""
        return asdict(self) | {"genres": list(self.genres), "expected": self.score}


def rank_items(
    items: Items, options: RankOptions, catalogue: Catalogue | None = None, background: Background | None = None
) -> list[RankedItem]:
    """The best items first.

    Args:
        items: All items.
        options: What the list is to be.
        catalogue: Titles, years and genres.
        background: What is known of items beside their reviews.

    Returns:
        The list, the best first, with `like` the most similar first; ties by number of reviews, then by key.

    Raises:
        DataError: If no item fulfils the options, the item of `like` is not known, or the background tells of none.
    """
    catalogue, background = catalogue or {}, background or Background()
    if options.min_reviews == 0:
        items, catalogue = background.with_unreviewed(items, catalogue)
    estimates = background.estimate(items, catalogue)
    order_by = {"score": estimates.score, "lower-bound": estimates.low, "mean": items.mean}[options.sort]
    if catalogue and not any(movie_of(catalogue, key) for key in items.keys):
        _log.warning(
            "no item with reviews is in the catalogue: reviews name items like '%s', the catalogue like '%s'",
            items.keys[0],
            next(iter(catalogue)),
        )
    candidates = _eligible(items, options, catalogue)
    keys = np.array(items.keys, dtype=object)
    vectors = centred(items) if options.like is not None or options.diverse else None
    similarity: Floats | None = None
    if options.like is not None and vectors is not None:
        liked = items.keys.index(find_item(options.like, catalogue, items.keys))
        order_by = similarity = vectors @ vectors[liked]
        candidates = _similar(candidates[candidates != liked], similarity, options.like)
    order = candidates[np.lexsort((keys[candidates], -items.reviews[candidates], -order_by[candidates]))]
    if options.diverse and vectors is not None:
        order = order[: _DIVERSE_CANDIDATES * options.top]
        genres = [(movie_of(catalogue, items.keys[number]) or Movie("")).genres for number in order]
        alike = partial(_likeness, vectors[order], [frozenset(one) for one in genres])
        order = order[marginally_relevant(order_by[order], alike, options.top)]
    return [
        _ranked(place, number, items, estimates, similarity, catalogue)
        for place, number in enumerate(order[: options.top], start=1)
    ]


def _eligible(items: Items, options: RankOptions, catalogue: Catalogue) -> npt.NDArray[np.int64]:
    enough = np.flatnonzero(items.reviews >= options.min_reviews)
    is_apart = items.reviews.sum() >= _MANY and np.mean(items.reviews == 1) > _MOST_ALONE
    own = "Nearly every review has an item of its own: is it the right column? --movie-field names another one."
    if not len(enough):
        raise DataError(
            f"no item has {options.min_reviews} reviews; the most reviewed one has {items.reviews.max():,}.",
            f"Ask for fewer: --min-reviews {items.reviews.max()}" + f". {own}" * bool(is_apart),
        )
    if is_apart:
        _log.warning(own)
    _warn_of_double_names(items, options.exclude, catalogue)
    kept = [number for number in enough if is_wanted(items.keys[number], options, catalogue)]
    if not kept:
        raise DataError("no item with enough reviews fulfils every filter.", "Leave out a filter, or widen it.")
    return np.array(kept, dtype=np.int64)


def is_wanted(key: str, options: RankOptions, catalogue: Catalogue) -> bool:
    """Whether an item passes the filters of names, genres and years."""
    movie = movie_of(catalogue, key) or Movie("")
    if options.exclude and options.exclude & names_of(key, movie):
        return False
    if options.genres and not set(map(fold, movie.genres)) & set(map(fold, options.genres)):
        return False
    return options.years is None or (movie.year is not None and options.years[0] <= movie.year <= options.years[1])


def _warn_of_double_names(items: Items, exclude: frozenset[str], catalogue: Catalogue) -> None:
    named: dict[str, list[str]] = {}
    for key in items.keys if exclude else ():
        for name in exclude & names_of(key, movie_of(catalogue, key)):
            named.setdefault(name, []).append(key)
    for name, keys in named.items():
        if len(keys) > 1:
            _log.warning("'%s' is the key or title of %d items, all left out: %s", name, len(keys), ", ".join(keys[:9]))


def _similar(candidates: npt.NDArray[np.int64], similarity: Floats, name: str) -> npt.NDArray[np.int64]:
    if not len(candidates):
        raise DataError(f"no other item than '{name}' fulfils every filter.", "Leave out a filter.")
    similar = candidates[similarity[candidates] >= _LEAST_SIMILARITY]
    if not len(similar):
        most = f"the greatest similarity is {similarity[candidates].max():.2f}, unrelated items have 0"
        raise DataError(f"No item is written about like '{name}': {most}.", "Leave --like out.")
    return similar


def centred(items: Items) -> Floats:
    """Unit vectors of what is particular to each item: without what all have in common (Arora et al. 2017)."""
    vectors = items.embedding.astype(np.float64)
    if not vectors.shape[1]:
        raise DataError("these scores hold no review embeddings.", "Score the reviews again with --model.")
    weight = np.sqrt(items.reviews)[:, None]
    vectors = vectors - (vectors * weight).sum(axis=0) / weight.sum()
    _, _, directions = np.linalg.svd(vectors * weight, full_matrices=False)
    # The first direction tells praise from blame rather than one subject from another.
    vectors = vectors - np.outer(vectors @ directions[0], directions[0])
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def marginally_relevant(score: Floats, likeness: Callable[[int], Floats], top: int) -> list[int]:
    """Places in a list of which each next one is good and unlike those before it: maximal marginal relevance.

    See Carbonell and Goldstein 1998.

    Args:
        score: How good each place is.
        likeness: How much each place is like a given one, 0 to 1.
        top: How many to choose.
    """
    relevance = (score - score.min()) / (float(np.ptp(score)) or 1.0)
    nearest = np.zeros(len(score))
    left = list(range(len(score)))
    chosen: list[int] = []
    while left and len(chosen) < top:
        gains = _RELEVANCE * relevance[left] - (1 - _RELEVANCE) * nearest[left]
        chosen.append(left.pop(int(np.argmax(gains))))
        nearest = np.maximum(nearest, likeness(chosen[-1]))
    return chosen


def _likeness(vectors: Floats, genres: Sequence[frozenset[str]], place: int) -> Floats:
    """Cosine to one item, and where both have genres its mean with the overlap of these."""
    cosine = np.maximum(vectors @ vectors[place], 0.0)
    mine = genres[place]
    shared = np.array([len(mine & one) / len(mine | one) if mine and one else np.nan for one in genres])
    return np.asarray(np.where(np.isnan(shared), cosine, (cosine + shared) / 2))


def _ranked(
    place: int, number: int, items: Items, estimates: Estimates, similarity: Floats | None, catalogue: Catalogue
) -> RankedItem:
    movie = movie_of(catalogue, items.keys[number])
    rating, is_reviewed = float(items.rating[number]), items.reviews[number] > 0
    is_expected, weight = bool(estimates.is_expected[number]), float(estimates.prior_weight[number])
    return RankedItem(
        rank=place,
        movie=items.keys[number],
        title=movie.title if movie else None,
        year=movie.year if movie else None,
        genres=movie.genres if movie else (),
        reviews=int(items.reviews[number]),
        duplicates=int(items.duplicates[number]),
        mean=float(items.mean[number]) if is_reviewed else None,
        share_positive=float(items.share_positive[number]) if is_reviewed else None,
        score=float(estimates.score[number]),
        low=float(estimates.low[number]),
        high=float(estimates.high[number]),
        mean_rating=None if np.isnan(rating) else rating,
        similarity=None if similarity is None else float(similarity[number]),
        from_prior=float(estimates.from_prior[number]) if is_expected else None,
        prior_weight=weight if is_expected and np.isfinite(weight) else None,
    )

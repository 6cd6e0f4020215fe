"""From films to a ranked list: who may be on it, in what order, and how varied."""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sentrec.errors import DataError
from sentrec.recommend.catalogue import Catalogue, Movie, find_film, fold, movie_of, names_of
from sentrec.recommend.films import Films, Floats
from sentrec.recommend.quotes import Quote, Side
from sentrec.recommend.shrinkage import Shrunken, shrink

Sort = Literal["lower-bound", "expected", "mean"]

_log = logging.getLogger(__name__)

_LIKE_NEAREST = 3
"""How many times the asked number of films `like` re-ranks."""
_DIVERSE_CANDIDATES = 10
_RELEVANCE = 0.7
"""Weight of the score against variety in maximal marginal relevance."""


@dataclass(frozen=True)
class RankOptions:
    """What the list is to be.

    Attributes:
        top: Films on it at most.
        min_reviews: Fewest reviews that a film on it has.
        sort: By the lower bound of the shrunken mean (`Shrunken.score`), by the shrunken mean, or by the plain mean.
        genres: Only films of one of these genres; empty: any.
        years: Only films from the first to the second year; None: any.
        like: Only films that are written about like this one: its key or title.
        exclude: Films to leave out: folded keys or titles.
        diverse: Whether to prefer films unlike those above them.
    """

    top: int = 20
    min_reviews: int = 3
    sort: Sort = "lower-bound"
    genres: tuple[str, ...] = ()
    years: tuple[int, int] | None = None
    like: str | None = None
    exclude: frozenset[str] = frozenset()
    diverse: bool = False


@dataclass(frozen=True)
class RankedFilm:
    """One line of the list.

    Attributes:
        rank: From 1.
        movie: The film's key.
        title: Its title, where a catalogue has it.
        year: Its year, where a catalogue has it.
        genres: Its genres.
        reviews: Reviews that count.
        duplicates: Exact repetitions left out.
        mean: Mean positive probability.
        share_positive: Share of reviews that are rather positive.
        expected: The mean that many more reviews would give, as `shrinkage` explains.
        low: Lower end of its 95 % interval.
        high: Upper end.
        score: What the list is sorted by.
        mean_rating: Mean stars, where reviews carry some.
        similarity: Cosine to the film of `like`, where one was asked.
        quotes: The most telling sentence on either side, where a model scored some.
    """

    rank: int
    movie: str
    title: str | None
    year: int | None
    genres: tuple[str, ...]
    reviews: int
    duplicates: int
    mean: float
    share_positive: float
    expected: float
    low: float
    high: float
    score: float
    mean_rating: float | None
    similarity: float | None
    quotes: Mapping[Side, Quote | None] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The film in plain JSON types."""
        return asdict(self) | {"genres": list(self.genres)}


def rank_films(films: Films, options: RankOptions, catalogue: Catalogue | None = None) -> list[RankedFilm]:
    """The best films first.

    Args:
        films: All films.
        options: What the list is to be.
        catalogue: Titles, years and genres.

    Returns:
        The list; equal scores by number of reviews, then by key.

    Raises:
        DataError: If no film fulfils the options, or the film of `like` is not known.
    """
    catalogue = catalogue or {}
    shrunken = shrink(films)
    score = {"lower-bound": shrunken.score, "expected": shrunken.expected, "mean": films.mean}[options.sort]
    if catalogue and not any(movie_of(catalogue, key) for key in films.keys):
        _log.warning(
            "no film with reviews is in the catalogue: reviews name films like '%s', the catalogue like '%s'",
            *(films.keys[0], next(iter(catalogue))),
        )
    candidates = _eligible(films, options, catalogue)
    keys = np.array(films.keys, dtype=object)
    vectors = _centred(films) if options.like is not None or options.diverse else None
    similarity: Floats | None = None
    if options.like is not None and vectors is not None:
        liked = films.keys.index(find_film(options.like, catalogue, films.keys))
        similarity = vectors @ vectors[liked]
        candidates = candidates[candidates != liked]
        if not len(candidates):
            raise DataError(f"no other film than '{options.like}' fulfils every filter.", "Leave out a filter.")
        nearest = np.argsort(-similarity[candidates], kind="stable")[: _LIKE_NEAREST * options.top]
        candidates = candidates[nearest]
    order = candidates[np.lexsort((keys[candidates], -films.reviews[candidates], -score[candidates]))]
    if options.diverse and vectors is not None:
        order = _diversified(order[: _DIVERSE_CANDIDATES * options.top], score, vectors, films, catalogue, options.top)
    return [
        _ranked(place, number, films, shrunken, score, similarity, catalogue)
        for place, number in enumerate(order[: options.top], start=1)
    ]


def _eligible(films: Films, options: RankOptions, catalogue: Catalogue) -> npt.NDArray[np.int64]:
    enough = np.flatnonzero(films.reviews >= options.min_reviews)
    if not len(enough):
        raise DataError(
            f"no film has {options.min_reviews} reviews; the most reviewed one has {films.reviews.max():,}.",
            f"Ask for fewer: --min-reviews {films.reviews.max()}",
        )
    kept = [number for number in enough if _is_wanted(films.keys[number], options, catalogue)]
    if not kept:
        raise DataError("no film with enough reviews fulfils every filter.", "Leave out a filter, or widen it.")
    return np.array(kept, dtype=np.int64)


def _is_wanted(key: str, options: RankOptions, catalogue: Catalogue) -> bool:
    movie = movie_of(catalogue, key) or Movie("")
    if options.exclude and options.exclude & names_of(key, movie):
        return False
    if options.genres and not {fold(genre) for genre in movie.genres} & {fold(genre) for genre in options.genres}:
        return False
    return options.years is None or (movie.year is not None and options.years[0] <= movie.year <= options.years[1])


def _centred(films: Films) -> Floats:
    """Unit vectors of what is particular to each film: without what all have in common (Arora et al. 2017)."""
    vectors = films.embedding.astype(np.float64)
    if not vectors.shape[1]:
        raise DataError("these scores hold no review embeddings.", "Score the reviews again with --model.")
    weight = np.sqrt(films.reviews)[:, None]
    vectors = vectors - (vectors * weight).sum(axis=0) / weight.sum()
    _, _, directions = np.linalg.svd(vectors * weight, full_matrices=False)
    # The first direction tells praise from blame rather than one subject from another.
    vectors = vectors - np.outer(vectors @ directions[0], directions[0])
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12))


def _diversified(
    order: npt.NDArray[np.int64], score: Floats, vectors: Floats, films: Films, catalogue: Catalogue, top: int
) -> npt.NDArray[np.int64]:
    """Maximal marginal relevance (Carbonell and Goldstein 1998): each next film is good and unlike those before it."""
    span = float(np.ptp(score[order])) or 1.0
    relevance = (score[order] - score[order].min()) / span
    genres = [frozenset((movie_of(catalogue, films.keys[number]) or Movie("")).genres) for number in order]
    nearest = np.zeros(len(order))
    left = list(range(len(order)))
    chosen: list[int] = []
    while left and len(chosen) < top:
        gains = _RELEVANCE * relevance[left] - (1 - _RELEVANCE) * nearest[left]
        best = left.pop(int(np.argmax(gains)))
        chosen.append(best)
        likeness = np.maximum(vectors[order] @ vectors[order[best]], 0.0)
        shared = np.array([_overlap(genres[best], other) for other in genres])
        nearest = np.maximum(nearest, np.where(np.isnan(shared), likeness, (likeness + shared) / 2))
    return order[chosen]


def _overlap(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / len(first | second) if first and second else float("nan")


def _ranked(
    place: int,
    number: int,
    films: Films,
    shrunken: Shrunken,
    score: Floats,
    similarity: Floats | None,
    catalogue: Catalogue,
) -> RankedFilm:
    movie = movie_of(catalogue, films.keys[number])
    rating = float(films.rating[number])
    return RankedFilm(
        rank=place,
        movie=films.keys[number],
        title=movie.title if movie else None,
        year=movie.year if movie else None,
        genres=movie.genres if movie else (),
        reviews=int(films.reviews[number]),
        duplicates=int(films.duplicates[number]),
        mean=float(films.mean[number]),
        share_positive=float(films.share_positive[number]),
        expected=float(shrunken.expected[number]),
        low=float(shrunken.low[number]),
        high=float(shrunken.high[number]),
        score=float(score[number]),
        mean_rating=None if np.isnan(rating) else rating,
        similarity=None if similarity is None else float(similarity[number]),
    )

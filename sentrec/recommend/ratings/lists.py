"""From a fitted model and one user's ratings to a list: filters, variety, and where each score comes from."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from heapq import nlargest
from pathlib import Path
from typing import Any

import numpy as np

from sentrec.data.columns import FieldNames
from sentrec.data.formats import looks_like_file
from sentrec.data.sources import Source
from sentrec.data.text_rows import BadRow
from sentrec.data.values import UnusableError, rating_of
from sentrec.errors import DataError, counted, did_you_mean, listed
from sentrec.metrics.ranking import star_scale
from sentrec.recommend.catalogue import Catalogue, fold
from sentrec.recommend.ranking import RankOptions, is_wanted, marginally_relevant
from sentrec.recommend.ratings.model import RatingsModel
from sentrec.recommender import Floats, History, Numbers, Part

_log = logging.getLogger(__name__)
_CANDIDATES = 10
"""Of so many items an item of a varied list is chosen."""
_PARTS = 4
"""Summands of a score that are told one by one; the others are told as one."""
OTHERS = "others"


@dataclass(frozen=True)
class RecommendedFilm:
    """One line of a personal list.

    Attributes:
        rank: From 1.
        key: The film's key in the ratings, or in the metadata if nobody rated it.
        title: Its title; its key where that is unknown.
        year: Its year, where that is known.
        genres: Its genres.
        ratings: How many users rated it.
        score: What the list is ordered by.
        because: Summands of the score by the title or name that they come from, the largest first; they add up to it.
        stars: The rating that is expected of this user.
        stars_because: Its summands, in the same way.
    """

    rank: int
    key: str
    title: str
    year: int | None
    genres: tuple[str, ...]
    ratings: int
    score: float
    because: Mapping[str, float]
    stars: float | None
    stars_because: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The film in plain JSON types."""
        return asdict(self) | {"genres": list(self.genres)}


def history_of(model: RatingsModel, user: str | None, liked: str | Sequence[str] | None = None) -> History:
    """What is known of somebody: the ratings of a user, and what they say of themselves.

    An unknown user has an empty history, which is told. `liked` are titles or keys, as a list or with commas, or a file
    with a title and a rating a row; a `DataError` names the nearest title of one that is not known.
    """
    history = model.history(user) if user is not None else History(np.zeros(0, np.int64), np.zeros(0))
    if user is not None and not len(history.items):
        _log.warning("user '%s' has rated nothing here: the list is the one for somebody unknown", user)
    if not liked:
        return history
    is_file = isinstance(liked, str) and looks_like_file(liked)
    own = _own_ratings(Path(str(liked)), model) if is_file else _named(liked, model)
    own = {item: stars for item, stars in own.items() if item not in history.items}
    items, stars = np.array([*own], np.int64), np.array([*own.values()], np.float64)
    # What they say now is what they like now.
    times = np.append(history.times, np.full(len(own), np.nan_to_num(history.times).max(initial=0.0)))
    return History(np.append(history.items, items), np.append(history.stars, stars), times)


def _named(liked: str | Sequence[str], model: RatingsModel) -> dict[int, float]:
    """Films by their titles, of which each may have commas of its own (``Alien,Matrix, The``)."""
    titles = _titles(liked, model) if isinstance(liked, str) else liked
    return dict.fromkeys([find_film(title, model) for title in titles], model.data.scale)


def _titles(liked: str, model: RatingsModel) -> Iterator[str]:
    parts = [part.strip() for part in liked.split(",") if part.strip()]
    while parts:
        joined = (", ".join(parts[:count]) for count in range(len(parts), 1, -1))
        yield (title := next((one for one in joined if _called(one, model)), parts[0]))
        parts = parts[title.count(",") + 1 :]


def _own_ratings(path: Path, model: RatingsModel) -> dict[int, float]:
    """Somebody's own ratings on the scale of the model; films that it does not know are counted and told."""
    names, own, unknown, left_out = FieldNames(), {}, [], []
    for row in Source(str(path)).rows():
        if isinstance(row, BadRow):
            left_out.append((row.line, row.reason))
            continue
        roles = names.roles(tuple(row.fields))
        if "movie" not in roles:
            raise names.missing(["movie"], str(path), "its header has", row.fields)
        title = str(row.fields[roles["movie"][0]] or "").strip()
        year = next((value for name, value in row.fields.items() if name.casefold() == "year"), None)
        found = _called(f"{title} ({year})", model) or _called(title, model)
        try:
            stars = (
                rating_of(row.fields[roles["rating"][0]], "rating", roles["rating"][0]) if "rating" in roles else None
            )
        except UnusableError as error:
            left_out.append((row.line, str(error)))
            continue
        if found:
            own[found[0]] = np.nan if stars is None else stars
        else:
            unknown.append(title)
    if left_out:
        _log.warning("%s of %s left out; the first: line %d, %s", counted(len(left_out), "row"), path, *left_out[0])
    if unknown:
        _log.warning("%s of %s not known here: %s", counted(len(unknown), "film"), path, listed(unknown, 3))
    if not own:
        raise DataError(f"{path} names no film that is known here.", "It needs a column of titles, and one of ratings.")
    scale = star_scale(float(np.nanmax([*own.values(), 0.0])))
    return {item: model.data.scale * (1.0 if np.isnan(stars) else stars / scale) for item, stars in own.items()}


def find_film(name: str, model: RatingsModel) -> int:
    """The number of the film with this title, ``TITLE (YEAR)`` or key; of several the most rated one, which is told."""
    called = _called(name, model)
    if not called:
        known = {film.title for film in model.films if film.title} or set(model.keys)
        raise DataError(f"no film is called '{name}'.", did_you_mean(name, known))
    if len(called) > 1:
        others = listed(model.label(number) for number in called[1:])
        _log.info("'%s' is taken for %s; there is also %s", name, model.label(called[0]), others)
    return called[0]


def _called(name: str, model: RatingsModel) -> list[int]:
    """Films with this title, ``TITLE (YEAR)`` or key; those that most users rated first."""
    return sorted(model.numbers.get(fold(name), ()), key=lambda number: (-model.counts[number], number))


def recommend_films(model: RatingsModel, history: History, options: RankOptions) -> list[RecommendedFilm]:
    """The best films that the history does not hold, the best first; a `DataError` if none fulfils the options.

    Their `min_reviews` is the fewest ratings of a film on the list.
    """
    scores = model.recommender.scores(history)
    kept = _eligible(model, history, options)
    order = kept[np.lexsort((-model.counts[kept], -scores[kept]))]
    if options.diverse:
        order = order[: _CANDIDATES * options.top]
        latent = model.features.latent[order]
        score = scores[order].astype(np.float64)
        order = order[marginally_relevant(score, lambda place: latent @ latent[place], options.top)]
    stars = model.stars.scores(history) if model.stars is not None else None
    return [
        _recommended(place, number, model, history, scores, stars)
        for place, number in enumerate(order[: options.top].tolist(), start=1)
    ]


def _eligible(model: RatingsModel, history: History, options: RankOptions) -> Numbers:
    catalogue: Catalogue = dict(zip(model.keys, model.films, strict=True))
    rated = set(history.items.tolist())
    kept = [
        number
        for number, key in enumerate(model.keys)
        if number not in rated and model.counts[number] >= options.min_reviews and is_wanted(key, options, catalogue)
    ]
    if not kept:
        raise DataError("no film that is new to the user fulfils every filter.", "Leave out a filter, or widen it.")
    return np.array(kept, np.int64)


def _recommended(
    place: int, number: int, model: RatingsModel, history: History, scores: Floats, stars: Floats | None
) -> RecommendedFilm:
    film, key = model.films[number], model.keys[number]
    return RecommendedFilm(
        rank=place,
        key=key,
        title=film.title or key,
        year=film.year,
        genres=film.genres,
        ratings=int(model.counts[number]),
        score=float(scores[number]),
        because=_told(model.recommender.explain(history, number), model),
        stars=None if stars is None else float(stars[number]),
        stars_because={} if model.stars is None else _told(model.stars.explain(history, number), model),
    )


def _told(parts: Sequence[Part], model: RatingsModel) -> dict[str, float]:
    """Summands by name, the largest first; all beyond the first few as one, so that they still add up."""
    sums: dict[str | int, float] = {}
    for part in parts:
        source = part.name if part.item is None else part.item
        sums[source] = sums.get(source, 0.0) + part.value
    told: dict[str, float] = {}
    for source in nlargest(_PARTS, sums, key=lambda source: abs(sums[source])):
        name = source if isinstance(source, str) else model.label(source)
        told[name] = told.get(name, 0.0) + sums.pop(source)
    return {**told, OTHERS: sum(sums.values())} if sums else told

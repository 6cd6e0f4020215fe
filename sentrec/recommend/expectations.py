"""What is expected of items before their reviews are read: by a run that rates, or by a table of ratings."""

import logging
from pathlib import Path

import numpy as np

from sentrec.data.columns import KEY_NAMES, FieldNames, folded
from sentrec.data.items import read_items
from sentrec.data.sources import Source
from sentrec.data.text_rows import BadRow
from sentrec.data.values import UnusableError, rating_of
from sentrec.errors import DataError, RunError, counted
from sentrec.rating.rater import HELD_OUT, FactRater, Rater, load_rater
from sentrec.recommend.background import Background, ItemRatings
from sentrec.recommend.catalogue import Movie, identity, link, number_at, split_names, year_of
from sentrec.recommend.ratings.films import read_films
from sentrec.recommend.ratings.model import read_target

_log = logging.getLogger(__name__)
_KEYS = tuple(map(folded, ("key", *KEY_NAMES, "title")))
_FEWEST = 2
_HINT = "`sentrec rate RUN FILMS --out FILE` writes one. Ratings of another crowd, as TMDB's, are no metadata."


def read_background(
    prior: str | Path | None, target: Path | None = None, movies: Path | None = None
) -> Background | None:
    """Reads what is known of items beside their reviews; None if that is nothing.

    `prior` is a run that rates by facts (see `expectations_of`), or a table (see `read_expectations`); `target` are
    ratings of many users (see `read_data`), `movies` is a table of items, which a run rates.
    """
    if prior is None and target is None:
        return None
    expected = None
    if prior is not None:
        is_file = Path(prior).is_file()
        expected = read_expectations(Path(prior)) if is_file else expectations_of(load_rater(prior), movies)
    return Background(expected, read_target(target) if target else None)


def expectations_of(rater: Rater, movies: Path | None = None) -> ItemRatings:
    """What a run of ``task: rate`` expects of items: those it was trained on, and those of a table with such facts.

    Of the former, it is what models expected that had not learned from the item's own rating, which is no metadata.
    """
    kept = rater.run.path / HELD_OUT
    if not isinstance(rater, FactRater) or not kept.is_file():
        raise RunError(
            f"{rater.run.place} rates by no facts, or was trained by an earlier version.",
            "Train one that does: sentrec train tmdb-ratings. Or name a table: sentrec rate RUN FILMS --out FILE",
        )
    own = read_expectations(kept)
    items = read_items(movies) if movies is not None else None
    columns = rater.model.schema.columns
    if items is None or 2 * sum(name in items.columns for name in columns) < len(columns):
        return own  # by a few facts of many a run rates badly
    films = read_films(movies) if movies is not None else {}
    is_new = link(items.keys, films, own.items) < 0
    rows = {identity(key): row for row, key in enumerate(items.keys) if is_new[row] and identity(key) not in own.items}
    rated, places = rater.rate(items), list(rows.values())
    mean, variance = np.append(own.mean, rated.mean[places]), np.append(own.variance, rated.variance[places])
    return ItemRatings({**own.items, **{key: films.get(key, Movie("")) for key in rows}}, mean, variance)


def read_expectations(path: Path) -> ItemRatings:
    """Reads a table with a key or title and `rating`, and where there are `deviation`, `year`, `genres`, `imdb_id`...

    Rows without a rating are left out, and told; a `DataError` if there is none, or all are the same.
    """
    items: dict[str, Movie] = {}
    values: list[tuple[float, float]] = []
    left_out: list[tuple[int, str]] = []
    for row in Source(str(path)).rows():
        if isinstance(row, BadRow):
            left_out.append((row.line, row.reason))
            continue
        column = next(iter(FieldNames().find("rating", tuple(row.fields))), None)
        fields = {folded(name): value for name, value in row.fields.items()}
        key = next((fields[name] for name in _KEYS if fields.get(name) not in (None, "")), None)
        if column is None or not any(name in fields for name in _KEYS):
            missing = "rating" if column is None else "key"
            raise DataError(f"{path} has no column '{missing}'; it has: {', '.join(row.fields)}.", _HINT)
        try:
            rating = rating_of(row.fields[column], "rating", column)
            deviation = rating_of(fields.get("deviation"), "deviation", "deviation") or 0.0
        except UnusableError as error:
            left_out.append((row.line, str(error)))
            continue
        if key is None or rating is None or identity(key) in items:
            left_out.append(
                (row.line, "no key" if key is None else "no rating" if rating is None else "key seen before")
            )
            continue
        title = str(fields.get("title") or "").strip()
        year = year_of(fields.get("year") or fields.get("releasedate"), title)
        numbers = {place: number_at(fields.get(f"{place}id")) for place in ("imdb", "tmdb")}
        items[identity(key)] = Movie(
            title.removesuffix(f"({year})").strip(), year, split_names(fields.get("genres")), **numbers
        )
        values.append((rating, deviation**2))
    if left_out:
        _log.warning("%s of %s left out; the first: line %d, %s", counted(len(left_out), "row"), path, *left_out[0])
    mean, variance = np.array(values, np.float64).reshape(-1, 2).T
    if len(mean) < _FEWEST or not np.ptp(mean):
        raise DataError(f"{path} holds fewer than two ratings that differ: they tell nothing of items.", _HINT)
    return ItemRatings(items, mean, variance)

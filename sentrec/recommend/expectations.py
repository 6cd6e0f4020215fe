"""What is expected of items before their reviews are read: from a table such as `sentrec rate` writes."""

import logging
from pathlib import Path

import numpy as np

from sentrec.data.columns import KEY_NAMES, FieldNames, folded
from sentrec.data.sources import Source
from sentrec.data.text_rows import BadRow
from sentrec.data.values import UnusableError, rating_of
from sentrec.errors import DataError, counted
from sentrec.recommend.background import Background, Expectations
from sentrec.recommend.catalogue import Movie, identity, number_at, split_names, year_of
from sentrec.recommend.ratings.model import read_target

_log = logging.getLogger(__name__)
_KEYS = tuple(map(folded, ("key", *KEY_NAMES, "title")))
_FEWEST = 2
_HINT = "`sentrec rate RUN FILMS --out FILE` writes one. Ratings of another crowd, as TMDB's, are no metadata."


def read_background(prior: Path | None, target: Path | None) -> Background | None:
    """Reads what is known of items beside their reviews; None if that is nothing.

    Args:
        prior: See `read_expectations`.
        target: Ratings of many users, see `sentrec.recommend.ratings.model.read_data`.

    Raises:
        DataError: If one of them cannot be read.
    """
    if prior is None and target is None:
        return None
    return Background(read_expectations(prior) if prior else None, read_target(target) if target else None)


def read_expectations(path: Path) -> Expectations:
    """Reads a table with a key or title and `rating`, and where there are `deviation`, `year`, `genres`, `imdb_id`...

    Rows without a rating are left out, and told.

    Raises:
        DataError: If it cannot be read, has no key or rating, or all ratings are the same.
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
    return Expectations(items, mean, variance)

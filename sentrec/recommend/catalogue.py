"""Titles, years and genres of films, and lists of films already seen."""

import csv
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from sentrec.errors import DataError, did_you_mean
from sentrec.recommend.sources import BadRow, Source

_KEY_NAMES = ("movie_id", "movie", "id", "imdb_id", "film")
_GENRE_SEPARATOR = re.compile(r"[|,;]")
_ARTICLE = re.compile(r"(.+), (the|a|an)( \(.*\))?")
_LONGEST_HINT = 300


@dataclass(frozen=True)
class Movie:
    """What a catalogue says of a film.

    Attributes:
        title: Its title.
        year: The year it came out, where that is known.
        genres: Its genres.
    """

    title: str
    year: int | None = None
    genres: tuple[str, ...] = ()


Catalogue = Mapping[str, Movie]
"""Films by their keys."""


def read_catalogue(path: Path) -> Catalogue:
    """Reads films from CSV, JSON lines or Parquet with a key (``movie_id``), and ``title``, ``year``, ``genres``.

    Raises:
        DataError: If the file cannot be read, or has no key or title.
    """
    films: dict[str, Movie] = {}
    for row in Source(str(path)).rows():
        if isinstance(row, BadRow):
            raise DataError(f"{path}, line {row.line}: {row.reason}.", "Mend that line.")
        fields = row.fields
        key_name = next((name for name in _KEY_NAMES if name in fields), None)
        if key_name is None or "title" not in fields:
            raise DataError(f"{path} needs the columns movie_id and title; it has: {', '.join(fields)}.")
        year = re.search(r"\d{4}", str(fields.get("year") or ""))
        genres = _GENRE_SEPARATOR.split(str(fields.get("genres") or ""))
        films[str(fields[key_name]).strip()] = Movie(
            str(fields["title"] or "").strip(),
            int(year[0]) if year else None,
            tuple(genre.strip() for genre in genres if genre.strip()),
        )
    return films


def read_seen(path: Path) -> frozenset[str]:
    """Films already seen: one key or title a line (of CSV the first column), folded for comparison.

    Raises:
        DataError: If the file cannot be read as text.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return frozenset(fold(row[0]) for row in csv.reader(file) if row and row[0].strip())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}", "It holds one film a line: its key or its title.") from error


def parse_years(text: str) -> tuple[int, int]:
    """First and last year of ``1994`` or ``1990-1999``.

    Raises:
        DataError: If it is neither.
    """
    match = re.fullmatch(r"\s*(\d{4})\s*(?:-\s*(\d{4})\s*)?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        raise DataError(f"'{text}' is no span of years.", "Write one year, or two: 1990-1999")
    return first, last


def find_film(name: str, catalogue: Catalogue, keys: Collection[str]) -> str:
    """The key of the film with this key or title among those that have reviews.

    Raises:
        DataError: If there is none; the hint names the nearest title.
    """
    if name in keys:
        return name
    titles = {fold(catalogue[key].title): key for key in reversed(list(keys)) if key in catalogue}
    if fold(name) in titles:
        return titles[fold(name)]
    containing = [title for title in titles if fold(name) in title]
    if len(containing) == 1:
        return titles[containing[0]]
    known = containing or [catalogue[key].title for key in keys if key in catalogue] or list(keys)
    nearest = did_you_mean(name, known)
    hint = nearest if len(nearest) < _LONGEST_HINT else "Name it by its key, or as --movies does."
    raise DataError(f"no film with reviews is called '{name}'.", hint)


def fold(title: str) -> str:
    """A title for comparison: without case and outer white space, its article in front (``Matrix, The``)."""
    folded = title.strip().casefold()
    match = _ARTICLE.fullmatch(folded)
    return f"{match[2]} {match[1]}{match[3] or ''}" if match else folded

"""Names of items: how they are shown and compared, their titles, years and genres, and lists of items already seen."""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sentrec.errors import DataError, did_you_mean

_GENRE_SEPARATOR = re.compile(r"[|,;]")
_ARTICLE = re.compile(r"(.+), (the|a|an)( \(.*\))?")
_TITLE_WITH_YEAR = re.compile(r".*\S\s*\((\d{4})\)")
_LONGEST_HINT = 300
_IMDB_KEY = re.compile(r"tt\d{5,}")
_WHOLE_NUMBER = re.compile(r"(\d+)\.0+")


def item_name(value: object) -> str:
    """An item's key as it is shown: composed (NFC), white space single, and whole numbers without ``.0``."""
    name = " ".join(unicodedata.normalize("NFC", str(value)).split())
    whole = _WHOLE_NUMBER.fullmatch(name)
    return whole[1] if whole else name


def identity(value: object) -> str:
    """An item's key as it is compared: ``Alien``, ``alien`` and ``Alien `` are one, and so are ``12.0`` and ``12``."""
    return item_name(value).casefold()


@dataclass(frozen=True)
class Movie:
    """What a catalogue says of an item."""

    title: str
    year: int | None = None  # the year it came out, where that is known
    genres: tuple[str, ...] = ()
    imdb: str | None = None  # its number at IMDb without letters and leading zeros, where that is known
    tmdb: str | None = None  # its number at TMDB


Catalogue = Mapping[str, Movie]
"""Items by their keys."""


def number_at(value: object) -> str | None:
    """A film's number at IMDb or TMDB without letters and leading zeros: ``114709`` of ``tt0114709``."""
    return identity("" if value is None else value).removeprefix("tt").lstrip("0") or None


def link(keys: Sequence[str], catalogue: Catalogue, others: Mapping[str, Movie]) -> npt.NDArray[np.int64]:
    """The place of each item in another list of items, -1 where it is not in there.

    They are the same by their number at IMDb or TMDB, else by title and year, else by key. A key that is another
    film's there (its year differs by more than one, and its title) does not count, nor does a title of several films.
    """
    places: dict[str, int] = {}
    titles = Counter(fold(movie.title) for movie in others.values())
    movies = list(others.values())
    for place, (key, movie) in enumerate(others.items()):
        bare = [fold(movie.title)] if titles[fold(movie.title)] == 1 else []
        for name in (*_link_names(key, movie), *bare):
            places.setdefault(name, place)
    found = np.full(len(keys), -1, np.int64)
    for row, key in enumerate(keys):
        movie = movie_of(catalogue, key) or Movie("")
        numbered = [movie.tmdb] if movie.tmdb else []
        for name in (*_link_names(key, movie), *numbered):
            place = places.get(name, -1)
            is_number = name.startswith(("imdb:", "tmdb:"))
            if place >= 0 and (is_number or _may_be_same(movie, movies[place])):
                found[row] = place
                break
    return found


def _link_names(key: str, movie: Movie) -> list[str]:
    imdb = movie.imdb or (number_at(key) if _IMDB_KEY.fullmatch(identity(key)) else None)
    names = [f"imdb:{imdb}"] if imdb else []
    names += [f"tmdb:{movie.tmdb}"] if movie.tmdb else []
    names += [fold(f"{movie.title} ({movie.year})")] if movie.title and movie.year else []
    return [*names, fold(key)]


def _may_be_same(first: Movie, second: Movie) -> bool:
    if not (first.title and second.title) or fold(first.title) == fold(second.title):
        return True
    return first.year is not None and second.year is not None and abs(first.year - second.year) <= 1


def year_of(value: object, title: str) -> int | None:
    """The year in a value, else the one that a title such as ``Heat (1995)`` ends with."""
    year = re.search(r"\d{4}", "" if value is None else str(value))
    if year:
        return int(year[0])
    in_title = _TITLE_WITH_YEAR.fullmatch(title)
    return int(in_title[1]) if in_title else None


def split_names(value: object) -> tuple[str, ...]:
    """The names in a list, or in text that separates them by ``|``, ``,`` or ``;``."""
    if isinstance(value, list):
        names = [str(one.get("name") or "") if isinstance(one, Mapping) else str(one) for one in value]
    else:
        names = _GENRE_SEPARATOR.split(str(value or ""))
    return tuple(name.strip() for name in names if name.strip())


def read_seen(path: Path) -> frozenset[str]:
    """Items already seen: one key or title a line (or the first column of CSV), folded for comparison.

    A line counts as a whole too, since titles hold commas (``Matrix, The``).
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line.strip() for line in file if line.strip()]
            columns = [row[0] for row in csv.reader(lines) if row and row[0].strip()]
            return frozenset(fold(identity(name)) for name in lines + columns)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}", "It holds one item a line: its key or its title.") from error


def parse_years(text: str) -> tuple[int, int]:
    """First and last year of ``1994`` or ``1990-1999``; a `DataError` if it is neither."""
    match = re.fullmatch(r"\s*(\d{4})\s*(?:-\s*(\d{4})\s*)?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    if first > last:
        raise DataError(f"'{text}' is no span of years.", "Write one year, or two: 1990-1999")
    return first, last


def names_of(key: str, movie: Movie | None) -> frozenset[str]:
    """What an item may be called, folded: its key, its title, and its title with the year."""
    names = [identity(key)]
    if movie is not None and movie.title:
        names += [movie.title, *([f"{movie.title} ({movie.year})"] if movie.year else [])]
    return frozenset(map(fold, names))


def find_item(name: str, catalogue: Catalogue, keys: Collection[str]) -> str:
    """The key of the item with this key, title, or ``TITLE (YEAR)`` among those that have reviews.

    Raises a `DataError` if there is none, or several; the hint names the nearest title, or all of these.
    """
    if not name.strip():
        raise DataError("the item to find others like has no name.", "Name its title or its key.")
    if name in keys:
        return name
    called = [key for key in keys if fold(name) in names_of(key, movie_of(catalogue, key))]
    if len(called) == 1:
        return called[0]
    if called:
        items = "; ".join(f"{_label(key, catalogue)}, key {key}" for key in called)
        raise DataError(f"{len(called)} items are called '{name}'.", f"Name one with its year, or by its key: {items}")
    titles = {fold(movie.title): key for key in keys if (movie := movie_of(catalogue, key)) and movie.title}
    containing = [title for title in titles if fold(name) in title]
    if len(containing) == 1:
        return titles[containing[0]]
    known = containing or [movie.title for key in keys if (movie := movie_of(catalogue, key))] or list(keys)
    nearest = did_you_mean(name, known)
    hint = nearest if len(nearest) < _LONGEST_HINT else "Name it by its key, or as --movies does."
    raise DataError(f"no item with reviews is called '{name}'.", hint)


def movie_of(catalogue: Catalogue, key: str) -> Movie | None:
    """What a catalogue says of an item; None where it does not have it."""
    return catalogue.get(key) or catalogue.get(identity(key))


def _label(key: str, catalogue: Catalogue) -> str:
    movie = movie_of(catalogue, key)
    return f"{movie.title} ({movie.year})" if movie and movie.year else (movie.title if movie else key)


def fold(title: str) -> str:
    """A title for comparison: without case and outer white space, its article in front (``Matrix, The``)."""
    folded = identity(title)
    match = _ARTICLE.fullmatch(folded)
    return f"{match[2]} {match[1]}{match[3] or ''}" if match else folded

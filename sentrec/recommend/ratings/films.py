"""What films are: title, year, genres and further facts from MovieLens, TMDB or a table of one's own."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sentrec.data.columns import KEY_NAMES, folded
from sentrec.data.sources import Source, joined_tables
from sentrec.data.text_rows import BadRow
from sentrec.data.values import parse_list
from sentrec.errors import DataError, counted
from sentrec.recommend.catalogue import Movie, fold, identity, number_at, split_names, year_of

_log = logging.getLogger(__name__)
_LISTS = {
    "genres": ("genres", "genre"),
    "keywords": ("keywords", "tags"),
    "companies": ("production_companies", "companies", "studio"),
    "countries": ("production_countries", "countries", "country"),
    "language": ("original_language", "language"),
    "cast": ("cast", "actors", "stars"),
    "crew": ("crew", "director", "directors"),
}
NUMBERS = ("budget", "revenue", "runtime")
"""Numbers of TMDB. Its ratings, numbers of votes and popularity are not among them: they are what another crowd made of
the film, and no facts of it."""
_MOST_CAST = 10
_ARTICLE = re.compile(r"^(.+), (The|A|An)$")
_JOBS = ("Director", "Screenplay", "Writer", "Original Music Composer", "Director of Photography", "Producer")


@dataclass(frozen=True)
class Film(Movie):
    """A film with its facts."""

    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names by what they are: ``keywords``, ``companies``, ``countries``, ``language``, ``cast``, ``crew``."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Amounts, counts and minutes, where they are known (zero is not)."""


def read_films(path: Path) -> dict[str, Film]:
    """Reads films by their keys; of a folder, all tables in it that have a key, joined.

    Lists are JSON (as TMDB has them), Python literals, or names separated by ``|``, ``,`` or ``;``. Raises a
    `DataError` if no table has a key and a title.
    """
    files = joined_tables(path)
    films: dict[str, Film] = {}
    for file in files:
        _read_table(file, films, alone=len(files) == 1)
    if not any(film.title for film in films.values()):
        raise DataError(f"{path} holds no films.", "It needs the columns movie_id (or id) and title.")
    return films


def read_links(path: Path) -> dict[str, tuple[str, str]]:
    """The numbers of each MovieLens film at TMDB and at IMDb, from ``links.csv``; empty where it has none."""
    rows = (row.fields for row in Source(str(path)).rows() if not isinstance(row, BadRow))
    return {
        identity(row["movieId"]): (identity(row.get("tmdbId") or ""), identity(row.get("imdbId") or "").lstrip("0"))
        for row in rows
        if row.get("movieId")
    }


def link_films(
    keys: Sequence[str], own: Mapping[str, Film], other: Mapping[str, Film], links: Mapping[str, tuple[str, str]]
) -> tuple[tuple[str, ...], tuple[Film, ...]]:
    """Keys and films: one for every rated item, and one for each further film of the metadata.

    A film of `other` is found by its key (where the ratings come without metadata, `own`), by its TMDB number in
    `links`, or by its title and year; what both say is joined.
    """
    rated = set(map(identity, keys))
    every = [*keys, *(key for key in own if key not in rated)]
    titles = {_called(film): key for key, film in other.items() if film.title and film.year}
    films, used = [], set()
    for key in every:
        film = own.get(identity(key), Film(""))
        tmdb, imdb = links.get(identity(key), ("" if own else identity(key), ""))
        film, match = replace(film, imdb=imdb or None, tmdb=tmdb or None), tmdb
        match = match if match in other else titles.get(_called(film), "")
        if match:
            used.add(match)
            film = _joined(film, other[match])
        films.append(film)
    rest = [key for key in other if key not in used]
    if other:
        found = counted(len(used), "film")
        unmatched = f"; {counted(len(rest), 'film')} of it without ratings" if rest else ""
        _log.log(
            *((logging.INFO, "Metadata of %s found%s") if used else (logging.WARNING, _NO_MATCH)), found, unmatched
        )
    return (*every, *(f"tmdb:{key}" if own else key for key in rest)), (*films, *(other[key] for key in rest))


_NO_MATCH = "metadata of no rated film was found (%s%s): its keys are others, and no title with its year is the same"


def _read_table(path: Path, films: dict[str, Film], alone: bool) -> None:
    broken: dict[str, list[int]] = {}
    left_out: list[BadRow] = []
    for row in Source(str(path)).rows():
        if isinstance(row, BadRow):
            left_out.append(row)
            continue
        by_name = {folded(name): value for name, value in row.fields.items()}
        key = next((by_name[name] for name in map(folded, KEY_NAMES) if by_name.get(name) not in (None, "")), None)
        title = str(by_name.get("title") or "").strip()
        if key is None or not title:
            if alone and "title" not in by_name:
                raise DataError(f"{path} needs the columns movie_id and title; it has: {', '.join(row.fields)}.")
            left_out.append(BadRow(row.line, "no key or title", ""))
            continue
        film = _film(title, by_name, row.line, broken)
        name = identity(key)
        films[name] = _joined(films[name], film) if name in films else film
    if left_out:
        first = f"line {left_out[0].line}, {left_out[0].reason}"
        _log.warning("%s of %s left out; the first: %s", counted(len(left_out), "row"), path, first)
    for column, lines in broken.items():
        what = counted(len(lines), "value")
        _log.warning("%s of '%s' in %s cannot be read and left out; the first: line %d", what, column, path, lines[0])


def _film(title: str, fields: Mapping[str, Any], line: int, broken: dict[str, list[int]]) -> Film:
    found: dict[str, tuple[str, ...]] = {}
    for fact, columns in _LISTS.items():
        column = next((name for name in map(folded, columns) if name in fields), None)
        if column is not None:
            try:
                found[fact] = _names(fields[column], fact)
            except ValueError:
                broken.setdefault(fact, []).append(line)
    year = year_of(fields.get("year") or fields.get("releasedate"), title)
    bare = _ARTICLE.sub(r"\2 \1", title.removesuffix(f"({year})").strip()) or title
    genres = tuple(genre for genre in found.pop("genres", ()) if genre != "(no genres listed)")
    numbers = {name: value for name in NUMBERS if (value := _number(fields.get(folded(name)))) > 0}
    facts = {fact: names for fact, names in found.items() if names}
    elsewhere = {place: number_at(fields.get(f"{place}id")) for place in ("imdb", "tmdb")}
    return Film(bare, year, genres, **elsewhere, facts=facts, numbers=numbers)


def _names(value: Any, fact: str) -> tuple[str, ...]:
    """The names in a list of JSON, of Python, or in plain text; a `ValueError` if it begins as a list and is none."""
    if isinstance(value, str) and value.lstrip().startswith(("[", "{")):
        value = parse_list(value)
    if not isinstance(value, list):
        return split_names(value)
    entries = [one if isinstance(one, Mapping) else {"name": one} for one in value]
    if fact == "crew":
        jobs = [one for one in entries if one.get("job", _JOBS[0]) in _JOBS]
        entries = sorted(jobs, key=lambda one: _JOBS.index(one.get("job", _JOBS[0])))
    names = dict.fromkeys(str(one.get("name") or "").strip() for one in entries)
    return tuple(name for name in names if name)[: _MOST_CAST if fact == "cast" else None]


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return 0.0
    return number if number < float("inf") else 0.0


def _joined(first: Film, second: Film) -> Film:
    """A film with what the second says added; where both say something, the first counts."""
    return replace(
        first,
        title=first.title or second.title,
        year=first.year or second.year,
        genres=tuple(dict.fromkeys((*first.genres, *second.genres))),
        facts={**second.facts, **first.facts},
        numbers={**second.numbers, **first.numbers},
    )


def _called(film: Movie) -> tuple[str, int | None]:
    return fold(film.title), film.year

"""Reviews from rows: which field is what, which rows cannot be used, and chunks to score."""

import hashlib
import json
import logging
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import PurePath
from typing import Any

from sentrec.data.columns import FieldNames, folded, require_single, zero_is_unrated
from sentrec.data.sources import Source
from sentrec.data.text_rows import BadRow, Row, Unreadable
from sentrec.data.values import UnusableError, name_of, scaled_rating_of, text_of
from sentrec.recommend.catalogue import identity, item_name
from sentrec.text.encoding import in_chunks, shortened

_log = logging.getLogger(__name__)

_REQUIRED = ("movie", "text")
_OPTIONAL = ("id", "rating", "date", "user")
_SHOWN = 1000
"""About as many characters of a row that is left out are shown."""
_SHORTEST_VALUE = 20
_LONG_WORDS, _LONG_CHARACTERS = 20, 120
"""Equal texts of so many are copies, whoever signs them."""
_SHORT_WORDS = 5
"""Equal texts of fewer words may well be of different people."""


@dataclass(frozen=True, slots=True)
class Review:
    """One review."""

    source: str  # the file that it comes from
    line: int  # where in it
    movie: str  # the item's key
    text: str  # what it says, not blank; of a very long one both ends, see `shortened`
    id: str | None = None  # its own name, if it has one
    rating: float | None = None  # stars, if it has some
    rating_scale: float | None = None  # what these are counted from, where they say so: 4/5, ★★★½
    date: str | None = None  # as it stands in the file
    user: str | None = None  # as it stands in the file
    item: tuple[str, str] | None = None  # the column of its name, and its id, where there is one
    digest: bytes = b""
    """16 bytes that are equal for copies of one review (BLAKE2b): the same item and (whole) text, by the same user or
    with the same id unless it is long. Where neither is known, short texts are no copies: many write "Great!"."""

    def __post_init__(self) -> None:
        """Makes the digest where none is given, then cuts the text."""
        if not self.digest:
            words = len(self.text.split(maxsplit=_LONG_WORDS))
            author = self.user or self.id
            is_long = words >= _LONG_WORDS or len(self.text) >= _LONG_CHARACTERS
            if is_long or (author is None and words >= _SHORT_WORDS):
                author = ""
            elif author is None:
                author = f"{PurePath(self.source).name}, line {self.line}"
            key = "\0".join((identity(self.movie), author, self.text)).encode()
            object.__setattr__(self, "digest", hashlib.blake2b(key, digest_size=16).digest())
        object.__setattr__(self, "text", shortened(self.text))


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was left out, or a field of one."""

    source: str  # the file that it comes from
    line: int  # where in it
    reason: str  # what is wrong with it
    content: str  # the row, cut to a readable length: as it stands in the file if it could not be read, else as JSON
    is_kept: bool = False  # whether the review counts all the same, without its field that could not be read


def read_chunks(sources: Sequence[Source], names: FieldNames, size: int) -> Iterator[tuple[list[Review], list[Reject]]]:
    """Reads sources one after another as chunks of reviews, each with the rows and fields between that were left out.

    A chunk has `size` reviews and rejects; one of very long reviews, or the last, holds fewer. Raises a `DataError` if
    a source cannot be read, or no row of it has a field for item or text.
    """
    known = ItemNames()
    rows = (one for source in sources for one in _reviews(source, names, known))
    for chunk in in_chunks(rows, size, lambda one: len(one.text if isinstance(one, Review) else one.content)):
        yield [one for one in chunk if isinstance(one, Review)], [one for one in chunk if isinstance(one, Reject)]


class ItemNames:
    """What items are called, by their ids: where names are written differently or left out, the id tells."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._ids: dict[str, str] = {}

    def name(self, column: str, name: str | None, key: str | None) -> str | None:
        """The name that an item goes by; films of one title but several ids have theirs behind it."""
        if key is None or name is None:
            return name if key is None else self._names.get(key, key)
        if key not in self._names:
            is_other = folded(column).startswith(("movie", "film")) and self._ids.setdefault(identity(name), key) != key
            self._names[key] = f"{name} ({key})" if is_other else name
        return self._names[key]

    def renamed(self, movie: str, item: tuple[str, str] | None) -> str:
        """The name of an item that the reader of one shard named by what stands in there."""
        if item is None:
            return movie
        column, key = item
        return item_name(self.name(column, None if movie == item_name(key) else movie, key) or movie)


def _reviews(source: Source, names: FieldNames, known: ItemNames) -> Iterator[Review | Reject]:
    missing = set(_REQUIRED)
    first: Row | None = None
    for row in source.rows(partial(_needed, names)):
        if isinstance(row, BadRow):
            yield Reject(source.name, row.line, row.reason, row.content[:_SHOWN])
            continue
        if missing:
            first = first or row
            missing = {role for role in missing if not names.find(role, row.fields)}
            _check_columns(source, names, first, missing)
        try:
            review, doubts = _review(row, names, source.name, known)
        except UnusableError as error:
            yield Reject(source.name, row.line, str(error), shown_row(row))
            continue
        for doubt in doubts:
            yield Reject(source.name, row.line, doubt, shown_row(row), is_kept=True)
        yield review
    if missing and first is not None:
        where = "line" if source.format in ("jsonl", "lines") else "row"
        roles = [role for role in _REQUIRED if role in missing]
        raise names.missing(roles, source.name, f"{where} {first.line} has", first.fields)


def _needed(names: FieldNames, there: Sequence[str]) -> set[str]:
    """The columns that play a role, and the item's id for rows that leave its name out."""
    return {*names.select(there), *(one for name in names.find("movie", there) for one in _ids(name, names, there))}


def _ids(name: str, names: FieldNames, there: Iterable[str]) -> list[str]:
    """The id beside an item's name: movie_id beside movie or movie_title."""
    stem = re.sub("(?<=.)(title|name)$", "", folded(name))
    return [] if names.movie else [other for other in there if folded(other) == f"{stem}id"]


def _check_columns(source: Source, names: FieldNames, first: Row, missing: set[str]) -> None:
    """Says what was found in the first row; refuses a table that lacks a column or has it twice."""
    if source.header is not None:
        if roles := [role for role in _REQUIRED if role in missing]:
            raise names.missing(roles, source.name, "its header has", source.header)
        require_single(names.select(source.header), source.header, source.name)
    if not missing and (found := names.describe(source.name, tuple(first.fields), (*_REQUIRED, "rating"))):
        _log.info(found)


def shown_row(row: Row) -> str:
    """A row as JSON; long values of a long one are cut, and numbers that JSON lacks are strings."""
    with suppress(ValueError):  # infinity, or no number
        whole = json.dumps(dict(row.fields), ensure_ascii=False, allow_nan=False, default=_described)
        if len(whole) <= _SHOWN:
            return whole
    longest = max(_SHOWN // len(row.fields), _SHORTEST_VALUE)
    values = {name: _cut(value, longest) for name, value in islice(row.fields.items(), _SHOWN // _SHORTEST_VALUE)}
    return json.dumps(values, ensure_ascii=False)


def _cut(value: Any, length: int) -> Any:
    if value is None or (isinstance(value, int | float) and math.isfinite(value)):
        return value
    is_nested = isinstance(value, dict | list)
    text = json.dumps(value, ensure_ascii=False, default=_described) if is_nested else _described(value)
    return text if len(text) <= length else f"{text[:length]}…"


def _described(value: Any) -> str:
    """A value as text, such as one that JSON has no type for."""
    if isinstance(value, Unreadable):
        return f"unreadable: {value.reason}"
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _review(row: Row, names: FieldNames, source: str, known: ItemNames) -> tuple[Review, list[str]]:
    """A row's review, and what is wrong with its optional fields."""
    found = names.roles(tuple(row.fields))
    movie_name = next(iter(found.get("movie", ())), str(names.movie or "movie"))
    keys = [name_of(row.fields[one], "item", one) for one in _ids(movie_name, names, row.fields)]
    is_key = folded(movie_name).endswith("id")  # of a row without the column of names
    name = name_of(row.fields.get(movie_name), "item", movie_name)
    key = next(filter(None, keys), name if is_key else None)
    movie = known.name(movie_name, None if is_key else name, key)
    if movie is None:
        raise UnusableError(f"no item (field '{movie_name}')")
    text = text_of(row.fields, found.get("text") or (str(names.text or "text"),))
    doubts: list[str] = []
    optional: dict[str, Any] = {}
    for role in _OPTIONAL:
        try:
            for name in found.get(role, ()):
                value = row.fields.get(name)
                if role == "rating" and not (value in (0, "0", "0.0") and zero_is_unrated(tuple(row.fields))):
                    optional["rating"], optional["rating_scale"] = scaled_rating_of(value, role, name)
                elif role != "rating":
                    optional[role] = name_of(value, role, name)
        except UnusableError as error:
            doubts.append(str(error))
    item = None if key is None else (movie_name, key)
    return Review(source, row.line, item_name(movie), text, item=item, **optional), doubts

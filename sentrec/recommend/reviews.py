"""Reviews from rows: which field is what, which rows cannot be used, and chunks to score."""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sentrec.errors import DataError
from sentrec.recommend.sources import BadRow, Row, Source

_KNOWN_NAMES = {
    "movie": ("movie", "movie_id", "film", "title"),
    "text": ("text", "review", "content"),
    "id": ("id", "review_id"),
    "rating": ("rating", "stars"),
    "date": ("date",),
    "user": ("user", "user_id"),
}
_REQUIRED = ("movie", "text")
_SHOWN = 1000


@dataclass(frozen=True)
class FieldNames:
    """Which field of a row is what; None: the first of the usual names that the first row has.

    Attributes:
        movie: The film that a review is about (``movie``, ``movie_id``, ``film``, ``title``).
        text: The review (``text``, ``review``, ``content``).
        id: The review's own name, optional (``id``, ``review_id``).
        rating: Stars, optional (``rating``, ``stars``).
        date: Optional.
        user: Optional (``user``, ``user_id``).
    """

    movie: str | None = None
    text: str | None = None
    id: str | None = None
    rating: str | None = None
    date: str | None = None
    user: str | None = None

    def resolved(self, row: Row, source: str) -> "FieldNames":
        """The same with every usual name filled in that `row` has.

        Raises:
            DataError: If the row has no such field as named, or none that could be the film or the text.
        """
        found = {field.name: self._find(field.name, row, source) for field in fields(self)}
        return FieldNames(**found)

    def _find(self, role: str, row: Row, source: str) -> str | None:
        given: str | None = getattr(self, role)
        if given is not None and given not in row.fields and role not in _REQUIRED:
            return given  # optional fields may be absent from some rows, and so from the first
        candidates = _KNOWN_NAMES[role] if given is None else (given,)
        present = next((name for name in candidates if name in row.fields), None)
        if present is None and role in _REQUIRED:
            there = ", ".join(map(str, row.fields))
            raise DataError(
                f"{source} has no field '{given or role}' in line {row.line}; it has: {there}.",
                f"Name the field: --{role}-field NAME",
            )
        return present


@dataclass(frozen=True, slots=True)
class Review:
    """One review.

    Attributes:
        source: The file that it comes from.
        line: Where in it.
        movie: The film's key.
        text: What it says, not blank.
        id: Its own name, if it has one.
        rating: Stars, if it has some.
        date: As it stands in the file.
        user: As it stands in the file.
    """

    source: str
    line: int
    movie: str
    text: str
    id: str | None = None
    rating: float | None = None
    date: str | None = None
    user: str | None = None

    def digest(self) -> bytes:
        """16 bytes that tell apart reviews of different films or texts (BLAKE2b)."""
        key = f"{self.movie}\0{self.text}".encode()
        return hashlib.blake2b(key, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was left out.

    Attributes:
        source: The file that it comes from.
        line: Where in it.
        reason: What is wrong with it.
        content: The row, cut to a readable length.
    """

    source: str
    line: int
    reason: str
    content: str


def read_chunks(
    sources: Sequence[Source], names: FieldNames, size: int, on_reject: Callable[[Reject], None]
) -> Iterator[list[Review]]:
    """Reads sources one after another as chunks of reviews.

    Args:
        sources: What to read.
        names: Which field is what.
        size: Reviews a chunk; the last may hold fewer.
        on_reject: Is told every row that was left out, in order.

    Raises:
        DataError: If a source cannot be read, or has no field for film or text.
    """
    chunk: list[Review] = []
    for source in sources:
        for one in _reviews(source, names):
            if isinstance(one, Reject):
                on_reject(one)
                continue
            chunk.append(one)
            if len(chunk) == size:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def _reviews(source: Source, names: FieldNames) -> Iterator[Review | Reject]:
    resolved: FieldNames | None = None
    for row in source.rows():
        if isinstance(row, BadRow):
            yield Reject(source.name, row.line, row.reason, row.content[:_SHOWN])
            continue
        resolved = resolved or names.resolved(row, source.name)
        try:
            yield _review(row, resolved, source.name)
        except _UnusableError as error:
            yield Reject(source.name, row.line, str(error), repr(dict(row.fields))[:_SHOWN])


class _UnusableError(Exception):
    """Why a row is no review."""


def _review(row: Row, names: FieldNames, source: str) -> Review:
    def value(name: str | None) -> Any:
        return row.fields.get(name) if name is not None else None

    movie = _plain(value(names.movie), "film", names.movie)
    if movie is None:
        raise _UnusableError(f"no film (field '{names.movie}')")
    return Review(
        source,
        row.line,
        movie,
        _text(value(names.text), names.text),
        id=_plain(value(names.id), "id", names.id),
        rating=_rating(value(names.rating), names.rating),
        date=_plain(value(names.date), "date", names.date),
        user=_plain(value(names.user), "user", names.user),
    )


def _text(value: Any, name: str | None) -> str:
    if value is None or (isinstance(value, str) and not value.strip()):
        raise _UnusableError(f"no text (field '{name}')")
    if not isinstance(value, str):
        raise _UnusableError(f"the text (field '{name}') is not a string but a {type(value).__name__}")
    return _unicode(value, "text", name)


def _plain(value: Any, what: str, name: str | None) -> str | None:
    """An identifier as a string; None where there is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, dict | list | bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise _UnusableError(f"the {what} (field '{name}') is no name: {value!r}"[:200])
    text = "" if value is None else _unicode(str(value), what, name).strip()
    return text or None


def _unicode(text: str, what: str, name: str | None) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _UnusableError(f"the {what} (field '{name}') is not UTF-8 at character {error.start + 1}") from None
    return text


def _rating(value: Any, name: str | None) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        rating = float(value)
    except (TypeError, ValueError):
        rating = math.nan
    if not math.isfinite(rating) or isinstance(value, bool):
        raise _UnusableError(f"the rating (field '{name}') is no number: {value!r}"[:200])
    return rating

"""Values as texts, names and numbers: of a row, and why one cannot be used; of a whole column of ratings."""

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sentrec.data.polarity import read_rating
from sentrec.data.text_rows import Unreadable
from sentrec.errors import DataError, shortened

if TYPE_CHECKING:
    import pyarrow as pa

Ratings = npt.NDArray[np.float32]

_NO_RATING = ("", "n/a", "na", "nan", "none", "null", "-")


class UnusableError(Exception):
    """Why a row, or a value of it, cannot be used."""


def text_of(fields: Mapping[str, Any], columns: Sequence[str]) -> str:
    """The text of a row, those of several columns on lines of their own; an `UnusableError` where there is none."""
    parts = [part for column in columns if (part := _text(fields.get(column), column))]
    if not parts:
        raise UnusableError(f"no text (field '{'+'.join(columns)}')")
    return "\n".join(parts)


def _text(value: Any, column: str) -> str | None:
    value = _decoded(value, "text", column)
    if value is None or (isinstance(value, str) and value.strip() in ("", "nan", "NaN")):  # as pandas writes no text
        return None
    if not isinstance(value, str):
        raise UnusableError(f"the text (field '{column}') is not a string but a {type(value).__name__}")
    return _unicode(value, "text", column)


def name_of(value: Any, what: str, column: str) -> str | None:
    """An identifier as a string, None where there is none; an `UnusableError` if it is no name."""
    value = _decoded(value, what, column)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, dict | list | bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise UnusableError(f"the {what} (field '{column}') is no name: {value!r}"[:200])
    text = "" if value is None else _unicode(str(value), what, column).strip()
    return text or None


def rating_of(value: Any, what: str, column: str) -> float | None:
    """A rating as a number, None where there is none; an `UnusableError` if it is no number."""
    rating, scale = scaled_rating_of(value, what, column)
    if scale is not None:
        raise UnusableError(f"the {what} (field '{column}') is no number: {value!r}"[:200])
    return rating


def scaled_rating_of(value: Any, what: str, column: str) -> tuple[float | None, float | None]:
    """A rating, and what it is counted from where it says so (``4/5``, ``★★★½``, ``B+``); None where there is none.

    Raises an `UnusableError` if the value is neither a number nor such a rating.
    """
    value = _decoded(value, what, column)
    if value is None or (isinstance(value, str) and value.strip().casefold() in _NO_RATING):
        return None, None
    rating, scale = math.inf, None
    try:
        rating = float(value)
    except (TypeError, ValueError, OverflowError):
        if isinstance(value, str) and (found := read_rating(value)):
            rating, scale = found
    if math.isinf(rating) or isinstance(value, bool):
        raise UnusableError(f"the {what} (field '{column}') is no number: {value!r}"[:200])
    return (None if math.isnan(rating) else rating), scale


def read_ratings(column: "pa.ChunkedArray", name: str, source: str) -> Ratings:
    """The ratings of a column of numbers, also as text, NaN where a row has none; a `DataError` if it holds others."""
    values = column.to_pylist()
    if any(isinstance(one, bool) or not isinstance(one, str | int | float | Decimal | None) for one in values):
        message = f"column '{name}' of {source} holds {column.type} values, not numbers."
        raise DataError(message, "Is data.rating_column the right one?")
    ratings = np.array([_number(one) for one in values], dtype=np.float32)
    return np.where(np.isfinite(ratings), ratings, np.float32(np.nan))


def _number(value: Any) -> float:
    # A single word among the numbers of a CSV file makes all of them text.
    try:
        return math.nan if value is None else float(value)
    except (ValueError, OverflowError):
        return math.nan


def parse_list(text: str) -> Any:
    """What a list of JSON, or of Python, holds; a `ValueError` if it is neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(shortened(error)) from error


def _decoded(value: Any, what: str, column: str) -> Any:
    """A value as it is, but bytes (of a binary column) as the text that they encode."""
    if isinstance(value, Unreadable):
        raise UnusableError(f"the {what} (field '{column}') cannot be read: {value.reason}"[:200])
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError as error:
        raise UnusableError(f"the {what} (field '{column}') is not UTF-8 at byte {error.start + 1}") from None


def _unicode(text: str, what: str, column: str) -> str:
    """The text without halves of surrogate pairs, which JSON can write; bytes that are no UTF-8 are refused."""
    if text.isascii():
        return text
    if broken := re.search("[\udc80-\udcff]", text):
        raise UnusableError(f"the {what} (field '{column}') is not UTF-8 at character {broken.start() + 1}")
    return text.encode("utf-8", "replace").decode()

"""What a row is, and rows of text files: a text a line, JSON lines, or a JSON document, however deep they lie in it."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias

from sentrec.data.columns import FieldNames
from sentrec.errors import DataError
from sentrec.files.parse import one_line

LABEL_MARK = "__label__"
LONGEST_LINE = 1 << 26
"""Characters of the longest line that is read; a longer one is rejected without being held in memory."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file."""

    line: int  # the line it begins on, from 1; in a file that has no lines (Parquet, Excel, one JSON document), the row
    fields: Mapping[str, Any]  # its values by column name


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used."""

    line: int  # as of `Row`
    reason: str  # what is wrong with it
    content: str  # the row, as far as it could be read


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value that is there but cannot be read, for this reason."""

    reason: str


AnyRow: TypeAlias = Row | BadRow


def plain_rows(text: TextIO) -> Iterator[AnyRow]:
    """Every line as a text; blank ones too, so that there is one row a line."""
    for line, content in lines_of(text):
        problem = not_utf8(content)
        yield bad_row(line, problem, content) if problem else Row(line, {"text": content.rstrip("\r\n")})


def labelled_rows(text: TextIO) -> Iterator[AnyRow]:
    """A text a line, after its label, as fastText has it: ``__label__positive It is lovely``."""
    for row in plain_rows(text):
        if isinstance(row, Row):
            label, _, rest = row.fields["text"].partition(" ")
            row = Row(row.line, {"label": label.removeprefix(LABEL_MARK), "text": rest})
        yield row


def json_rows(text: TextIO) -> Iterator[AnyRow]:
    """A JSON object a line; a comma after it does not matter."""
    for line, content in lines_of(text):
        if content.isspace() or content.strip() in ("[", "]"):
            continue
        fields: Any = None
        try:
            fields, problem = json.loads(content.rstrip().removesuffix(",")), not_utf8(content)
        except (ValueError, RecursionError) as error:  # ValueError: also an integer of more digits than Python reads
            problem = not_utf8(content) or f"not JSON: {one_line(error)}"
        if not problem and not isinstance(fields, dict):
            problem = "not a JSON object"
        if problem:
            yield bad_row(line, problem, content)
        else:
            yield from (Row(line, one) for one in record_rows(fields))


def document_rows(text: TextIO, name: str) -> Iterator[AnyRow]:
    """The records of one JSON document."""
    content = text.read(16 * LONGEST_LINE)
    if text.read(1):
        raise DataError(f"{name} is one JSON document of more than 1 GB.", "Write one object a line: `jq -c '.[]'`.")
    try:
        records = document_records(json.loads(content))
    except ValueError as error:
        if not content.lstrip().startswith("{") or "Extra data" not in str(error):
            raise
        yield from json_rows(io.StringIO(content))  # its first line is longer than what tells a format
        return
    for number, value in enumerate(records, start=1):
        if isinstance(value, dict | str):
            yield Row(number, value if isinstance(value, dict) else {"text": value})
        else:
            yield BadRow(number, "not a JSON object", str(value)[:1000])


def bad_row(line: int, reason: str, content: str) -> BadRow:
    """A row as it stands in the file, cut, and readable whatever its bytes are."""
    return BadRow(line, reason, content[:1000].encode("utf-8", "backslashreplace").decode().rstrip("\r\n"))


def not_utf8(content: str) -> str | None:
    """What is wrong with a line that is too long or of bytes that are no UTF-8; None where nothing is."""
    if len(content) >= LONGEST_LINE and not content.endswith("\n"):
        return f"the line is longer than {LONGEST_LINE:,} characters"
    try:
        content.encode()
    except UnicodeEncodeError as error:
        return f"not UTF-8: byte 0x{ord(content[error.start]) - 0xDC00:02x} at {error.start + 1}"
    return None


def lines_of(text: TextIO) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; of one that is too long, its beginning."""
    number = 0
    while content := text.readline(LONGEST_LINE):
        number += 1
        rest = content
        while len(rest) == LONGEST_LINE and not rest.endswith("\n"):
            rest = text.readline(LONGEST_LINE)
        yield number, content


_DEEPEST = 8
_CONTENT = ("text", "label", "value", "#text", "$t")
"""The field of a nested object that is its content, as in ``{"text": {"text": "...", "language": "en"}}``."""
_NAMES = FieldNames()


def document_records(value: Any) -> list[Any]:
    """The records of a JSON document: a list of them, an object that holds one, or what pandas writes."""
    if isinstance(value, list):
        return [row for one in value for row in (record_rows(one) if isinstance(one, dict) else [one])]
    values = list(value.values()) if isinstance(value, dict) else []
    if not values or _has_text(value):
        return [value]
    if all(isinstance(one, dict) for one in values) and (len(values) > 1 or _has_text(values[0])):
        if not all(key.isdecimal() for one in values for key in one):
            return [row for key, one in value.items() for row in record_rows(one if "id" in one else {"id": key} | one)]
        return [{name: column.get(row) for name, column in value.items()} for row in values[0]]
    if all(isinstance(one, list) and not _is_list_of_records(one) and len(one) == len(values[0]) for one in values):
        return [dict(zip(value, row, strict=True)) for row in zip(*values, strict=True)]
    if all(_is_list_of_records(one) and _rows_have_text(one) for one in values) and len(values) > 1:
        return [row for key, one in value.items() for child in one for row in record_rows(child, {"item": key})]
    rows = record_rows(value)
    lists = [one for one in values if _is_list_of_records(one)]
    if rows != [value] or len(lists) != 1:
        return rows
    return [_flat(one) if isinstance(one, dict) else one for one in lists[0]]


def record_rows(record: dict[str, Any], outer: Mapping[str, Any] | None = None, depth: int = 0) -> list[dict[str, Any]]:
    """The rows of one record: itself, the reviews that it holds, or itself with nested fields as ``review.text``.

    `outer` is what the record stands in, of which the name of the item is kept.
    """
    outer = outer or {}
    nested = [one for one in record.values() if isinstance(one, dict | list)]
    if not nested or depth > _DEEPEST or _has_text(record):
        return [_within(outer, record)]
    lists = [one for one in nested if isinstance(one, list) and _is_list_of_records(one) and _rows_have_text(one)]
    item = {name: record[name] for name in _NAMES.find("movie", record) if isinstance(record[name], str | int)}
    if lists:
        return [row for one in max(lists, key=len) for row in record_rows(one, {**outer, **item}, depth + 1)]
    flat = _flat(record)
    if _has_text(flat):
        return [_within(outer, flat)]
    for one in nested:
        if isinstance(one, dict) and (rows := record_rows(one, {**outer, **item}, depth + 1)) and _has_text(rows[0]):
            return rows
    return [_within(outer, record)]


def _within(outer: Mapping[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    return {**{"item" if name in record else name: value for name, value in outer.items()}, **record}


def _is_list_of_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _rows_have_text(records: list[Any]) -> bool:
    """Whether the first of some records is a text, or holds one."""
    return _has_text(record_rows(records[0], depth=_DEEPEST - 2)[0])


def _has_text(record: Mapping[str, Any]) -> bool:
    return any(isinstance(record[name], str) for name in _NAMES.find("text", record))


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and value and len(prefix) < 100:
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix[:-1] if prefix and name in _CONTENT and prefix[:-1] not in flat else f"{prefix}{name}"] = value
    return flat

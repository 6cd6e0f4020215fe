"""Rows of text files: JSON lines, one JSON document, or a text a line; and what a row is."""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias

from sentrec.data.records import document_records, record_rows
from sentrec.errors import DataError
from sentrec.files.parse import one_line

LABEL_MARK = "__label__"
LONGEST_LINE = 1 << 26
"""Characters of the longest line that is read; a longer one is rejected without being held in memory."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file.

    Attributes:
        line: The line it begins on, from 1; in a file that has no lines (Parquet, Excel, one JSON document), the row.
        fields: Its values by column name.
    """

    line: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used.

    Attributes:
        line: As of `Row`.
        reason: What is wrong with it.
        content: The row, as far as it could be read.
    """

    line: int
    reason: str
    content: str


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

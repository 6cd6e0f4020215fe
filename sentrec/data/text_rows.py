"""Rows of text files: CSV, JSON lines, one JSON document, or a text a line."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias

from sentrec.data.columns import is_known
from sentrec.errors import DataError
from sentrec.files.parse import one_line

LONGEST_LINE = 1 << 26
"""Characters of the longest line that is read; a longer one is rejected without being held in memory."""

_DELIMITERS = ",;\t|"
_LONGEST_NAME = 40
TOP = 10
"""Rows among which a header is looked for."""
_DATA_CELL = re.compile(r"\s*[-+]?\d+([.,/:-]\d+)*\s*|.{60,}|\S+(\s+\S+){7,}.*", re.DOTALL)


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
    for line, content in _lines(text):
        problem = not_utf8(content)
        yield _bad(line, problem, content) if problem else Row(line, {"text": content.rstrip("\r\n")})


def json_rows(text: TextIO) -> Iterator[AnyRow]:
    """A JSON object a line."""
    for line, content in _lines(text):
        if content.isspace():
            continue
        fields: Any = None
        try:
            fields, problem = json.loads(content), not_utf8(content)
        except (ValueError, RecursionError) as error:  # ValueError: also an integer of more digits than Python reads
            problem = not_utf8(content) or f"not JSON: {one_line(error)}"
        if not problem and not isinstance(fields, dict):
            problem = "not a JSON object"
        yield _bad(line, problem, content) if problem else Row(line, fields)


def document_rows(text: TextIO, name: str) -> Iterator[AnyRow]:
    """The records of one JSON document."""
    content = text.read(16 * LONGEST_LINE)
    if text.read(1):
        raise DataError(f"{name} is one JSON document of more than 1 GB.", "Write one object a line: `jq -c '.[]'`.")
    try:
        records = _records(json.loads(content))
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


def _records(value: Any) -> list[Any]:
    """The records of a JSON document: a list of them, an object that holds one, or what pandas writes."""
    if isinstance(value, list):
        return value
    values = list(value.values()) if isinstance(value, dict) else []
    if len(lists := [one for one in values if isinstance(one, list) and one and isinstance(one[0], dict)]) == 1:
        return lists[0]
    if values and all(isinstance(one, dict) for one in values):
        if not all(key.isdecimal() for one in values for key in one):
            return values
        return [{name: column.get(row) for name, column in value.items()} for row in values[0]]
    if values and all(isinstance(one, list) and len(one) == len(values[0]) for one in values):
        return [dict(zip(value, row, strict=True)) for row in zip(*values, strict=True)]
    return [value]


def _bad(line: int, reason: str, content: str) -> BadRow:
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


def _lines(text: TextIO) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; of one that is too long, its beginning."""
    number = 0
    while content := text.readline(LONGEST_LINE):
        number += 1
        rest = content
        while len(rest) == LONGEST_LINE and not rest.endswith("\n"):
            rest = text.readline(LONGEST_LINE)
        yield number, content


def delimiter_of(header: str) -> str:
    """What separates the cells of a header: that which gives most known column names, else most cells."""

    def known_and_all(mark: str) -> tuple[int, int]:
        cells = _cells(header, mark)
        return sum(map(is_known, cells)), len(cells)

    return max(_DELIMITERS, key=known_and_all)


def _cells(line: str, delimiter: str | None = None) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter or delimiter_of(line)), [])


def names_columns(line: str) -> bool:
    """Whether a line of a file without a telling suffix is the header of a table."""
    cells = _cells(line)
    return len(cells) > 1 and any(map(is_known, cells)) and all(len(cell) <= _LONGEST_NAME for cell in cells)


def header_place(rows: Iterable[Sequence[str]]) -> int:
    """Which of the first rows names the columns; spreadsheets have titles above them."""
    for place, cells in enumerate(rows):
        filled = [cell for cell in cells if cell.strip()]
        if len(filled) > 1:
            is_header = sum(map(is_known, filled)) > 1 and all(len(cell) <= _LONGEST_NAME for cell in filled)
            return place if is_header else 0
    return 0


def csv_rows(text: TextIO, start: str, suffix: str, set_header: Callable[[Sequence[str]], None]) -> Iterator[AnyRow]:
    """The rows of a table whose cells are separated by commas, semicolons, tabs or bars.

    `start` are its first lines, `suffix` is that of its name (``.tsv`` says tabs), `set_header` gets the columns.

    A first record that names no columns but is data itself is a row; the columns then are called 1, 2, 3 ...
    """
    lines = re.split("\r\n|\r|\n", start, maxsplit=TOP)[:TOP]
    skipped = 1 if (stated := re.fullmatch(r"sep=(.)\s*", lines[0])) else 0  # as Excel writes it
    skipped += header_place(_cells(line) for line in lines[skipped:])
    for _ in range(skipped):
        text.readline()
    first = (lines[skipped:] or [""])[0]
    delimiter = stated[1] if stated else "\t" if suffix == ".tsv" and "\t" in first else delimiter_of(first)
    names: list[str] = []
    for line, cells in _csv_records(text, delimiter, first_line=skipped + 1):
        if isinstance(cells, str):
            yield BadRow(line, cells, "")
        elif names:
            if cells:
                yield _csv_row(line, names, cells)
        elif any(cell.strip() for cell in cells):
            header = [cell.strip() for cell in cells]
            is_data = any(_DATA_CELL.fullmatch(cell) for cell in header) and not any(map(is_known, header))
            if is_data:
                header = [str(place) for place in range(1, len(cells) + 1)]
            set_header(header)
            names = unique_names(header)
            if is_data:
                yield _csv_row(line, names, cells)


def _csv_records(text: TextIO, delimiter: str, first_line: int) -> Iterator[tuple[int, list[str] | str]]:
    """The line that each record of a CSV file begins on, and its cells, or what is wrong with it."""
    csv.field_size_limit(LONGEST_LINE)
    taken: list[str] = []

    def feed() -> Iterator[str]:
        while content := text.readline(LONGEST_LINE):
            taken.append(content)
            yield content

    # Strict, because a quote that is never closed would otherwise swallow all that follows without a word.
    reader = csv.reader(feed(), delimiter=delimiter, strict=True)
    line, width = first_line, 0
    while True:
        taken.clear()
        try:
            cells = next(reader)
            width = width or len(cells)
            yield line, cells
        except StopIteration:
            return
        except csv.Error as error:
            yield from _unquoted(taken, line, width, delimiter, error)
        line += len(taken)


def _unquoted(
    lines: Sequence[str], line: int, width: int, delimiter: str, error: csv.Error
) -> Iterator[tuple[int, list[str] | str]]:
    """Lines with an open quote, read without quoting where each then has as many cells as the header."""
    if "field limit" not in str(error):
        rows = list(csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE))
        if width > 1 and all(len(row) in (0, width) for row in rows):
            yield from ((line + number, row) for number, row in enumerate(rows))
            return
    spans = f", in a row that spans {len(lines):,} lines: is a quote open?" if len(lines) > 1 else ""
    yield line, f"not CSV: {error}{spans}"


def unique_names(header: Sequence[str]) -> list[str]:
    """Column names with a number added to those that came before."""
    seen: dict[str, int] = {}
    names = []
    for name in header:
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return names


def _csv_row(line: int, header: list[str], values: list[str]) -> Row | BadRow:
    # Spreadsheets leave out empty cells at the end of a row, and add some.
    if len(values) > len(header) and not any(values[len(header) :]):
        values = values[: len(header)]
    if len(values) != len(header):
        return _bad(line, f"the row has {len(values)} fields, the header {len(header)}", ",".join(values))
    return Row(line, dict(zip(header, values, strict=True)))

"""Rows of tables in text: CSV in all its dialects, and a table of Markdown."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TextIO

from sentrec.data.columns import is_known
from sentrec.data.text_rows import LONGEST_LINE, AnyRow, BadRow, Row, bad_row

_DELIMITERS = ",;\t|"
_LONGEST_NAME = 40
_ANSWERS = ("response", "open-ended response")
"""What SurveyMonkey writes below the names of columns."""
TOP = 10
"""Rows among which a header is looked for."""
_DATA_CELL = re.compile(r"\s*[-+]?\d+([.,/:-]\d+)*\s*|.{60,}|\S+(\s+\S+){7,}.*", re.DOTALL)


def delimiter_of(header: str, others: Sequence[str] = ()) -> str:
    """What separates the cells of a header: that which gives most known column names, else even rows."""

    def likelihood(mark: str) -> tuple[int, bool, int]:
        cells = _cells(header, mark)
        is_even = len(cells) > 1 and all(len(_cells(line, mark)) == len(cells) for line in others if line)
        return sum(map(is_known, cells)), is_even, len(cells)

    return max(_DELIMITERS, key=likelihood)


def _cells(line: str, delimiter: str | None = None) -> list[str]:
    csv.field_size_limit(LONGEST_LINE)
    return next(csv.reader([line], delimiter=delimiter or delimiter_of(line)), [])


def names_columns(line: str) -> bool:
    """Whether a line of a file without a telling suffix is the header of a table."""
    cells = _cells(line)
    return len(cells) > 1 and any(map(is_known, cells)) and all(len(cell) <= _LONGEST_NAME for cell in cells)


def header_place(rows: Iterable[Sequence[str]]) -> int:
    """Which of the first rows names the columns; spreadsheets have titles above them."""
    most = 1
    for place, cells in enumerate(rows):
        filled = [cell for cell in cells if cell.strip()]
        if len(filled) > most:
            if sum(map(is_known, filled)) > 1 and all(len(cell) <= _LONGEST_NAME for cell in filled):
                return place
            most = len(filled)
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
    lines = lines[skipped:] or [""]
    delimiter = (
        stated[1] if stated else "\t" if suffix == ".tsv" and "\t" in lines[0] else delimiter_of(lines[0], lines[1:-1])
    )
    style = _style(lines[0], start, delimiter)
    shortest, has_row_names = _width(lines, delimiter), _has_row_names(lines, delimiter)
    names: list[str] = []
    has_row = False
    for line, cells in _csv_records(text, style, first_line=skipped + 1):
        if isinstance(cells, str):
            yield BadRow(line, cells, "")
        elif names:
            if not has_row and (joined := joined_header(names, cells)):
                names = unique_names(joined)
                set_header(joined)
            elif cells and not _is_rule(cells, delimiter):
                has_row = True
                yield _csv_row(line, names, cells, shortest)
        elif any(cell.strip() for cell in cells):
            has_row = is_data(cells)
            set_header(header := ["row"] * has_row_names + _header(cells, has_row))
            names = unique_names(header)
            if has_row:
                yield _csv_row(line, names, cells, shortest)


def is_data(cells: Sequence[str]) -> bool:
    """Whether the first record of a table names no columns but is a row itself."""
    return any(_DATA_CELL.fullmatch(cell.strip()) for cell in cells) and not any(map(is_known, cells))


def _header(cells: Sequence[str], is_numbered: bool) -> list[str]:
    readable = (cell.strip().encode("utf-8", "replace").decode() for cell in cells)  # bytes that are no UTF-8
    return [str(place) if is_numbered else cell for place, cell in enumerate(readable, start=1)]


def _width(lines: Sequence[str], delimiter: str) -> int:
    """How many cells all of the first rows have, which may be fewer than the header; 0 where they differ."""
    widths = {len(_cells(line, delimiter)) for line in lines[1:-1]}
    return max(widths) if len(widths) == 1 else 0


def _has_row_names(lines: Sequence[str], delimiter: str) -> bool:
    """Whether rows have one cell more than the header, their number in quotes, as R writes them."""
    numbered = all(re.match(rf'"\d+"{re.escape(delimiter)}', line) for line in lines[1:-1])
    return numbered and _width(lines, delimiter) == len(_cells(lines[0], delimiter)) + 1


def _style(header: str, start: str, delimiter: str) -> Mapping[str, Any]:
    """How cells are quoted, in the words of Python's `csv`: databases write a backslash before a quote in a text."""
    if re.fullmatch(rf"'[^']*'({re.escape(delimiter)}'[^']*')+", header.strip()):
        return {"delimiter": delimiter, "quotechar": "'", "escapechar": "\\"}
    is_escaped = re.search(rf'[^\\"{re.escape(delimiter)}]\\"[^{re.escape(delimiter)}\r\n]', start)
    return {"delimiter": delimiter} | ({"escapechar": "\\"} if is_escaped and '""' not in start else {})


def joined_header(names: Sequence[str], cells: Sequence[str]) -> list[str] | None:
    """The columns by a second row of names below the first, as merged cells and surveys have it; None where none is."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    is_answer = [one.casefold() in _ANSWERS for one in filled]
    if not filled or not (all(is_answer) or (len(filled) > 1 and all(map(is_known, filled)))):
        return None
    lower = [*(cell.strip() for cell in cells), *[""] * len(names)]
    return [
        up if up and (not low or low.casefold() in _ANSWERS) else low or up
        for up, low in zip(names, lower, strict=False)
    ]


def _is_rule(cells: Sequence[str], delimiter: str) -> bool:
    """Whether a row is the line below the header of a Markdown table."""
    return delimiter == "|" and all(re.fullmatch(r"\s*:?-*:?\s*", cell) for cell in cells) and "-" in "".join(cells)


def _csv_records(text: TextIO, style: Mapping[str, Any], first_line: int) -> Iterator[tuple[int, list[str] | str]]:
    """The line that each record of a CSV file begins on, and its cells, or what is wrong with it."""
    taken: list[str] = []

    def feed() -> Iterator[str]:
        ends_in_newline: bool | None = None
        while content := text.readline(LONGEST_LINE):
            ends_in_newline = content.endswith("\n") if ends_in_newline is None else ends_in_newline
            # Where lines end in a newline, a carriage return alone stands inside of one.
            if ends_in_newline and content.endswith("\r"):
                content = _joined(content, text)
            taken.append(content)
            yield content

    # Strict, because a quote that is never closed would otherwise swallow all that follows without a word.
    reader = csv.reader(feed(), strict=True, **style)
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
            yield from _unquoted(taken, line, width, style["delimiter"], error)
        line += len(taken)


def _joined(content: str, text: TextIO) -> str:
    """A line with what follows its carriage returns."""
    parts, length = [content], len(content)
    while content.endswith("\r") and length < LONGEST_LINE:
        content = text.readline(LONGEST_LINE)
        parts.append(content)
        length += len(content)
    return "".join(f"{part[:-1]} " if part.endswith("\r") else part for part in parts)


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


def _csv_row(line: int, header: list[str], values: list[str], shortest: int) -> Row | BadRow:
    # Spreadsheets add empty cells at the end of a row; people leave out the last columns, but then of all rows.
    if 1 < len(values) == shortest < len(header):
        values = values + [""] * (len(header) - shortest)
    if len(values) > len(header) and not any(values[len(header) :]):
        values = values[: len(header)]
    if len(values) != len(header):
        return bad_row(line, f"the row has {len(values)} fields, the header {len(header)}", ",".join(values))
    return Row(line, dict(zip(header, values, strict=True)))

"""Rows of an Excel workbook."""

import logging
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time
from itertools import islice
from typing import Any
from xml.etree import ElementTree

from sentrec.data import csv_rows, formats
from sentrec.data.columns import is_known
from sentrec.data.text_rows import AnyRow, BadRow, Row
from sentrec.errors import DataError, listed

_SHEETS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LINKS = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_MERGED = re.compile(rb'<mergeCell ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_log = logging.getLogger(__name__)


def excel_rows(
    stream: Any, name: str, set_header: Callable[[Sequence[str]], None], _select: Any = None
) -> Iterator[AnyRow]:
    """The rows of the first sheet of a workbook that has usual names of columns, or else of its first sheet.

    Those of other sheets with the same columns follow; hidden ones do not count. Rows are numbered through. A cell that
    is merged with those below it stands in all of them.
    """
    try:
        import openpyxl
    except ImportError as error:
        hint = 'Install the extra: pip install "sentrec[excel]", or save the sheet as CSV (UTF-8).'
        raise DataError("Excel workbooks are read by openpyxl, which is not installed.", hint) from error
    with warnings.catch_warnings(action="ignore"):  # about styles and validations
        stream = formats.seekable(stream)
        every = openpyxl.load_workbook(stream, read_only=True, data_only=True).worksheets
        merged = _merged_cells(stream)
    sheets = _visible(every)
    tops = [[["" if cell is None else str(cell).strip() for cell in cells] for cells in _top(one)] for one in sheets]
    number = next((number for number, top in enumerate(tops) if any(map(_has_known, top))), 0)
    header, place = _excel_header(tops[number])
    alike = [sheet for sheet, top in zip(sheets, tops, strict=True) if _excel_header(top) == (header, place)]
    if len(every) > 1:
        titles = listed([f"'{sheet.title}'" for sheet in alike])
        _log.info("%s: read of its %d sheets: %s.", name, len(every), titles)
    is_apart = len(alike) > 1 and "sheet" not in header
    set_header([*header, "sheet"] if is_apart else header)
    names, start = csv_rows.unique_names(header), 0
    for sheet in alike:
        spans, row = merged.get(sheet.title, {}), 0
        held: dict[int, Any] = {}
        for row, cells in enumerate(_cells_of(sheet), start=1):
            for column, last in spans.get(row, {}).items():
                held[column] = (cells[column] if column < len(cells) else None, last)
            for column, (value, last) in held.items():
                if row <= last and column < len(cells) and cells[column] is None:
                    cells[column] = value
            if row <= place or all(cell is None or cell == "" for cell in cells):
                continue
            if any(cell is not None for cell in cells[len(names) :]):
                reason = f"the row has more cells than the header, which has {len(names)}"
                yield BadRow(start + row, reason, str(cells)[:1000])
                continue
            cells += [None] * (len(names) - len(cells))
            yield Row(start + row, dict(zip(names, cells, strict=False)) | ({"sheet": sheet.title} if is_apart else {}))
        start += row


def _visible(every: Sequence[Any]) -> Sequence[Any]:
    """The sheets that are not hidden, read to their end: other programs state fewer rows than there are."""
    for sheet in every:
        sheet.reset_dimensions()
    return [one for one in every if one.sheet_state == "visible"] or every


def _top(sheet: Any) -> list[list[Any]]:
    return list(islice(_cells_of(sheet), csv_rows.TOP))


def _excel_header(top: Sequence[Sequence[str]]) -> tuple[list[str], int]:
    """The columns of a sheet, by its first rows, and after how many of these its data begins."""
    place = csv_rows.header_place(top)
    place = next((row for row, cells in enumerate(top[place:], place) if any(cells)), 0)
    width = max((column for cells in top for column, cell in enumerate(cells, 1) if cell), default=0)
    header = [*(top[place : place + 1] or [[]])[0], *[""] * width][:width]
    joined = csv_rows.joined_header(header, top[place + 1]) if len(top) > place + 1 else None
    header, place = (joined, place + 1) if joined else (header, place)
    # What stands to the right of all names has a name, too, so that it is not lost.
    return [title or f"column {column}" for column, title in enumerate(header, start=1)], place + 1


def _cells_of(sheet: Any) -> Iterator[list[Any]]:
    return ([_plain(value) for value in values] for values in sheet.iter_rows(values_only=True))


def _has_known(cells: Sequence[str]) -> bool:
    return sum(map(is_known, cells)) > 1


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def _merged_cells(stream: Any) -> dict[str, dict[int, dict[int, int]]]:
    """Of each sheet, by title and first row, the columns (from 0) whose cell is merged down to which row.

    openpyxl knows them only of workbooks that it holds in memory as a whole.
    """
    found: dict[str, dict[int, dict[int, int]]] = {}
    with zipfile.ZipFile(stream) as archive:
        links = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
        targets = {link.get("Id"): link.get("Target", "").removeprefix("/xl/") for link in links}
        for sheet in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter(f"{_SHEETS}sheet"):
            spans = found.setdefault(sheet.get("name", ""), {})
            target = targets.get(sheet.get(f"{_LINKS}id"))
            if f"xl/{target}" not in archive.namelist():
                continue
            with archive.open(f"xl/{target}") as content:
                rest = b""
                while chunk := content.read(1 << 20):
                    rest += chunk
                    for left, top, right, bottom in _MERGED.findall(rest):
                        if left == right and int(bottom) > int(top):
                            spans.setdefault(int(top), {})[_column(left)] = int(bottom)
                    rest = rest[-100:]
    return found


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1

"""Tables written row by row: CSV, JSON lines, Parquet or an Excel workbook, by the name of the file."""

import csv
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from sentrec.data.text_rows import Unreadable
from sentrec.errors import DataError, listed
from sentrec.files.parse import one_line
from sentrec.files.storage import atomic_path

Rows = Sequence[Mapping[str, Any]]
_Change = Callable[[Any], Any]
_Add = Callable[[Rows, Sequence[str], bool], None]
_LONGEST_CELL = 32_767
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[-+]?\d+([.,:/]\d+)*\s?%?")
_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


@contextmanager
def table_writer(path: Path, csv_safe: bool = True) -> Iterator[Callable[[Rows], None]]:
    """Gives a function that adds rows; the file takes its place, whole, when the block ends well.

    `csv_safe` makes cells of CSV `harmless`. The first rows tell the columns, but for JSON lines, where every row has
    its own. Raises a `DataError` if the name ends in no known way, or a row does not fit the columns.
    """
    check_table_name(path)
    columns: list[str] = []
    with atomic_path(path) as temporary, ExitStack() as stack:
        add = _WRITERS[path.suffix.lower()](temporary, stack, path, harmless if csv_safe else lambda value: value)

        def write(rows: Rows) -> None:
            if not rows:
                return
            there = dict.fromkeys(name for row in rows for name in row)
            is_first = not columns
            if is_first:
                columns.extend(there)
            if path.suffix.lower() != ".jsonl" and (new := [name for name in there if name not in columns]):
                message = f"{path}: a row has a column that the first ones lack: {listed(new)}."
                raise DataError(message, "Name a .jsonl file.")
            add(rows, columns, is_first)

        yield write


def check_table_name(path: Path) -> None:
    """Raises a `DataError` for the name of a file that `table_writer` cannot write."""
    if path.suffix.lower() not in _WRITERS:
        message = f"Cannot write {path}: its name tells no known kind of table."
        raise DataError(message, f"Its name must end in {listed(_WRITERS)}.")


def harmless(value: Any) -> Any:
    """A cell of CSV; text that a spreadsheet would run as a formula gets an apostrophe before it (CWE-1236)."""
    is_formula = isinstance(value, str) and value.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(value)
    return f"'{value}" if is_formula else value


def plain(value: Any) -> Any:
    """A value in a type that JSON has; NaN and infinity are null."""
    if (isinstance(value, float) and not math.isfinite(value)) or isinstance(value, Unreadable):
        return None
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "replace").decode()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _csv(temporary: Path, stack: ExitStack, _path: Path, made: _Change) -> _Add:
    file = stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
    writer = csv.writer(file, lineterminator="\n")

    def add(rows: Rows, columns: Sequence[str], is_first: bool) -> None:
        if is_first:
            writer.writerow(map(made, columns))
        writer.writerows([made(_cell(row.get(name))) for name in columns] for row in rows)

    return add


def _json_lines(temporary: Path, stack: ExitStack, _path: Path, _made: _Change) -> _Add:
    file = stack.enter_context(temporary.open("w", encoding="utf-8"))
    return lambda rows, *_: file.writelines(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows)


def _parquet(temporary: Path, stack: ExitStack, path: Path, _made: _Change) -> _Add:
    import pyarrow as pa
    import pyarrow.parquet

    writers: list[pa.parquet.ParquetWriter] = []

    def add(rows: Rows, columns: Sequence[str], is_first: bool) -> None:
        try:
            if is_first:
                kinds = [pa.array([row.get(name) for row in rows]).type for name in columns]
                text = (pa.string() if pa.types.is_null(kind) else kind for kind in kinds)
                schema = pa.schema(list(zip(columns, text, strict=True)))
                writers.append(stack.enter_context(pa.parquet.ParquetWriter(temporary, schema, compression="zstd")))
            writers[0].write_table(pa.Table.from_pylist([dict(row) for row in rows], writers[0].schema))
        except (pa.ArrowException, OverflowError, UnicodeError) as error:
            hint = "Values of several types in one column go into JSON lines: name a .jsonl file."
            raise DataError(f"{path} cannot be written: {one_line(error)}.", hint) from error

    return add


def _excel(temporary: Path, stack: ExitStack, _path: Path, _made: _Change) -> _Add:
    try:
        import openpyxl
        from openpyxl.cell import WriteOnlyCell
    except ImportError as error:
        hint = 'Install the extra: pip install "sentrec[excel]", or name a .csv file.'
        raise DataError("Excel workbooks are written by openpyxl, which is not installed.", hint) from error
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    stack.callback(lambda: book.save(temporary))

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        made = WriteOnlyCell(sheet, _CONTROLS.sub("\ufffd", value)[:_LONGEST_CELL])
        made.data_type = "s"  # never a formula
        return made

    def add(rows: Rows, columns: Sequence[str], is_first: bool) -> None:
        if is_first:
            sheet.append([cell(name) for name in columns])
        for row in rows:
            sheet.append([cell(_cell(row.get(name))) for name in columns])

    return add


_WRITERS = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet, ".xlsx": _excel}


def _cell(value: Any) -> Any:
    value = plain(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value

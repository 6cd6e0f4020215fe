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
from sentrec.files.storage import atomic_path

Rows = Sequence[Mapping[str, Any]]
_LONGEST_CELL = 32_767
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[-+]?\d+([.,:/]\d+)*\s?%?")
_CONTROLS = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


@contextmanager
def table_writer(path: Path, csv_safe: bool = True) -> Iterator[Callable[[Rows], None]]:
    """Gives a function that adds rows; the file takes its place, whole, when the block ends well.

    The first rows that it gets tell the columns, but for JSON lines, where every row has its own.

    Args:
        path: The file.
        csv_safe: Whether cells of CSV are made `harmless`.

    Raises:
        DataError: If the name ends in no known way, or a row does not fit the columns.
        SentrecError: If the disk is full or may not be written.
    """
    check_table_name(path)
    with atomic_path(path) as temporary, ExitStack() as stack:
        if path.suffix.lower() == ".csv":
            yield _csv(temporary, path, stack, harmless if csv_safe else lambda value: value)
        else:
            yield _WRITERS[path.suffix.lower()](temporary, path, stack)


def check_table_name(path: Path) -> None:
    """Refuses the name of a file that `table_writer` cannot write.

    Raises:
        DataError: If it ends in no known way.
    """
    if path.suffix.lower() not in _WRITERS:
        raise DataError(
            f"Cannot write {path}: its name tells no known kind of table.", f"Its name must end in {listed(_WRITERS)}."
        )


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


def _csv(
    temporary: Path, path: Path, stack: ExitStack, made: Callable[[Any], Any] = harmless
) -> Callable[[Rows], None]:
    file = stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
    writer = csv.writer(file, lineterminator="\n")
    columns: list[str] = []

    def write(rows: Rows) -> None:
        if not columns:
            columns.extend(_columns(rows))
            writer.writerow(map(made, columns))
        for row in rows:
            _require_known(row, columns, path)
            writer.writerow([made(_cell(row.get(name))) for name in columns])

    return write


def _json_lines(temporary: Path, path: Path, stack: ExitStack) -> Callable[[Rows], None]:
    file = stack.enter_context(temporary.open("w", encoding="utf-8"))

    def write(rows: Rows) -> None:
        file.writelines(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows)

    return write


def _parquet(temporary: Path, path: Path, stack: ExitStack) -> Callable[[Rows], None]:
    import pyarrow as pa
    import pyarrow.parquet

    writer: list[pa.parquet.ParquetWriter] = []

    def write(rows: Rows) -> None:
        try:
            if not writer:
                first = pa.table({name: pa.array([row.get(name) for row in rows]) for name in _columns(rows)})
                text = [pa.string() if pa.types.is_null(kind) else kind for kind in first.schema.types]
                schema = pa.schema(list(zip(first.column_names, text, strict=True)))
                writer.append(stack.enter_context(pa.parquet.ParquetWriter(temporary, schema, compression="zstd")))
            for row in rows:
                _require_known(row, writer[0].schema.names, path)
            writer[0].write_table(pa.Table.from_pylist([dict(row) for row in rows], writer[0].schema))
        except (pa.ArrowException, OverflowError, UnicodeError) as error:
            hint = "Values of several types in one column go into JSON lines: name a .jsonl file."
            raise DataError(f"{path} cannot be written: {str(error).splitlines()[0]}", hint) from error

    return write


def _excel(temporary: Path, path: Path, stack: ExitStack) -> Callable[[Rows], None]:
    try:
        import openpyxl
        from openpyxl.cell import WriteOnlyCell
    except ImportError as error:
        hint = 'Install the extra: pip install "sentrec[excel]", or name a .csv file.'
        raise DataError("Excel workbooks are written by openpyxl, which is not installed.", hint) from error
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    stack.callback(lambda: book.save(temporary))
    columns: list[str] = []

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        made = WriteOnlyCell(sheet, _CONTROLS.sub("\ufffd", value)[:_LONGEST_CELL])
        made.data_type = "s"  # never a formula
        return made

    def write(rows: Rows) -> None:
        if not columns:
            columns.extend(_columns(rows))
            sheet.append([cell(name) for name in columns])
        for row in rows:
            _require_known(row, columns, path)
            sheet.append([cell(_cell(row.get(name))) for name in columns])

    return write


_WRITERS = {".csv": _csv, ".jsonl": _json_lines, ".parquet": _parquet, ".xlsx": _excel}


def _columns(rows: Rows) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _require_known(row: Mapping[str, Any], columns: Sequence[str], path: Path) -> None:
    if len(row) > len(columns) or any(name not in columns for name in row):
        new = [name for name in row if name not in columns]
        raise DataError(f"{path}: a row has a column that the first ones lack: {listed(new)}.", "Name a .jsonl file.")


def _cell(value: Any) -> Any:
    value = plain(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value

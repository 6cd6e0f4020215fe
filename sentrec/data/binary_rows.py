"""Rows of Parquet files and Excel workbooks, read as streams."""

import io
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, datetime, time
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from sentrec.data.formats import seekable
from sentrec.data.text_rows import Row, Unreadable, unique_names
from sentrec.errors import DataError

_PARQUET_ROWS = 1024
_PARQUET_BYTES = 1 << 24
"""About as many bytes of values are held at a time, however long the texts are."""

SetHeader = Callable[[Sequence[str]], None]
Select = Callable[[Sequence[str]], Collection[str]]


def parquet_rows(stream: io.BufferedReader, set_header: SetHeader, select: Select | None) -> Iterator[Row]:
    """The rows of a Parquet file; neither whole columns nor whole row groups are held in memory.

    Args:
        stream: The file; what cannot be sought goes to disk first, as Parquet is read from its end.
        set_header: Is told the names of the columns.
        select: Tells which of them are read; None: all.
    """
    file = pa.parquet.ParquetFile(seekable(stream), pre_buffer=False, buffer_size=1 << 20)
    names = file.schema_arrow.names
    set_header(names)
    columns = None if select is None else list(select(names))
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    longest = max((group.total_byte_size / max(group.num_rows, 1) for group in groups), default=0.0)
    size = int(min(max(_PARQUET_BYTES / max(longest, 1.0), 1), _PARQUET_ROWS))
    number = 0
    for batch in file.iter_batches(batch_size=size, columns=columns):
        for fields in _values(batch):
            number += 1
            yield Row(number, fields)


def _values(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    try:
        return batch.to_pylist()  # type: ignore[no-any-return]
    except (ValueError, OverflowError):
        # Some value is no UTF-8, or a date beyond Python's years: only that value is lost.
        columns = {name: [_value(one) for one in batch.column(name)] for name in batch.schema.names}
        return [{name: values[row] for name, values in columns.items()} for row in range(batch.num_rows)]


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError) as error:
        return Unreadable(str(error))


def excel_rows(stream: io.BufferedReader, set_header: SetHeader, _select: Select | None) -> Iterator[Row]:
    """The rows of the first sheet of a workbook; the first one that is not blank names the columns.

    Raises:
        DataError: If openpyxl is not installed.
    """
    try:
        import openpyxl
    except ImportError as error:
        hint = 'Install the extra: pip install "sentrec[excel]", or save the sheet as CSV (UTF-8).'
        raise DataError("Excel workbooks are read by openpyxl, which is not installed.", hint) from error
    with warnings.catch_warnings(action="ignore"):  # about styles and validations
        sheet = openpyxl.load_workbook(seekable(stream), read_only=True, data_only=True).worksheets[0]
    names: list[str] = []
    for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
        cells = [_plain(value) for value in values]
        if all(cell is None or cell == "" for cell in cells):
            continue
        if names:
            cells += [None] * (len(names) - len(cells))
            yield Row(number, dict(zip(names, cells, strict=False)))
            continue
        while cells[-1] is None:
            cells.pop()
        header = ["" if cell is None else str(cell).strip() for cell in cells]
        set_header(header)
        names = unique_names(header)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date | datetime | time) else value

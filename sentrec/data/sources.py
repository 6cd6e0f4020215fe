"""Reads any file of texts row by row with line numbers: CSV, JSON, Parquet, Excel, or a text a line."""

import io
import logging
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sentrec.data import csv_rows, formats, text_rows
from sentrec.data.excel_rows import excel_rows
from sentrec.data.formats import data_suffix, exists, is_folder
from sentrec.data.text_rows import AnyRow, BadRow, Row, Unreadable
from sentrec.errors import DataError
from sentrec.files.parse import parsing, user_path

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger(__name__)
_PARQUET_ROWS = 1024
_PARQUET_BYTES = 1 << 24
"""About as many bytes of values are held at a time, however long the texts are."""
SetHeader = Callable[[Sequence[str]], None]
Select = Callable[[Sequence[str]], Collection[str]]


class Source:
    """One input: a file, an address that fsspec reads, or ``-``, standard input.

    Once opened, it has a `format`: ``csv``, ``jsonl``, ``json``, ``lines``, ``parquet`` or ``xlsx``; and where the file
    gives them once for all rows, the names of its columns as `header`. `encoding` is that of a text file, None: as its
    bytes tell. Raises a `DataError` if the file is missing, a folder, or empty.
    """

    def __init__(self, path: str, encoding: str | None = None) -> None:
        self.path = path
        self.is_standard_input = path == formats.STANDARD_INPUT
        # A file name need not be text; what is written with every score has to be.
        self.name = "standard input" if self.is_standard_input else path.encode("utf-8", "backslashreplace").decode()
        self.header: tuple[str, ...] | None = None
        self.format: str | None = None
        self._encoding = encoding
        self._file: Path | None
        self._file, self.size = (None, 0)
        if is_address(path):
            self.size = size_at(path)
        elif not self.is_standard_input:
            self._file, self.size = formats.checked_path(path)
            self._file = self._file.absolute()  # wherever it is read
        self._raw: BinaryIO | None = None

    def bytes_read(self) -> int:
        """How much of the file (as it lies on disk) has been read; 0 where that is unknown."""
        if self._raw is None or self.is_standard_input:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    @property
    def place(self) -> str:
        """Where it is, from wherever one looks."""
        return str(self._file.resolve()) if self._file else self.path

    def rows(self, select: Select | None = None) -> Iterator[AnyRow]:
        """Every row in order; a broken one is a `BadRow`, and the next one follows.

        `select` tells which of the columns are needed; of a Parquet file no other is read. Raises a `DataError` if the
        file as a whole cannot be read: cut off, of no known format or encoding.
        """
        with parsing(self.name, DataError, "Is it whole, and of the format that its name says?"):
            if self.is_standard_input:
                given: Any = sys.stdin.buffer
                stream = given if isinstance(given, io.BufferedReader) else io.BufferedReader(given)
                try:
                    yield from self._read(stream, select)
                finally:
                    if stream is not given and not stream.closed:
                        stream.detach()  # else its end would close standard input
                return
            file = self._file.open("rb", buffering=0) if self._file else open_address(self.path)
            with io.BufferedReader(file, formats.SAMPLE) as raw:
                self._raw = raw
                yield from self._read(raw, select)

    def _read(self, raw: Any, select: Select | None) -> Iterator[AnyRow]:
        stream, suffix = formats.unpacked(raw, self.path)
        sample = formats.sample_of(stream)
        if not sample:
            raise DataError(f"{self.name} is empty.", "It needs rows.")
        if sample.startswith(formats.PARQUET) or suffix == ".xlsx":
            self.format = "parquet" if sample.startswith(formats.PARQUET) else "xlsx"
            reader = _parquet_rows if self.format == "parquet" else excel_rows
            yield from reader(stream, self.name, self._set_header, select)
            return
        encoding = formats.encoding_of(sample, self.name, self._encoding)
        # Bytes that are no UTF-8 survive as lone surrogates, so that only their row is refused.
        errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
        text = io.TextIOWrapper(stream, encoding, errors, newline="")
        start = sample[: formats.SAMPLE].decode(encoding, "replace")
        formats.require_text(start, self.name)
        self.format = formats.text_format(start, suffix, csv_rows.names_columns)
        try:
            if self.format == "csv":
                yield from csv_rows.csv_rows(text, start, suffix, self._set_header)
            elif self.format == "json":
                yield from text_rows.document_rows(text, self.name)
            elif self.format == "jsonl":
                yield from text_rows.json_rows(text)
            elif start.startswith(text_rows.LABEL_MARK):
                self.header = ("label", "text")
                yield from text_rows.labelled_rows(text)
            else:
                self.header = ("text",)
                yield from text_rows.plain_rows(text)
        finally:
            with suppress(ValueError):  # the file was closed before
                text.detach()  # else its end would close standard input

    def _set_header(self, names: Sequence[str]) -> None:
        self.header = tuple(names)


def _parquet_rows(stream: io.BufferedReader, _name: str, set_header: SetHeader, select: Select | None) -> Iterator[Row]:
    """The rows of a Parquet file; neither whole columns nor whole row groups are held in memory."""
    import pyarrow as pa  # slow to import
    import pyarrow.parquet

    file = pa.parquet.ParquetFile(formats.seekable(stream), pre_buffer=False, buffer_size=1 << 20)
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


def _values(batch: "pa.RecordBatch") -> list[dict[str, Any]]:
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


def columns_of(
    rows: Iterable[AnyRow], select: Callable[[tuple[str, ...]], Iterable[str]] = tuple
) -> tuple[dict[str, list[Any]], list[int], list[BadRow]]:
    """The values of rows by column, None where a row has none; the rows' lines; and those that cannot be read."""
    columns: dict[str, list[Any]] = {}
    lines: list[int] = []
    bad: list[BadRow] = []
    for row in rows:
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        for name in select(tuple(row.fields)):
            column = columns.setdefault(name, [])
            column += [None] * (len(lines) - len(column))
            column.append(None if isinstance(row.fields[name], Unreadable) else row.fields[name])
        lines.append(row.line)
    return {name: values + [None] * (len(lines) - len(values)) for name, values in columns.items()}, lines, bad


def open_sources(names: Iterable[str], encoding: str | None = None) -> list[Source]:
    """The files that names stand for, see `files_of`; raises as it and `Source` do."""
    return [Source(file, encoding) for name in names for file in files_of(name)]


def joined_tables(path: Path) -> list[Path]:
    """The tables of a folder, else a `DataError`; or a file and the one of credits beside it, as TMDB's do."""
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if formats.data_suffix(file.name))
        if not files:
            raise DataError(f"{path} holds no table.", "Name a file of films.")
        return files
    credits = path.with_name(path.name.replace("_movies", "_credits"))
    return [path, credits] if credits != path and credits.is_file() else [path]


_ADDRESS = re.compile(r"(?!https?:)[a-zA-Z][a-zA-Z0-9+]+://.")
_PATTERN = re.compile(r"[*?[]")
_HINT = "Check the address, and whether this machine may read it."


def is_address(name: str) -> bool:
    """Whether a name is an address such as ``s3://bucket/reviews``; web pages are none."""
    return bool(_ADDRESS.match(name))


def is_pattern(name: str) -> bool:
    """Whether a name is a pattern of names of files: ``reviews/*.csv``."""
    return bool(_PATTERN.search(name) and data_suffix(name)) and not exists(name)


def files_of(name: str) -> list[str]:
    """The files that a name stands for, sorted: all in a folder, those that a pattern fits, or itself.

    Raises a `DataError` if there are none, or the address cannot be reached.
    """
    path = user_path(name, DataError)
    if is_address(name):
        found = _files_at(name)
    elif is_folder(name):
        found = [str(one) for one in path.rglob("*") if one.is_file()]
    elif _PATTERN.search(name) and not exists(name):
        base = Path(*takewhile(lambda part: not _PATTERN.search(part), path.parts))
        found = [str(one) for one in base.glob(str(path.relative_to(base))) if one.is_file()]
    else:
        return [name]
    # Other programs leave their own marks beside their shards: _SUCCESS, .part-0.csv.crc
    files = sorted(one for one in found if data_suffix(one) and not Path(one).name.startswith((".", "_")))
    if not files:
        raise DataError(f"{name} holds no table.", "It takes .csv, .tsv, .jsonl, .json, .parquet, .xlsx or .txt.")
    return files


def _files_at(name: str) -> list[str]:
    with parsing(name, DataError, _HINT):
        system, path = _system(name)
        is_folder_there = not _PATTERN.search(path) and system.isdir(path)
        found = system.find(path) if is_folder_there else system.glob(path)
        return [system.unstrip_protocol(one) for one in found]


def open_address(name: str) -> Any:
    """The bytes at an address, as a file; a `DataError` if it cannot be reached."""
    with parsing(name, DataError, _HINT):
        system, path = _system(name)
        return system.open(path, "rb")


def size_at(name: str) -> int:
    """The size of the file at an address in bytes; a `DataError` if there is none, or the address cannot be reached."""
    with parsing(name, DataError, _HINT):
        system, path = _system(name)
        return int(system.size(path) or 0)


def _system(name: str) -> tuple[Any, str]:
    fsspec = import_module("fsspec")  # slow, and without types
    try:
        return fsspec.url_to_fs(name)  # type: ignore[no-any-return]
    except ImportError as error:
        protocol = name.partition("://")[0]
        known = import_module("fsspec.registry").known_implementations
        library = known.get(protocol, {}).get("class", protocol).partition(".")[0]
        message = f"{protocol}:// is read by {library}, which cannot be imported."
        raise DataError(message, f"pip install {library}") from error

"""Opens a reviews file, whatever its format and compression, and reads it row by row with line numbers."""

import csv
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet

from sentrec.errors import DataError

STANDARD_INPUT = "-"
LONGEST_LINE = 1 << 26
"""Bytes of the longest line that is read; a longer one is rejected without being held in memory."""

_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}
_PARQUET = b"PAR1"
_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_SUFFIX_FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "csv"}
_COMPRESSED_SUFFIXES = (".gz", ".zst", ".bz2")
_PARQUET_ROWS = 1024
_PARQUET_BYTES = 1 << 24
"""About as many bytes of values are held at a time, however long the reviews are."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file.

    Attributes:
        line: The line it begins on, from 1; in a Parquet file, the row.
        fields: Its values by field name.
    """

    line: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used.

    Attributes:
        line: The line it begins on, from 1; in a Parquet file, the row.
        reason: What is wrong with it.
        content: The row, as far as it could be read.
    """

    line: int
    reason: str
    content: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a value that is there but cannot be read.

    Attributes:
        reason: What is wrong with it.
    """

    reason: str


class Source:
    """One input of reviews: a file, or standard input.

    Attributes:
        header: The names of its fields, where the file gives them once for all rows (CSV, Parquet) and has been opened.

    Args:
        path: The file, or ``-``.

    Raises:
        DataError: If the file is missing, a folder, or empty.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.is_standard_input = path == STANDARD_INPUT
        # A file name need not be text; what is written with every score has to be.
        self.name = "standard input" if self.is_standard_input else path.encode("utf-8", "backslashreplace").decode()
        self.header: tuple[str, ...] | None = None
        self.size = 0 if self.is_standard_input else _checked_size(Path(path))
        self._raw: BinaryIO | None = None

    def bytes_read(self) -> int:
        """How much of the file (as it lies on disk) has been read; 0 where that is unknown."""
        if self._raw is None or self.is_standard_input:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def rows(self, wanted: Collection[str] | None = None) -> Iterator[Row | BadRow]:
        """Every row in order; a broken one is a `BadRow`, and the next one follows.

        Args:
            wanted: The fields that are needed; of a Parquet file no other column is read. None: all.

        Raises:
            DataError: If the file as a whole cannot be read: cut off, of no known format or encoding.
        """
        try:
            if self.is_standard_input:
                given: Any = sys.stdin.buffer
                stream = given if isinstance(given, io.BufferedReader) else io.BufferedReader(given)
                yield from self._read(stream, wanted)
            else:
                with Path(self.path).open("rb") as raw:
                    self._raw = raw
                    yield from self._read(raw, wanted)
        except (pa.ArrowException, OSError, EOFError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise DataError(f"{self.name} cannot be read: {reason}", "Is it whole?") from error

    def _read(self, raw: BinaryIO, wanted: Collection[str] | None) -> Iterator[Row | BadRow]:
        stream = _decompressed(raw)
        start = stream.peek(8192)[:8192]
        if not start:
            raise DataError(f"{self.name} is empty.", "It needs rows with a film and a text.")
        if start.startswith(_PARQUET):
            return _parquet_rows(stream, self._set_header, wanted)
        if start.startswith(_UTF16_MARKS):
            raise DataError(f"{self.name} is encoded as UTF-16.", "Save it as UTF-8: `iconv -f UTF-16 -t UTF-8 FILE`.")
        if start.startswith(_UTF8_MARK):
            stream.read(len(_UTF8_MARK))
            start = start[len(_UTF8_MARK) :]
        return _json_rows(stream) if self._format(start) == "jsonl" else _csv_rows(stream, self.name, self._set_header)

    def _set_header(self, names: list[str]) -> None:
        self.header = tuple(names)

    def _format(self, start: bytes) -> str:
        # The first line may be broken; what is a table has no line that begins with a brace.
        has_objects = any(line.lstrip().startswith(b"{") for line in start.splitlines())
        suffixes = [suffix.lower() for suffix in Path(self.path).suffixes]
        if suffixes and suffixes[-1] in _COMPRESSED_SUFFIXES:
            suffixes.pop()
        known = _SUFFIX_FORMATS.get(suffixes[-1]) if suffixes else None
        first_line = start.lstrip().partition(b"\n")[0].rstrip()
        is_array = first_line.startswith(b"[") and not (has_objects and first_line.endswith(b"]"))
        if known != "csv" and is_array:
            raise DataError(f"{self.name} is one JSON array.", "One object a line is read: `jq -c '.[]' FILE`.")
        return known or ("jsonl" if has_objects else "csv")


def _checked_size(path: Path) -> int:
    if not path.exists():
        raise DataError(f"{path} does not exist.", "Check the path; relative ones start at the current folder.")
    if path.is_dir():
        raise DataError(f"{path} is a folder.", f"Name its files: {path}/*.jsonl")
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(f"{path} is empty.", "It needs rows with a film and a text.")
    return path.stat().st_size


def _decompressed(raw: Any) -> io.BufferedReader:
    start = raw.peek(4)[:4]
    for mark, compression in _COMPRESSIONS.items():
        if start.startswith(mark):
            return io.BufferedReader(pa.input_stream(raw, compression=compression), 1 << 20)
    return raw  # type: ignore[no-any-return]


def _json_rows(stream: BinaryIO) -> Iterator[Row | BadRow]:
    for line, content in _lines(stream):
        if content is None:
            yield BadRow(line, f"the line is longer than {LONGEST_LINE:,} bytes", "")
        elif content.strip():
            yield _json_row(line, content)


def _json_row(line: int, content: bytes) -> Row | BadRow:
    try:
        fields = json.loads(content)
    except UnicodeDecodeError as error:
        return BadRow(line, f"not UTF-8: byte 0x{content[error.start]:02x} at {error.start + 1}", _shown(content))
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of more digits than Python reads
        return BadRow(line, f"not JSON: {error}", _shown(content))
    if not isinstance(fields, dict):
        return BadRow(line, "not a JSON object", _shown(content))
    return Row(line, fields)


def _shown(content: bytes) -> str:
    return content.decode("utf-8", "backslashreplace").rstrip("\r\n")


def _lines(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers; None in place of one that is too long."""
    number = 0
    while content := stream.readline(LONGEST_LINE):
        number += 1
        if len(content) < LONGEST_LINE or content.endswith(b"\n"):
            yield number, content
            continue
        while (rest := stream.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield number, None


def _csv_rows(stream: BinaryIO, name: str, set_header: Callable[[list[str]], None]) -> Iterator[Row | BadRow]:
    csv.field_size_limit(LONGEST_LINE)
    # Bytes that are no UTF-8 survive as lone surrogates, so that only their row is refused.
    text = io.TextIOWrapper(stream, "utf-8", "surrogateescape", newline="")
    header_line = text.readline(LONGEST_LINE)
    # Strict, because a quote that is never closed would otherwise swallow all that follows without a word.
    reader = csv.reader(text, delimiter=_delimiter(header_line), strict=True)
    header = [field.strip() for field in next(csv.reader([header_line], delimiter=_delimiter(header_line)), [])]
    if len(header) < 2:
        raise DataError(f"{name} is neither JSON lines nor CSV with a header, nor Parquet.", "Name its columns first.")
    set_header(header)
    line = 2
    while True:
        values: list[str] = []
        try:
            values = next(reader)
            row = _csv_row(line, header, values)
        except StopIteration:
            break
        except csv.Error as error:
            lines = reader.line_num + 2 - line
            spans = f", in a row that spans {lines:,} lines: is a quote open?" if lines > 1 else ""
            row = BadRow(line, f"not CSV: {error}{spans}", "")
        line = reader.line_num + 2
        if values != [] or isinstance(row, BadRow):
            yield row
    text.detach()


def _csv_row(line: int, header: list[str], values: list[str]) -> Row | BadRow:
    if values and len(values) != len(header):
        reason = f"the row has {len(values)} fields, the header {len(header)}"
        return BadRow(line, reason, ",".join(values).encode("utf-8", "backslashreplace").decode())
    return Row(line, dict(zip(header, values, strict=False)))


def _delimiter(header: str) -> str:
    return max(",\t;", key=header.count)


def _parquet_rows(
    stream: io.BufferedReader, set_header: Callable[[list[str]], None], wanted: Collection[str] | None
) -> Iterator[Row | BadRow]:
    if type(stream.raw) is io.FileIO and stream.seekable():
        yield from _batches(stream, set_header, wanted)
        return
    # Parquet is read from its end: what cannot be sought goes to disk first.
    with tempfile.TemporaryFile() as spooled:
        shutil.copyfileobj(stream, spooled)
        yield from _batches(spooled, set_header, wanted)


def _batches(raw: Any, set_header: Callable[[list[str]], None], wanted: Collection[str] | None) -> Iterator[Row]:
    # Neither whole columns nor whole row groups are held: memory must not grow with the file.
    file = pa.parquet.ParquetFile(raw, pre_buffer=False, buffer_size=1 << 20)
    names = file.schema_arrow.names
    set_header(names)
    columns = [name for name in names if wanted is None or name in wanted]
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

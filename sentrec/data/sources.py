"""Reads any file of texts row by row with line numbers: CSV, JSON, Parquet, Excel, or a text a line."""

import io
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from sentrec.data.formats import (
    PARQUET,
    SAMPLE,
    STANDARD_INPUT,
    checked_path,
    encoding_of,
    sample_of,
    text_format,
    unpacked,
)
from sentrec.data.text_rows import AnyRow, csv_rows, document_rows, json_rows, names_columns, plain_rows
from sentrec.errors import DataError
from sentrec.files.parse import parsing

Select = Callable[[Sequence[str]], Collection[str]]


class Source:
    """One input: a file, or standard input.

    Attributes:
        header: The names of its columns, where the file gives them once for all rows and has been opened.
        format: ``csv``, ``jsonl``, ``json``, ``lines``, ``parquet`` or ``xlsx``, once it has been opened.

    Args:
        path: The file, or ``-``.
        encoding: The encoding of a text file; None: as its bytes tell.

    Raises:
        DataError: If the file is missing, a folder, or empty.
    """

    def __init__(self, path: str, encoding: str | None = None) -> None:
        self.path = path
        self.is_standard_input = path == STANDARD_INPUT
        # A file name need not be text; what is written with every score has to be.
        self.name = "standard input" if self.is_standard_input else path.encode("utf-8", "backslashreplace").decode()
        self.header: tuple[str, ...] | None = None
        self.format: str | None = None
        self._encoding = encoding
        self._file: Path | None
        self._file, self.size = (None, 0) if self.is_standard_input else checked_path(path)
        self._raw: BinaryIO | None = None

    def bytes_read(self) -> int:
        """How much of the file (as it lies on disk) has been read; 0 where that is unknown."""
        if self._raw is None or self.is_standard_input:
            return 0
        return self.size if self._raw.closed else self._raw.tell()

    def rows(self, select: Select | None = None) -> Iterator[AnyRow]:
        """Every row in order; a broken one is a `BadRow`, and the next one follows.

        Args:
            select: Tells which of the columns are needed; of a Parquet file no other is read. None: all.

        Raises:
            DataError: If the file as a whole cannot be read: cut off, of no known format or encoding.
        """
        with parsing(self.name, DataError, "Is it whole, and of the format that its name says?"):
            if self._file is None:
                given: Any = sys.stdin.buffer
                stream = given if isinstance(given, io.BufferedReader) else io.BufferedReader(given)
                try:
                    yield from self._read(stream, select)
                finally:
                    if stream is not given and not stream.closed:
                        stream.detach()  # else its end would close standard input
                return
            with io.BufferedReader(self._file.open("rb", buffering=0), SAMPLE) as raw:
                self._raw = raw
                yield from self._read(raw, select)

    def _read(self, raw: Any, select: Select | None) -> Iterator[AnyRow]:
        stream, suffix = unpacked(raw, self.path)
        sample = sample_of(stream)
        if not sample:
            raise DataError(f"{self.name} is empty.", "It needs rows with a text.")
        if sample.startswith(PARQUET) or suffix == ".xlsx":
            from sentrec.data.binary_rows import excel_rows, parquet_rows  # pyarrow is slow to import

            self.format = "parquet" if sample.startswith(PARQUET) else "xlsx"
            reader = parquet_rows if self.format == "parquet" else excel_rows
            yield from reader(stream, self._set_header, select)
            return
        encoding = encoding_of(sample, self.name, self._encoding)
        # Bytes that are no UTF-8 survive as lone surrogates, so that only their row is refused.
        errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
        text = io.TextIOWrapper(stream, encoding, errors, newline="")
        start = sample[:SAMPLE].decode(encoding, "replace")
        self.format = text_format(start, suffix, names_columns)
        try:
            if self.format == "csv":
                yield from csv_rows(text, start, suffix, self._set_header)
            elif self.format == "json":
                yield from document_rows(text, self.name)
            elif self.format == "jsonl":
                yield from json_rows(text)
            else:
                self.header = ("text",)
                yield from plain_rows(text)
        finally:
            with suppress(ValueError):  # the file was closed before
                text.detach()  # else its end would close standard input

    def _set_header(self, names: Sequence[str]) -> None:
        self.header = tuple(names)

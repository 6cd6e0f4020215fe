"""Reads a GloVe text (``word number number ...``) as blocks of whole lines, and turns them into words and a matrix.

Arrow's CSV reader does the work, some megabytes at a time on several threads. A block that does not fit its plain rules
(a word with spaces, trailing spaces, a faulty line) is read again line by line, which gives the same result or the
error with its line number.
"""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from sentrec.errors import GloveError

Matrix = npt.NDArray[np.float32]
Progress = Callable[[str, int, int | None], None]
"""Called with the name of a stage (``download`` or ``parse``), bytes done, bytes in all (None where unknown)."""

BLOCK_BYTES = 1 << 20
_LONGEST_LINE = 1 << 22
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_WORKERS = 2
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Block:
    """Whole lines of a text with their line breaks, its name, and the number of the first of them, from 1."""

    source: str
    first_line: int
    data: bytes

    def error(self, line: int, reason: str) -> GloveError:
        """The error that names `line` (its number in the text) and what is wrong there."""
        return GloveError(
            f"{self.source}, line {line}: {reason}.",
            "A line holds a word and its numbers, separated by one space. Is the file whole, and of this --dim?",
        )


class LineReader:
    """Gives a stream as blocks of whole lines; counts bytes and takes checksums of what was read so far.

    `source` is its name for messages, `size` its length in bytes where that is known.
    """

    def __init__(
        self, stream: BinaryIO, source: str, size: int | None = None, progress: Progress | None = None
    ) -> None:
        self._stream = stream
        self._source = source
        self.size = size
        self._progress = progress
        self.sha256 = hashlib.sha256()
        # md5 guards against damage here, not against an attacker: it is what was published for these files.
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.bytes_read = 0

    def blocks(self) -> Iterator[Block]:
        """The text's lines, without a byte order mark; a `GloveError` if one is too long, or the size not as stated."""
        line = 1
        rest = b""
        for chunk in self._chunks():
            lines, line_break, rest_of_chunk = chunk.rpartition(b"\n")
            if line_break:
                block = Block(self._source, line, rest + lines + line_break)
                line += block.data.count(b"\n")
                yield block
                rest = rest_of_chunk
            else:
                rest += chunk
            if len(rest) > _LONGEST_LINE:
                raise Block(self._source, line, b"").error(line, "no line break in 4 MB, so this is not a GloVe text")
        if rest:
            yield Block(self._source, line, rest)

    def _chunks(self) -> Iterator[bytes]:
        while chunk := self._stream.read(BLOCK_BYTES):
            first = self.bytes_read == 0
            self.sha256.update(chunk)
            self.md5.update(chunk)
            self.bytes_read += len(chunk)
            if self._progress:
                self._progress("parse", self.bytes_read, self.size)
            yield chunk.removeprefix(_BYTE_ORDER_MARK) if first else chunk
        if self.size is not None and self.bytes_read != self.size:  # a member of a zip file may say what it likes
            found = f"{self.bytes_read:,} bytes instead of the {self.size:,} that it states"
            raise GloveError(f"{self._source} is damaged: it holds {found}.", "Download the file again.")


class Rows(NamedTuple):
    """Parsed lines: ``(n,)`` Arrow array of the words' bytes, and their vectors ``(n, dim)``."""

    words: pa.BinaryArray
    matrix: Matrix


class ParsedWords(NamedTuple):
    """The words of a whole text in its order, each once, as an Arrow array ``(n,)`` of strings.

    `repeated` lines were left out because their word stood before; `not_utf8` words held bytes that became U+FFFD.
    """

    words: pa.StringArray
    repeated: int
    not_utf8: int


def parse_text(reader: LineReader, dim: int, write: Callable[[Matrix], object]) -> ParsedWords:
    """Parses a whole text; the vectors go to `write` block by block, so that memory holds only the words.

    A header line ``count dim`` as in word2vec's format is skipped. `write` takes the next ``(rows, dim)`` vectors, of
    words that did not occur before. Raises a `GloveError` if a line is not a word and `dim` finite numbers (with its
    line number), if there are no vectors, or fewer or more than the header says.
    """
    expected, blocks = _without_header(reader.blocks(), dim)
    seen: dict[str, None] = {}  # in their order
    lines = not_utf8 = 0
    for rows in _parse_blocks(blocks, dim):
        words, replaced = _decode(rows.words)
        new = []
        for row, word in enumerate(words):
            if word not in seen:
                seen[word] = None
                new.append(row)
        write(rows.matrix if len(new) == len(words) else rows.matrix[new])
        lines += len(words)
        not_utf8 += replaced
    if lines == 0:
        raise GloveError("The text holds no vectors.")
    if expected is not None and lines != expected:
        raise GloveError(f"The first line promises {expected:,} words, the text holds {lines:,}.", "Is the file whole?")
    return ParsedWords(pa.array(list(seen), pa.string()), lines - len(seen), not_utf8)


def _parse_blocks(blocks: Iterator[Block], dim: int) -> Iterator[Rows]:
    pending: deque[Future[Rows]] = deque()
    with ThreadPoolExecutor(_WORKERS) as pool:
        for block in blocks:
            pending.append(pool.submit(parse_block, block, dim))
            if len(pending) > 2 * _WORKERS:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _without_header(blocks: Iterator[Block], dim: int) -> tuple[int | None, Iterator[Block]]:
    first = next(blocks, None)
    if first is None:
        return None, blocks
    line, _, rest = first.data.partition(b"\n")
    fields = line.rstrip(b" \r").split(b" ")
    expected = None
    if dim != 1 and len(fields) == 2 and fields[0].isdigit() and fields[1].isdigit():
        expected, found = int(fields[0]), int(fields[1])
        first = Block(first.source, first.first_line + 1, rest)
    else:
        found = len(fields) - 1 if all(map(_NUMBER.fullmatch, fields[1:])) else dim
    if found not in (dim, 0):
        raise GloveError(f"{first.source} holds vectors of {found} dimensions, not {dim}.", f"Use --dim {found}.")
    return expected, chain([first], blocks)


def parse_block(block: Block, dim: int) -> Rows:
    """Parses some lines: by Arrow where they are plain, else as `parse_carefully`."""
    data = block.data.replace(b"\r\n", b"\n")
    plain = b"\r" not in data and not data.startswith(_BYTE_ORDER_MARK)  # both mean something else to a CSV reader
    rows = parse_plain(data, dim) if plain else None
    return rows if rows is not None and np.isfinite(rows.matrix).all() else parse_carefully(block, dim)


def parse_plain(data: bytes, dim: int) -> Rows | None:
    """Parses some lines by Arrow; None where one of them is not plain."""
    names = [str(column) for column in range(dim + 1)]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(data),
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=" ", quote_char=False, double_quote=False, escape_char=False, newlines_in_values=False
            ),
            # No text stands for a missing value: "nan", "null" and the empty string are words like any other.
            convert_options=pyarrow.csv.ConvertOptions(
                check_utf8=False,
                column_types={name: pa.float32() for name in names} | {"0": pa.binary()},
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows == 0:
        return None
    batch = table.combine_chunks().to_batches()[0]
    matrix = np.empty((batch.num_rows, dim), np.float32)
    for column in range(dim):
        matrix[:, column] = batch.column(column + 1).to_numpy()
    return Rows(batch.column(0), matrix)


def parse_carefully(block: Block, dim: int) -> Rows:
    """Parses lines one by one, the last `dim` fields as numbers; a `GloveError` names the first that is faulty."""
    words: list[bytes] = []
    vectors = [np.empty((0, dim), np.float32)]
    for line, text in enumerate(block.data.split(b"\n"), block.first_line):
        text = text.removesuffix(b"\r").rstrip(b" ")
        if text:
            word, *fields = text.rsplit(b" ", dim)
            _, space, end_of_word = word.rpartition(b" ")
            if len(fields) < dim:
                raise block.error(line, f"{len(fields)} numbers where {dim} were expected")
            if space and _NUMBER.fullmatch(end_of_word):
                raise block.error(line, f"more than {dim} numbers; a word of several parts may not end in a number")
            words.append(word)
            vectors.append(_to_vector(block, line, fields))
    return Rows(pa.array(words, pa.binary()), np.concatenate(vectors))


def _to_vector(block: Block, line: int, fields: list[bytes]) -> Matrix:
    # Latin-1 reads any byte; the numbers are read by the same parser as in the plain case.
    numbers = [field.decode("latin-1").strip(" \t") for field in fields]
    try:
        vector: Matrix = pa.array(numbers, pa.string()).cast(pa.float32()).to_numpy()
    except pa.ArrowInvalid:
        wrong = next((one for one in numbers if not _NUMBER.fullmatch(one.encode())), "what stands there")
        raise block.error(line, f"'{wrong}' is not a number") from None
    if not np.isfinite(vector).all():
        raise block.error(line, "a number is not finite (NaN or infinity)")
    return vector.reshape(1, -1)


def _decode(words: pa.BinaryArray) -> tuple[list[str], int]:
    try:
        return words.cast(pa.string()).to_pylist(), 0
    except pa.ArrowInvalid:
        decoded = [word.decode("utf-8", errors="replace") for word in words.to_pylist()]
        return decoded, sum(text.encode() != word for text, word in zip(decoded, words.to_pylist(), strict=True))

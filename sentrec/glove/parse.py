"""Turns a GloVe text (``word number number ...``) into words and a float32 matrix.

Arrow's CSV reader does the work, some megabytes at a time on several threads. A block that does not fit its plain rules
(a word with spaces, trailing spaces, a faulty line) is read again line by line, which gives the same result or the
error with its line number.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from sentrec.errors import GloveError
from sentrec.glove.lines import Block, LineReader

Matrix = npt.NDArray[np.float32]

_WORKERS = 2
_NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Rows:
    """Parsed lines.

    Attributes:
        words: ``(n,)`` Arrow array of the words' bytes.
        matrix: ``(n, dim)`` their vectors.
    """

    words: pa.BinaryArray
    matrix: Matrix


@dataclass(frozen=True)
class ParsedWords:
    """The words of a whole text.

    Attributes:
        words: ``(n,)`` Arrow array of strings, in the order of the text, repeated words included.
        not_utf8: How many words held bytes that are not UTF-8; each such byte became U+FFFD.
    """

    words: pa.StringArray
    not_utf8: int


def parse_text(reader: LineReader, dim: int, write: Callable[[Matrix], object]) -> ParsedWords:
    """Parses a whole text; the vectors go to `write` block by block, so that memory holds only the words.

    Args:
        reader: The text. A header line ``count dim`` as in word2vec's format is skipped.
        dim: Numbers per line.
        write: Takes the next ``(rows, dim)`` vectors.

    Raises:
        GloveError: If a line is not a word and `dim` finite numbers (with its line number), if the vectors have another
            number of dimensions, if there are none, or fewer or more than the header says.
    """
    expected, blocks = _without_header(reader.blocks(), dim)
    parts: list[pa.StringArray] = []
    not_utf8 = 0
    for rows in _parse_blocks(blocks, dim):
        write(rows.matrix)
        words, replaced = _decode(rows.words)
        parts.append(words)
        not_utf8 += replaced
    words = pa.concat_arrays(parts) if parts else pa.array([], pa.string())
    _check_count(len(words), expected)
    return ParsedWords(words, not_utf8)


def _check_count(rows: int, expected: int | None) -> None:
    if rows == 0:
        raise GloveError("The text holds no vectors.")
    if expected is not None and rows != expected:
        raise GloveError(f"The first line promises {expected:,} words, the text holds {rows:,}.", "Is the file whole?")


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
    return expected, _chain(first, blocks)


def _chain(first: Block, others: Iterator[Block]) -> Iterator[Block]:
    yield first
    yield from others


def parse_block(block: Block, dim: int) -> Rows:
    """Parses some lines: by Arrow where they are plain, else carefully.

    Raises:
        GloveError: As `parse_carefully`.
    """
    data = block.data.replace(b"\r\n", b"\n")
    plain = b"\r" not in data and not data.startswith(b"\xef\xbb\xbf")  # both mean something else to a CSV reader
    rows = _parse_plain(data, dim) if plain else None
    return rows if rows is not None and np.isfinite(rows.matrix).all() else parse_carefully(block, dim)


def _parse_plain(data: bytes, dim: int) -> Rows | None:
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
    """Parses some lines one by one: the last `dim` fields are the numbers, all before them is the word.

    Raises:
        GloveError: If a line is not a word and `dim` finite numbers; names the first such line.
    """
    words: list[bytes] = []
    lines: list[int] = []
    numbers: list[str] = []
    for line, text in enumerate(block.data.split(b"\n"), block.first_line):
        text = text.removesuffix(b"\r").rstrip(b" ")
        if text:
            word, *fields = text.rsplit(b" ", dim)
            _check_length(block, line, word, fields, dim)
            words.append(word)
            lines.append(line)
            # Latin-1 reads any byte; what is not a number is found below, by the same parser as in the plain case.
            numbers.extend(field.decode("latin-1").strip(" \t") for field in fields)
    matrix = _to_matrix(block, lines, numbers, dim)
    return Rows(pa.array(words, pa.binary()), matrix)


def _check_length(block: Block, line: int, word: bytes, fields: list[bytes], dim: int) -> None:
    if len(fields) < dim:
        raise block.error(line, f"{len(fields)} numbers where {dim} were expected")
    _, space, end_of_word = word.rpartition(b" ")
    if space and _NUMBER.fullmatch(end_of_word):
        raise block.error(line, f"more than {dim} numbers; a word of several parts may not end in a number")


def _to_matrix(block: Block, lines: list[int], numbers: list[str], dim: int) -> Matrix:
    try:
        values = pa.array(numbers, pa.string()).cast(pa.float32()).to_numpy()
    except pa.ArrowInvalid:
        place = next(index for index, number in enumerate(numbers) if not _is_number(number))
        raise block.error(lines[place // dim], f"'{numbers[place]}' is not a number") from None
    matrix: Matrix = values.reshape(len(lines), dim)
    bad_rows = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
    if len(bad_rows):
        raise block.error(lines[bad_rows[0]], "a number is not finite (NaN or infinity)")
    return matrix


def _is_number(text: str) -> bool:
    try:
        pa.scalar(text).cast(pa.float32())
    except pa.ArrowInvalid:
        return False
    return True


def _decode(words: pa.BinaryArray) -> tuple[pa.StringArray, int]:
    try:
        return words.cast(pa.string()), 0
    except pa.ArrowInvalid:
        decoded = [word.decode("utf-8", errors="replace") for word in words.to_pylist()]
        replaced = sum(text.encode() != word for text, word in zip(decoded, words.to_pylist(), strict=True))
        return pa.array(decoded, pa.string()), replaced

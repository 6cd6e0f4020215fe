"""Reads a GloVe text as blocks of whole lines, and takes its checksums on the way."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from sentrec.errors import GloveError

Progress = Callable[[str, int, int | None], None]
"""Told how far a stage is: its name (``download`` or ``parse``), bytes done, bytes in all (None where unknown)."""

_BLOCK_BYTES = 1 << 20
_LONGEST_LINE = 1 << 22
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Some whole lines of a text.

    Attributes:
        source: Name of the text, for messages.
        first_line: Number of the first of these lines in the text, from 1.
        data: The lines, with their line breaks.
    """

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
    """Hands out a stream as blocks of whole lines.

    Args:
        stream: The text as bytes, from its beginning.
        source: Name of the text, for messages.
        size: Its length in bytes where that is known.
        progress: Told the bytes read so far.

    Attributes:
        bytes_read: Bytes read so far.
    """

    def __init__(
        self, stream: BinaryIO, source: str, size: int | None = None, progress: Progress | None = None
    ) -> None:
        self._stream = stream
        self._source = source
        self._size = size
        self._progress = progress
        self._sha256 = hashlib.sha256()
        # md5 guards against damage here, not against an attacker: it is what was published for these files.
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.bytes_read = 0

    @property
    def sha256(self) -> str:
        """Checksum of what was read so far."""
        return self._sha256.hexdigest()

    @property
    def md5(self) -> str:
        """Checksum of what was read so far."""
        return self._md5.hexdigest()

    def blocks(self) -> Iterator[Block]:
        """The text's lines in order; a byte order mark before the first is dropped.

        Raises:
            GloveError: If a line is so long that this cannot be a GloVe text, or its size is not the stated one.
        """
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
        first = True
        while chunk := self._stream.read(_BLOCK_BYTES):
            self._sha256.update(chunk)
            self._md5.update(chunk)
            self.bytes_read += len(chunk)
            if self._progress:
                self._progress("parse", self.bytes_read, self._size)
            yield chunk.removeprefix(_BYTE_ORDER_MARK) if first else chunk
            first = False
        if self._size is not None and self.bytes_read != self._size:  # a member of a zip file may say what it likes
            found = f"{self.bytes_read:,} bytes instead of the {self._size:,} that it states"
            raise GloveError(f"{self._source} is damaged: it holds {found}.", "Download the file again.")

"""Texts as token ids: encoded in parallel, cut to length."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from sentrec.text.tokenizer import UNKNOWN_ID, chunks_of, clean_text

Keep = Literal["head", "tail", "head-tail"]
_Item = TypeVar("_Item")
_CHUNK = 4096
_JOINED = 256
_RULED = re.compile("[<&;#]")
"""Signs that rules about markup begin or end with: a chunk with one of them is split by itself."""
_ID_BYTES = 4
LONGEST_TEXT = 100_000
"""Characters of a text that are read, half of them from either end: a model reads a few hundred tokens of them."""
CHUNK_CHARACTERS = 1 << 24
"""A chunk ends also when its texts are this long together: what bounds memory, whatever the reviews are like."""
_NO_TOKEN = np.array([UNKNOWN_ID], dtype=np.int32).tobytes()
REMEMBERED_CHARACTERS = 1 << 21
"""About 30 MB of remembered chunks, after which a `TextEncoder` begins anew: memory must not grow with the texts."""


@dataclass(frozen=True)
class EncodedTexts:
    """Token ids of many texts, end to end.

    Attributes:
        token_ids: All ids, int32, shape ``(tokens,)``.
        offsets: Where each text begins, and the end of the last, int64, shape ``(texts + 1,)``.
        beside: The same texts by another tokenizer, for a model that is stacked on one with a tokenizer of its own.
    """

    token_ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    beside: "EncodedTexts | None" = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of each text, shape ``(texts,)``; at least 1."""
        return np.diff(self.offsets)

    def take(self, rows: npt.NDArray[np.int64]) -> "EncodedTexts":
        """These texts only, in this order."""
        lengths = self.lengths()[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        source = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return EncodedTexts(self.token_ids[source], offsets, self.beside.take(rows) if self.beside else None)

    def cut(self, max_tokens: int, keep: Keep) -> "EncodedTexts":
        """What `TextEncoder` would have made of the texts with a smaller `max_tokens`, without `beside`."""
        lengths = self.lengths()
        if lengths.max(initial=0) <= max_tokens:
            return self
        kept = np.minimum(lengths, max_tokens)
        offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
        places = np.arange(offsets[-1]) - np.repeat(offsets[:-1], kept)
        places = places_before_cut(places, np.repeat(lengths, kept), max_tokens, keep)
        return EncodedTexts(self.token_ids[np.repeat(self.offsets[:-1], kept) + places], offsets)


def join_texts(*parts: EncodedTexts) -> EncodedTexts:
    """The texts of all parts, one part after another."""
    offsets = np.cumsum(np.concatenate([[0], *(part.lengths() for part in parts)]), dtype=np.int64)
    beside = [part.beside for part in parts if part.beside]
    token_ids = np.concatenate([part.token_ids for part in parts])
    return EncodedTexts(token_ids, offsets, join_texts(*beside) if beside else None)


def shortened(text: str) -> str:
    """Both ends of a text beyond `LONGEST_TEXT` characters; any other as it is."""
    half = LONGEST_TEXT // 2
    return text if len(text) <= LONGEST_TEXT else f"{text[:half]} {text[-half:]}"


def in_chunks(items: Iterable[_Item], most: int, characters: Callable[[_Item], int]) -> Iterator[list[_Item]]:
    """Items some at a time, `most` at most; fewer where they hold very many characters, so that memory is bounded."""
    chunk: list[_Item] = []
    total = 0
    for item in items:
        chunk.append(item)
        total += characters(item)
        if len(chunk) == most or total >= CHUNK_CHARACTERS:
            yield chunk
            chunk, total = [], 0
    if chunk:
        yield chunk


class TextEncoder:
    """Turns texts into token ids, and remembers what it made of the chunks between white space.

    Almost every chunk of a text has been met before, and looking it up is many times faster than splitting it anew.
    Threads may share an encoder.

    Args:
        tokenizer: A tokenizer with its vocabulary; see `sentrec.text.tokenizer`.
        max_tokens: Longest text in tokens; longer ones are cut.
        keep: Which part of a longer text is kept: its head, its tail, or half of each.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, keep: Keep) -> None:
        self._tokenizer = tokenizer
        self._max_tokens, self._keep = max_tokens, keep
        self._ids_of: dict[str, bytes] = {}
        self._characters = 0

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Encodes texts, in their order; one without any token becomes one unknown word."""
        parts = [self._encode_chunk(texts[start : start + _CHUNK]) for start in range(0, max(1, len(texts)), _CHUNK)]
        return parts[0] if len(parts) == 1 else join_texts(*parts)

    def _encode_chunk(self, texts: Sequence[str]) -> EncodedTexts:
        rows = [ids or _NO_TOKEN for ids in self._token_ids(texts)]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum([len(row) // _ID_BYTES for row in rows], out=offsets[1:])
        # Through a bytearray, because an array over bytes could not be written to, and torch warns of that.
        whole = EncodedTexts(np.frombuffer(bytearray(b"").join(rows), dtype=np.int32), offsets)
        return whole.cut(self._max_tokens, self._keep)

    def _token_ids(self, texts: Sequence[str]) -> list[bytes]:
        """The ids of each text: the bytes of an int32 array, which join and cut faster than lists."""
        texts = [clean_text(text) for text in texts]
        chunks = [chunks_of(text) for text in texts]
        ids_of = self._known(set().union(*filter(None, chunks)))
        whole = iter(self._split([text for text, parts in zip(texts, chunks, strict=True) if parts is None]))
        return [next(whole) if parts is None else b"".join(map(ids_of.__getitem__, parts)) for parts in chunks]

    def _known(self, chunks: set[str]) -> dict[str, bytes]:
        """A table that has all these chunks."""
        if self._characters > REMEMBERED_CHARACTERS:
            self._ids_of, self._characters = {}, 0
        # Threads that share it at worst split a chunk twice: a table only grows, and a new one takes its place.
        ids_of = self._ids_of
        new = chunks.difference(ids_of)
        plain = [chunk for chunk in new if chunk.isascii() and not _RULED.search(chunk)]
        others = list(new.difference(plain))
        ids_of.update(self._split_joined(plain))
        ids_of.update(zip(others, self._split(others), strict=True))
        self._characters += sum(map(len, new))
        return ids_of

    def _split_joined(self, chunks: list[str]) -> Iterator[tuple[str, bytes]]:
        """Chunks with their ids; a few long texts are split in half of the time of many short ones."""
        groups = [chunks[start : start + _JOINED] for start in range(0, len(chunks), _JOINED)]
        encodings = self._tokenizer.encode_batch(["\n".join(group) for group in groups], add_special_tokens=False)
        for group, encoding in zip(groups, encodings, strict=True):
            ids = np.array(encoding.ids, dtype=np.int32).tobytes()
            ends = np.cumsum([len(chunk) + 1 for chunk in group])
            cuts = np.searchsorted([begin for begin, _ in encoding.offsets], ends) * _ID_BYTES
            yield from ((chunk, ids[i:j]) for chunk, i, j in zip(group, [0, *cuts[:-1]], cuts, strict=True))

    def _split(self, texts: list[str]) -> list[bytes]:
        encodings = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(encoding.ids, dtype=np.int32).tobytes() for encoding in encodings]


def places_before_cut(
    places: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], max_tokens: int, keep: Keep
) -> npt.NDArray[np.int64]:
    """Where in a text the tokens stand that are left of it after truncation: the one rule for it.

    `places` are positions in truncated texts, `lengths` the tokens of the whole ones, of a shape that broadcasts.

    Returns:
        Positions in the whole texts.
    """
    head = {"head": max_tokens, "tail": 0, "head-tail": max_tokens - max_tokens // 2}[keep]
    return places + np.where(places < head, 0, np.maximum(lengths - max_tokens, 0))

"""Texts as token ids: encoded in parallel, cut to length, kept in the cache."""

import hashlib
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from sentrec.files.storage import atomic_path, cache_home, read_cached
from sentrec.text.tokenizer import PLAIN_CHUNK, PLAIN_MARKS, TITLES, UNKNOWN_ID, clean_text, spaced
from sentrec.text.vocabulary import fingerprint

Keep = Literal["head", "tail", "head-tail"]
_Item = TypeVar("_Item")
_CHUNK = 4096
_JOINED = 256
_FEW = 64
_RULED = re.compile("[<&;#]")
"""Signs that rules about markup begin or end with: a chunk with one of them is split by itself."""
_ID_BYTES = 4
LONGEST_TEXT = 100_000
"""Characters of a text that are read, half of them from either end: a model reads a few hundred tokens of them."""
CHUNK_CHARACTERS = 1 << 24
"""A chunk ends also when its texts are this long together: what bounds memory, whatever the reviews are like."""
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
    Threads may share an encoder. Of a text longer than `max_tokens`, `keep` is what stays.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, keep: Keep) -> None:
        self._tokenizer = tokenizer
        self._max_tokens, self._keep = max_tokens, keep
        self._ids_of: dict[str, bytes] = {}
        self._characters = 0
        self._lowercase = tokenizer.normalizer is not None and tokenizer.normalizer.normalize_str("A") == "a"
        ids = {sign: _id_bytes(tokenizer.token_to_id(sign)) for sign in "".join(PLAIN_MARKS) + "("}
        self._marks = {marks: b"".join(map(ids.__getitem__, marks)) for marks in (*PLAIN_MARKS, "(")}

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Encodes texts, in their order; one without any token becomes one unknown word."""
        parts = [self._encode_chunk(texts[start : start + _CHUNK]) for start in range(0, max(1, len(texts)), _CHUNK)]
        return parts[0] if len(parts) == 1 else join_texts(*parts)

    def _encode_chunk(self, texts: Sequence[str]) -> EncodedTexts:
        distinct, numbers, ends = _numbered([clean_text(text) for text in texts])
        known = self._known(distinct)
        # Chunks as numbers, then their ids gathered at once: many times faster than joining the ids of each.
        tokens = _end_to_end([known[chunk] for chunk in distinct]).take(numbers)
        offsets = tokens.offsets[ends]
        empty = np.diff(offsets) == 0
        token_ids = np.insert(tokens.token_ids, offsets[:-1][empty], UNKNOWN_ID) if empty.any() else tokens.token_ids
        whole = EncodedTexts(token_ids, offsets + np.cumsum([False, *empty]))
        return whole.cut(self._max_tokens, self._keep)

    def _known(self, chunks: Iterable[str]) -> dict[str, bytes]:
        """A table that has all these chunks: the ids of each, as the bytes of an int32 array."""
        if self._characters > REMEMBERED_CHARACTERS:
            self._ids_of, self._characters = {}, 0
        # Threads that share it at worst split a chunk twice: a table only grows, and a new one takes its place.
        ids_of = self._ids_of
        new = [chunk for chunk in chunks if chunk not in ids_of]
        ids_of.update(self._plain(new))
        others = [chunk for chunk in new if chunk not in ids_of]
        joined = [chunk for chunk in others if chunk.isascii() and not _RULED.search(chunk)]
        ids_of.update(self._split_joined(joined))
        alone = [chunk for chunk in others if chunk not in ids_of]
        ids_of.update(zip(alone, self._split(alone), strict=True))
        self._characters += sum(map(len, new))
        return ids_of

    def _plain(self, chunks: list[str]) -> Iterator[tuple[str, bytes]]:
        """Those that are a plain word, maybe with a mark behind it, with their ids: they need no rules to be split."""
        id_of, lowercase, marks = self._tokenizer.token_to_id, self._lowercase, self._marks
        for chunk in chunks:
            if plain := PLAIN_CHUNK.fullmatch(chunk):
                opening, word, closing = plain.groups()
                if closing[:1] == "." and word.lower() in TITLES:
                    continue
                number = id_of(word.lower() if lowercase else word)
                yield chunk, marks[opening] + _id_bytes(number) + marks[closing]

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


def _numbered(texts: list[str]) -> tuple[list[str], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct chunks of texts, the number of each chunk, and where the chunks of each text begin and end."""
    parted = [spaced(text) for text in texts]
    if len(texts) < _FEW:  # so few need not wait for Arrow
        by_text = [[text] if one is None else one.split() for one, text in zip(parted, texts, strict=True)]
        every = list(chain.from_iterable(by_text))
        number_of = {chunk: number for number, chunk in enumerate(dict.fromkeys(every))}
        return (
            list(number_of),
            np.array([number_of[chunk] for chunk in every], np.int64),
            np.cumsum([0, *map(len, by_text)]),
        )
    import pyarrow as pa
    import pyarrow.compute as pc

    # An empty text has one empty chunk, whose place a text that is not to be split takes.
    split = pc.utf8_split_whitespace(pa.array([one or "" for one in parted], pa.large_string()))
    ends, chunks = split.offsets.to_numpy(), split.values.dictionary_encode()
    whole = [row for row, one in enumerate(parted) if one is None]
    distinct, numbers = chunks.dictionary.to_pylist(), chunks.indices.to_numpy().astype(np.int64)
    numbers[ends[whole]] = len(distinct) + np.arange(len(whole))
    return [*distinct, *(texts[row] for row in whole)], numbers, ends


def _end_to_end(rows: list[bytes]) -> EncodedTexts:
    offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64) // _ID_BYTES
    return EncodedTexts(np.frombuffer(b"".join(rows), dtype=np.int32), offsets)


def _id_bytes(number: int | None) -> bytes:
    return (UNKNOWN_ID if number is None else number).to_bytes(_ID_BYTES, sys.byteorder)


def places_before_cut(
    places: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], max_tokens: int, keep: Keep
) -> npt.NDArray[np.int64]:
    """Where in whole texts the tokens stand that are left after truncation: the one rule for it.

    `places` are positions in truncated texts, `lengths` the tokens of the whole ones, of a shape that broadcasts.
    """
    head = {"head": max_tokens, "tail": 0, "head-tail": max_tokens - max_tokens // 2}[keep]
    return places + np.where(places < head, 0, np.maximum(lengths - max_tokens, 0))


_log = logging.getLogger(__name__)


def encode_cached(texts: Sequence[str], tokenizer: Tokenizer, max_tokens: int, keep: Keep) -> EncodedTexts:
    """Encodes texts as a `TextEncoder` does; keeps them in the cache folder and maps them from there the next time."""
    vocabulary = hashlib.blake2b(tokenizer.to_str().encode(), digest_size=16).hexdigest()
    key = f"{vocabulary} {max_tokens} {keep}"
    return cached_encoding(texts, key, TextEncoder(tokenizer, max_tokens, keep).encode)


def cached_encoding(texts: Sequence[str], key: str, encode: Callable[[Sequence[str]], EncodedTexts]) -> EncodedTexts:
    """Encoded texts from the cache folder, where they are kept the first time.

    Args:
        texts: The texts.
        key: Changes with whatever their encoding depends on.
        encode: Encodes them where they are not there.
    """
    import pyarrow as pa  # which a model in an ONNX file does without

    path = cache_home() / "encoded" / f"{fingerprint(texts, key)}.arrow"
    cached = read_cached(path, _read)
    if cached is None or len(cached) != len(texts):
        _log.info("Tokenizing %s texts", f"{len(texts):,}")
        cached = encode(texts)
        column = pa.LargeListArray.from_arrays(pa.array(cached.offsets), pa.array(cached.token_ids))
        table = pa.table({"token_ids": column})
        with atomic_path(path) as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
            writer.write_table(table)
    return cached


def _read(path: Path) -> EncodedTexts:
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    table.validate(full=True)
    values = table.column("token_ids").chunk(0)
    return EncodedTexts(values.values.to_numpy(), values.offsets.to_numpy())

"""Texts as token ids: encoded in parallel, cut to length, cached as Arrow under a fingerprint."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from tokenizers import Tokenizer

from sentrec.files import atomic_path, cache_home
from sentrec.text.tokenizer import UNKNOWN_ID
from sentrec.text.vocabulary import fingerprint

_log = logging.getLogger(__name__)

Keep = Literal["head", "tail", "head-tail"]
_CHUNK = 4096


@dataclass(frozen=True)
class EncodedTexts:
    """Token ids of many texts, end to end.

    Attributes:
        token_ids: All ids, int32, shape ``(tokens,)``.
        offsets: Where each text begins, and the end of the last, int64, shape ``(texts + 1,)``.
    """

    token_ids: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

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
        return EncodedTexts(self.token_ids[source], offsets)


def encode_texts(texts: Sequence[str], tokenizer: Tokenizer, max_tokens: int, keep: Keep) -> EncodedTexts:
    """Encodes texts; one without any token becomes one unknown word.

    Args:
        texts: What to encode.
        tokenizer: A tokenizer with its vocabulary.
        max_tokens: Longest text in tokens; longer ones are cut.
        keep: Which part of a longer text is kept: its head, its tail, or half of each.

    Returns:
        The token ids, in the order of `texts`.
    """
    cut = _cutter(max_tokens, keep)
    rows = [cut(ids) or [UNKNOWN_ID] for ids in _token_ids(texts, tokenizer)]
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(offsets[-1]))
    return EncodedTexts(flat, offsets)


def encode_cached(texts: Sequence[str], tokenizer: Tokenizer, max_tokens: int, keep: Keep) -> EncodedTexts:
    """Like `encode_texts`, but keeps the result in the cache folder and maps it from there the next time."""
    vocabulary = hashlib.blake2b(tokenizer.to_str().encode(), digest_size=16).hexdigest()
    path = cache_home() / "encoded" / f"{fingerprint(texts, vocabulary, max_tokens, keep)}.arrow"
    cached = _read_cached(path, len(texts))
    if cached is None:
        _log.info("Tokenizing %s texts", f"{len(texts):,}")
        cached = encode_texts(texts, tokenizer, max_tokens, keep)
        _write(path, cached)
    return cached


def _token_ids(texts: Sequence[str], tokenizer: Tokenizer) -> Iterator[list[int]]:
    for start in range(0, len(texts), _CHUNK):
        chunk = list(texts[start : start + _CHUNK])
        for encoding in tokenizer.encode_batch_fast(chunk, add_special_tokens=False):
            yield encoding.ids


def _cutter(max_tokens: int, keep: Keep) -> Callable[[list[int]], list[int]]:
    head = {"head": max_tokens, "tail": 0, "head-tail": max_tokens - max_tokens // 2}[keep]
    tail = max_tokens - head
    return lambda ids: ids if len(ids) <= max_tokens else ids[:head] + (ids[-tail:] if tail else [])


def _write(path: Path, encoded: EncodedTexts) -> None:
    column = pa.LargeListArray.from_arrays(pa.array(encoded.offsets), pa.array(encoded.token_ids))
    table = pa.table({"token_ids": column})
    with atomic_path(path) as temporary, pa.ipc.new_file(str(temporary), table.schema) as writer:
        writer.write_table(table)


def _read_cached(path: Path, texts: int) -> EncodedTexts | None:
    if not path.is_file():
        return None
    try:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        table.validate(full=True)
        values = table.column("token_ids").chunk(0)
        encoded = EncodedTexts(values.values.to_numpy(), values.offsets.to_numpy())
    except (pa.ArrowException, OSError, KeyError, IndexError) as error:
        _log.warning("%s is broken (%s): tokenizing again", path, error)
        return None
    return encoded if len(encoded) == texts else None

"""Encodes texts with the tokenizer of a pretrained model."""

import hashlib
import html
import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from sentrec import EncodedTexts

from .windows import window_starts

_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_CHUNK = 4096


class SubwordReader:
    """Encodes texts with a pretrained tokenizer: truncated, then between the special tokens of the model.

    Args:
        tokenizer: Without truncation and padding.
        max_tokens: Longest text, special tokens included.
        keep: Which part of a longer text is kept.
        windows: How many such pieces a longer text is read in, at most; `keep` is about what is longer still.

    Raises:
        ValueError: If it is no tokenizer.
    """

    def __init__(
        self, tokenizer: str, max_tokens: int, keep: Literal["head", "tail", "head-tail"], windows: int = 1
    ) -> None:
        try:
            self._tokenizer = Tokenizer.from_str(tokenizer)
        # The library raises nothing more special.
        except Exception as error:
            raise ValueError(f"the tokenizer cannot be read: {error}") from error
        plain, marked = (self._tokenizer.encode("a", add_special_tokens=special).ids for special in (False, True))
        before = next((n for n in range(len(marked)) if marked[n : n + len(plain)] == plain), 0)
        self._before, self._after = marked[:before], marked[before + len(plain) :]
        self._most = max(1, max_tokens - len(self._before) - len(self._after))
        self._keep: Literal["head", "tail", "head-tail"] = keep
        self._windows = windows
        self.max_tokens = max_tokens
        self.vocabulary_size = int(self._tokenizer.get_vocab_size())
        self.key = hashlib.blake2b(f"{max_tokens} {keep} {windows} {tokenizer}".encode(), digest_size=16).hexdigest()

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Encodes texts; HTML entities are decoded, and line breaks are spaces."""
        rows: list[npt.NDArray[np.int32]] = []
        for start in range(0, len(texts), _CHUNK):
            plain = [_BREAK.sub(" ", html.unescape(text)) for text in texts[start : start + _CHUNK]]
            encodings = self._tokenizer.encode_batch_fast(plain, add_special_tokens=False)
            rows += [np.array(encoding.ids, dtype=np.int32) for encoding in encodings]
        whole = EncodedTexts(*_joined(rows))
        cut = whole.cut(self._most * self._windows, self._keep)
        marked = [
            np.concatenate(
                [
                    part
                    for first in start + window_starts(end - start, self._most)
                    for part in (self._before, cut.token_ids[first : min(end, first + self._most)], self._after)
                ]
            ).astype(np.int32)
            for start, end in zip(cut.offsets[:-1], cut.offsets[1:], strict=True)
        ]
        return EncodedTexts(*_joined([row if len(row) else np.zeros(1, np.int32) for row in marked]))

    def encode_cached(self, texts: Sequence[str]) -> EncodedTexts:
        """Likewise, from the cache on disk where these texts were encoded before."""
        from sentrec import cached_encoding  # predicting need not wait for Arrow

        return cached_encoding(texts, self.key, self.encode)


def _joined(rows: Sequence[npt.NDArray[np.int32]]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    return np.concatenate([np.empty(0, np.int32), *rows]), np.cumsum([0, *map(len, rows)]).astype(np.int64)

"""Reads texts by a `tokenizers.Tokenizer`, truncated to a number of tokens."""

import hashlib
from collections.abc import Sequence

from tokenizers import Tokenizer

from sentrec.text.encoding import EncodedTexts, Keep, TextEncoder
from sentrec.text.tokenizer import load_tokenizer


class TokenReader:
    """The `sentrec.models.base.TextReader` of the built-in kinds.

    Args:
        tokenizer: A serialised tokenizer with its vocabulary.
        max_tokens: Longest text in tokens; longer ones are truncated.
        keep: Which part of a longer text is kept.
    """

    def __init__(self, tokenizer: str, max_tokens: int, keep: Keep) -> None:
        self.tokenizer: Tokenizer = load_tokenizer(tokenizer.encode())
        self.max_tokens = max_tokens
        self.keep: Keep = keep
        self.key = hashlib.blake2b(f"{max_tokens} {keep} {tokenizer}".encode(), digest_size=16).hexdigest()
        self._encoder = TextEncoder(self.tokenizer, max_tokens, keep)

    @property
    def vocabulary_size(self) -> int:
        """How many different tokens it knows."""
        return int(self.tokenizer.get_vocab_size())

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Encodes texts; one without any token becomes one unknown word."""
        return self._encoder.encode(texts)

    def encode_cached(self, texts: Sequence[str]) -> EncodedTexts:
        """Likewise; the result is kept in the cache folder and memory-mapped from there the next time."""
        from sentrec.text.cache import encode_cached  # predicting need not wait for Arrow

        return encode_cached(texts, self.tokenizer, self.max_tokens, self.keep)

"""What the built-in kinds have in common: tokens that are words, read by `tokenizers.Tokenizer`, and their vectors."""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from sentrec.models.base import TextModel
from sentrec.recipe.schema import Recipe
from sentrec.text.encoding import EncodedTexts, Keep, TextEncoder, places_before_cut
from sentrec.text.padding import ModelInput
from sentrec.text.tokenizer import PADDING_ID, UNKNOWN_ID, load_tokenizer
from sentrec.text.vocabulary import learn_tokenizer

if TYPE_CHECKING:
    from sentrec.glove.store import GloveVectors

TOKENS = "tokens"
"""The name of a model's array of words."""


class TokenReader:
    """The `sentrec.models.contracts.TextReader` of words, truncated to `max_tokens`, of which `keep` says which."""

    def __init__(self, tokenizer: str, max_tokens: int, keep: Keep) -> None:
        self.tokenizer: Tokenizer = load_tokenizer(tokenizer.encode())
        self.max_tokens = max_tokens
        self.keep: Keep = keep
        self.key = hashlib.blake2b(f"{max_tokens} {keep} {tokenizer}".encode(), digest_size=16).hexdigest()
        self.vocabulary_size = int(self.tokenizer.get_vocab_size())
        self._encoder = TextEncoder(self.tokenizer, max_tokens, keep)

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Encodes texts; one without any token becomes one unknown word."""
        return self._encoder.encode(texts)

    def encode_cached(self, texts: Sequence[str]) -> EncodedTexts:
        """Likewise; the result is kept in the cache folder and memory-mapped from there the next time."""
        from sentrec.text.encoding import encode_cached  # predicting need not wait for Arrow

        return encode_cached(texts, self.tokenizer, self.max_tokens, self.keep)

    def spans(self, text: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Where the tokens of a text stand, which `clean_text` leaves as it is.

        Returns:
            Beginning and end of all its tokens in characters, shape ``(tokens, 2)``, and which of them `encode` keeps,
            ascending; both empty where the text has none.
        """
        spans = np.array(self.tokenizer.encode(text, add_special_tokens=False).offsets, dtype=np.int64).reshape(-1, 2)
        kept = np.arange(min(len(spans), self.max_tokens))
        return spans, places_before_cut(kept, np.full(1, len(spans)), self.max_tokens, self.keep)


class WordModel(TextModel):
    """A model whose tokens are words; it encodes as many as any part of the model reads."""

    tokens_are_words = True

    def inputs(self) -> tuple[ModelInput, ...]:
        """The words that its reader keeps."""
        assert isinstance(self.text_reader, TokenReader)  # what `build` gave it
        return (ModelInput(TOKENS, self.text_reader.max_tokens, self.text_reader.keep),)

    @classmethod
    def vectors(cls, recipe: Recipe) -> "GloveVectors | None":
        """The word vectors that it starts from; none by default."""
        return None

    @classmethod
    def learn_tokenizer(cls, recipe: Recipe, texts: Sequence[str]) -> str:
        """Learns the vocabulary: frequent words, and those with a word vector."""
        return str(learn_tokenizer(texts, recipe.text, cls.vectors(recipe)).to_str())

    @classmethod
    def reader(cls, recipe: Recipe, tokenizer: str) -> TokenReader:
        """Reads the words of this tokenizer."""
        return TokenReader(tokenizer, recipe.tokens_read, recipe.text.keep)


_SCRATCH_SCALE = 0.1


class TokenEmbedding(nn.Module):
    """Looks token ids up in the shared table, with word dropout and embedding dropout while training.

    Word dropout replaces whole words by the unknown word, which trains that word's vector and keeps the model from
    leaning on single words. Embedding dropout drops the same dimensions at every token of a text (Gal and Ghahramani
    2016).
    """

    def __init__(self, vocabulary_size: int, dim: int, word_dropout: float, embedding_dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary_size, dim, padding_idx=PADDING_ID)
        self.word_dropout = word_dropout
        self.embedding_dropout = embedding_dropout

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Embeds int64 ids, ``(batch, tokens)``: float, shape ``(batch, tokens, dim)``, zero where `mask` is False."""
        if self.training and self.word_dropout > 0:
            dropped = (torch.rand(token_ids.shape, device=token_ids.device) < self.word_dropout) & mask
            token_ids = token_ids.masked_fill(dropped, UNKNOWN_ID)
        embedded: Tensor = self.table(token_ids)
        if self.training and self.embedding_dropout > 0:
            kept = 1.0 - self.embedding_dropout
            shape = (embedded.shape[0], 1, embedded.shape[2])
            embedded = embedded * (torch.rand(shape, device=embedded.device) < kept) / kept
        return embedded


def initial_embeddings(words: Sequence[str], vectors: "GloveVectors | None", dim: int, seed: int) -> Tensor:
    """The table that training starts from, float32, shape ``(len(words), dim)``.

    Words, in the order of their ids, with a GloVe vector have it; the others are drawn from a normal distribution of
    the vectors' own spread; the padding row is zero.
    """
    generator = np.random.default_rng(seed)
    known = vectors.rows(words) if vectors is not None else np.full(len(words), -1)
    # Special tokens are no words, even where a GloVe file holds one of that name.
    known[[PADDING_ID, UNKNOWN_ID]] = -1
    found = known >= 0
    table = generator.standard_normal((len(words), dim), dtype=np.float32)
    if vectors is not None and found.any():
        pretrained = np.asarray(vectors.matrix[known[found]], dtype=np.float32)
        table *= pretrained.std()
        table[found] = pretrained
    else:
        table *= _SCRATCH_SCALE
    table[PADDING_ID] = 0.0
    return torch.from_numpy(table)

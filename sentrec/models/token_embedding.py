"""The table of word vectors that encoders read, and what it starts from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from sentrec.text.tokenizer import PADDING_ID, UNKNOWN_ID

if TYPE_CHECKING:
    from sentrec.glove.store import GloveVectors

_SCRATCH_SCALE = 0.1


class TokenEmbedding(nn.Module):
    """Looks token ids up in the shared table, with word dropout and embedding dropout while training.

    Word dropout replaces whole words by the unknown word, which trains that word's vector and keeps the model from
    leaning on single words. Embedding dropout drops the same dimensions at every token of a text (Gal and Ghahramani
    2016).

    Args:
        vocabulary_size: Rows of the table.
        dim: Width of a row.
        word_dropout: Proportion of words replaced.
        embedding_dropout: Proportion of dimensions dropped.
    """

    def __init__(self, vocabulary_size: int, dim: int, word_dropout: float, embedding_dropout: float) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary_size, dim, padding_idx=PADDING_ID)
        self.word_dropout = word_dropout
        self.embedding_dropout = embedding_dropout

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Embeds tokens; float, shape ``(batch, tokens, dim)``, zero at padding.

        Args:
            token_ids: int64, shape ``(batch, tokens)``.
            mask: True where there is a token, shape ``(batch, tokens)``.
        """
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

"""Beside each word, what the few words around it tell of their surroundings (Johnson and Zhang 2015)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from sentrec.text.tokenizer import PADDING_ID

if TYPE_CHECKING:
    from sentrec.glove.store import GloveVectors


class RegionEmbedding(nn.Module):
    """Embeds the region around each token: its words' vectors added up, negative numbers set to zero.

    The vectors were learned from texts without labels, by `sentrec learn-regions`, and stay as they are.

    Args:
        vocabulary_size: Rows of the table.
        dim: Width of a row.
        window: Words of a region; of an even number, one more before the token than behind it.
    """

    table: Tensor

    def __init__(self, vocabulary_size: int, dim: int, window: int) -> None:
        super().__init__()
        self.window = window
        self.register_buffer("table", torch.zeros(vocabulary_size, dim))

    def start(self, words: Sequence[str], vectors: "GloveVectors") -> None:
        """Fills the table; words without a vector add nothing.

        Args:
            words: The vocabulary in the order of its ids, special tokens included.
            vectors: What `sentrec learn-regions` stored; its words are in lower case.
        """
        rows = vectors.rows([word.lower() for word in words])
        found = rows >= 0
        self.table.zero_()
        self.table[torch.from_numpy(found)] = torch.from_numpy(np.asarray(vectors.matrix[rows[found]]))

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Embeds the region of each token.

        Args:
            token_ids: int64, shape ``(batch, tokens)``.
            mask: True where there is a token, shape ``(batch, tokens)``.

        Returns:
            Float, shape ``(batch, tokens, dim)``; zero at padding.
        """
        behind = (self.window - 1) // 2
        padded = functional.pad(token_ids, (self.window - 1 - behind, behind), value=PADDING_ID)
        regions = rectified_sums(functional.embedding(padded, self.table), self.window)
        return regions * mask.unsqueeze(-1)


def rectified_sums(embedded: Tensor, window: int) -> Tensor:
    """Sums of `window` vectors in a row, negative numbers set to zero.

    Args:
        embedded: Shape ``(texts, tokens, dim)``.
        window: How many, at most ``tokens``.

    Returns:
        Shape ``(texts, tokens - window + 1, dim)``.
    """
    length = embedded.shape[1] - window + 1
    summed = embedded[:, :length]
    for place in range(1, window):
        summed = summed + embedded[:, place : place + length]
    return functional.relu(summed)

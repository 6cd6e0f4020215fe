"""The shared table: GloVe where there is some, a draw elsewhere, zero for padding; and its two dropouts."""

import math

import numpy as np
import pytest
import torch

from sentrec.models.embeddings import TokenEmbedding, initial_embeddings
from sentrec.text.tokenizer import PADDING_ID, UNKNOWN_ID

WORDS = ("<pad>", "<unk>", *(f"word{number}" for number in range(198)))


class HalfKnown:
    """Vectors of every second word, and of one that is named like a special token."""

    dim = 40
    matrix = np.random.default_rng(0).normal(0, 0.5, (len(WORDS), 40)).astype(np.float32)

    def rows(self, words: tuple[str, ...]) -> np.ndarray:
        return np.array([index if index % 2 == 0 or index == UNKNOWN_ID else -1 for index in range(len(words))])


def test_known_words_have_their_vectors_and_others_the_same_spread() -> None:
    vectors = HalfKnown()
    table = initial_embeddings(WORDS, vectors, 40, seed=1).numpy()  # type: ignore[arg-type]
    np.testing.assert_array_equal(table[2::2], vectors.matrix[2::2])
    assert not np.array_equal(table[UNKNOWN_ID], vectors.matrix[UNKNOWN_ID])
    assert table[3::2].std() == pytest.approx(0.5, rel=0.05)
    assert not table[PADDING_ID].any()
    assert table.dtype == np.float32


def test_the_seed_decides_what_is_drawn() -> None:
    first, again, other = (initial_embeddings(WORDS, None, 8, seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first[1:].std() == pytest.approx(0.1, rel=0.1)


def embedding(word_dropout: float = 0.0, embedding_dropout: float = 0.0) -> TokenEmbedding:
    module = TokenEmbedding(len(WORDS), 40, word_dropout, embedding_dropout)
    with torch.no_grad():
        module.table.weight.copy_(initial_embeddings(WORDS, None, 40, 0))
    return module


TOKENS = torch.arange(2, 182).reshape(3, 60)
MASK = torch.ones(3, 60, dtype=torch.bool)


def test_word_dropout_puts_the_unknown_word_in_place_of_its_share_of_words() -> None:
    module = embedding(word_dropout=0.3)
    torch.manual_seed(0)
    out = module(TOKENS, MASK)
    dropped = (out == module.table.weight[UNKNOWN_ID]).all(dim=2)
    kept = (out == module.table(TOKENS)).all(dim=2)
    assert torch.equal(dropped, ~kept)
    assert dropped.float().mean().item() == pytest.approx(0.3, abs=4 * math.sqrt(0.3 * 0.7 / 180))


def test_word_dropout_never_touches_padding() -> None:
    module = embedding(word_dropout=0.99)
    mask = MASK.clone()
    mask[:, 10:] = False
    out = module(TOKENS.masked_fill(~mask, PADDING_ID), mask)
    assert not out[:, 10:].any()


def test_embedding_dropout_drops_the_same_dimensions_at_every_token_of_a_text() -> None:
    module = embedding(embedding_dropout=0.5)
    torch.manual_seed(0)
    out = module(TOKENS, MASK)
    zero = out == 0
    assert torch.equal(zero, zero[:, :1].expand_as(zero))
    assert not torch.equal(zero[0, 0], zero[1, 0])  # another text drops others
    assert torch.allclose(out[~zero], 2 * module.table(TOKENS)[~zero])


def test_nothing_is_dropped_outside_training() -> None:
    module = embedding(0.9, 0.9).eval()
    assert torch.equal(module(TOKENS, MASK), module.table(TOKENS))

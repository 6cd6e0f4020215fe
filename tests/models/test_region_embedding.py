"""What a model reads of the words around each word: the sum of their vectors, cut at zero, whatever the batch holds."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_regions import store_regions
from torch import Tensor

from sentrec.models.embeddings import TokenEmbedding
from sentrec.models.regions import RegionEmbedding, rectified_sums
from sentrec.text.tokenizer import PADDING_ID, SPECIAL_TOKENS, UNKNOWN_ID

VOCABULARY, DIM = 12, 4


def embedding(window: int, dim: int = DIM) -> RegionEmbedding:
    """One of random vectors; those of special tokens are zero, as `RegionEmbedding.start` leaves them."""
    made = RegionEmbedding(VOCABULARY, dim, window)
    generator = torch.Generator().manual_seed(window)
    made.table[len(SPECIAL_TOKENS) :] = torch.randn(VOCABULARY - len(SPECIAL_TOKENS), dim, generator=generator)
    return made


def batch(texts: list[list[int]], width: int | None = None) -> tuple[Tensor, Tensor]:
    width = width or max(map(len, texts))
    ids = torch.tensor([text + [PADDING_ID] * (width - len(text)) for text in texts])
    return ids, torch.arange(width) < torch.tensor([[len(text)] for text in texts])


def slow(table: Tensor, window: int, text: list[int]) -> Tensor:
    """The region of each token by its description: of an even number of words, one more before it than behind it."""
    before, behind = window // 2, (window - 1) // 2
    assert before + 1 + behind == window
    rows = []
    for place in range(len(text)):
        words = text[max(0, place - before) : place + behind + 1]
        rows.append(torch.relu(torch.stack([table[word] for word in words]).sum(dim=0)))
    return torch.stack(rows)


token_ids = st.lists(st.integers(UNKNOWN_ID, VOCABULARY - 1), min_size=1, max_size=9)


@given(texts=st.lists(token_ids, min_size=1, max_size=4), window=st.integers(1, 7), wider=st.integers(0, 5))
def test_each_token_gets_its_region_whatever_else_is_in_the_batch(
    texts: list[list[int]], window: int, wider: int
) -> None:
    regions = embedding(window)
    ids, mask = batch(texts, max(map(len, texts)) + wider)
    found = regions(ids, mask)
    assert found.shape == (*ids.shape, DIM)
    assert not found[~mask].any()
    for row, text in enumerate(texts):
        torch.testing.assert_close(found[row, : len(text)], slow(regions.table, window, text))
        # The very bits do not depend on padding or neighbours.
        assert torch.equal(found[row, : len(text)], regions(*batch([text]))[0])


@given(st.integers(1, 3), st.integers(1, 9), st.integers(1, 5), st.data())
def test_rectified_sums_are_what_they_are_called(texts: int, window: int, dim: int, data: st.DataObject) -> None:
    tokens = data.draw(st.integers(window, 14))
    embedded = torch.randn(texts, tokens, dim, generator=torch.Generator().manual_seed(tokens))
    found = rectified_sums(embedded, window)
    assert found.shape == (texts, tokens - window + 1, dim)
    for place in range(tokens - window + 1):
        torch.testing.assert_close(found[:, place], embedded[:, place : place + window].sum(dim=1).clamp(min=0))


@pytest.mark.parametrize("window", [1, 2, 5])
def test_a_text_of_unknown_words_is_zero(window: int) -> None:
    assert not embedding(window)(*batch([[UNKNOWN_ID] * 3])).any()


def test_words_without_a_vector_add_nothing_and_case_does_not_matter() -> None:
    vectors = store_regions(window=3)
    words = [*SPECIAL_TOKENS, "film", "nowhere", "FILM", "dull"]
    regions = RegionEmbedding(len(words), vectors.dim, 3)
    regions.table.fill_(7.0)
    regions.start(words, vectors)
    film, dull = (np.asarray(vectors.matrix[vectors.rows([word])[0]]) for word in ("film", "dull"))
    none = [0.0] * vectors.dim
    expected = np.array([*[none] * len(SPECIAL_TOKENS), film, none, film, dull], dtype=np.float32)
    np.testing.assert_array_equal(regions.table, expected)
    first = len(SPECIAL_TOKENS)
    found = regions(*batch([[first, first + 1, first + 3]]))
    np.testing.assert_allclose(found[0, 1], np.maximum(0, film + dull), rtol=1e-6)


def test_they_stand_beside_word_vectors_and_are_not_learned() -> None:
    regions = embedding(3)
    both = TokenEmbedding(VOCABULARY, 6, 0.0, 0.0, regions).eval()
    ids, mask = batch([[3, 4, 5], [6]])
    embedded = both(ids, mask)
    assert embedded.shape[-1] == 6 + DIM
    assert torch.equal(embedded[..., :6], both.table(ids))
    assert torch.equal(embedded[..., 6:], regions(ids, mask))
    assert not embedded[~mask].any()
    assert [name for name, _ in both.named_parameters()] == ["table.weight"]
    assert "regions.table" in both.state_dict()


def test_a_dropped_word_is_missing_in_the_regions_around_it_too() -> None:
    both = TokenEmbedding(VOCABULARY, 6, 0.999999, 0.0, embedding(3)).train()
    assert not both(*batch([[3, 4, 5]]))[..., 6:].any()

"""Batches hold every row once, stay within their limits, are almost free of padding, and give the texts back."""

from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from sentrec.data.batches import make_batch
from sentrec.text.encoding import EncodedTexts
from sentrec.text.padding import plan_batches
from sentrec.text.tokenizer import PADDING_ID

lengths_of_texts = st.lists(st.integers(1, 60), max_size=150).map(lambda lengths: np.array(lengths, dtype=np.int64))
seeds = st.none() | st.integers(0, 100)


def generator(seed: int | None) -> np.random.Generator | None:
    return None if seed is None else np.random.default_rng(seed)


def encoded_of(lengths: Any) -> EncodedTexts:
    """Texts whose tokens are all different, none of them padding."""
    offsets = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int64)
    return EncodedTexts(np.arange(1, offsets[-1] + 1, dtype=np.int32), offsets)


def imdb_like(rows: int) -> Any:
    """Lengths as IMDB has them: log-normal, median 205 tokens, cut at 400."""
    return np.minimum(np.random.default_rng(0).lognormal(5.32, 0.6, rows).astype(np.int64) + 1, 400)


@given(lengths_of_texts, st.integers(1, 20), st.integers(1, 200), seeds)
def test_every_row_is_in_one_batch_and_the_limits_hold(lengths: Any, size: int, tokens: int, seed: int | None) -> None:
    plan = plan_batches(lengths, size, tokens, generator(seed))
    assert sorted(row for batch in plan for row in batch) == list(range(len(lengths)))
    for batch in plan:
        assert 1 <= len(batch) <= size
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= tokens


@given(lengths_of_texts, st.integers(1, 20), st.integers(1, 200), st.integers(0, 100))
def test_a_seed_fixes_the_plan(lengths: Any, size: int, tokens: int, seed: int) -> None:
    first, second = (plan_batches(lengths, size, tokens, generator(seed)) for _ in range(2))
    assert [batch.tolist() for batch in first] == [batch.tolist() for batch in second]


def test_without_a_generator_the_shortest_come_first() -> None:
    plan = plan_batches(np.array([5, 1, 3, 1]), 2, 100)
    assert [batch.tolist() for batch in plan] == [[1, 3], [2, 0]]


def test_two_epochs_meet_different_texts_in_a_different_order() -> None:
    lengths, random = imdb_like(2000), np.random.default_rng(1)
    first, second = (plan_batches(lengths, 32, 32_000, random) for _ in range(2))
    shared = {frozenset(batch.tolist()) for batch in first} & {frozenset(batch.tolist()) for batch in second}
    assert not shared
    means = [lengths[batch].mean() for batch in first]
    assert means != sorted(means)


def test_padding_is_a_small_share() -> None:
    lengths = imdb_like(10_000)
    for random, most in ((None, 0.01), (np.random.default_rng(1), 0.05)):
        padded = sum(len(batch) * lengths[batch].max() for batch in plan_batches(lengths, 128, 32_000, random))
        assert 1 - lengths.sum() / padded < most


@given(lengths_of_texts.filter(len), st.integers(1, 8), st.integers(1, 100), seeds)
def test_batches_give_the_texts_back(lengths: Any, size: int, tokens: int, seed: int | None) -> None:
    encoded = encoded_of(lengths)
    for rows in plan_batches(lengths, size, tokens, generator(seed)):
        batch = make_batch(encoded, rows)
        assert batch.token_ids.shape == batch.mask.shape == (len(batch.rows), lengths[batch.rows].max())
        assert (batch.token_ids.dtype, batch.mask.dtype) == (torch.int64, torch.bool)
        assert (batch.token_ids[~batch.mask] == PADDING_ID).all()
        for row, ids, mask in zip(batch.rows, batch.token_ids, batch.mask, strict=True):
            expected = encoded.token_ids[encoded.offsets[row] : encoded.offsets[row + 1]]
            assert ids[mask].tolist() == expected.tolist()
            assert mask.tolist() == sorted(mask.tolist(), reverse=True), "padding comes last"


def test_rows_may_come_in_any_order_and_twice() -> None:
    batch = make_batch(encoded_of([1, 2, 3]), np.array([2, 0, 2]))
    assert batch.token_ids.tolist() == [[4, 5, 6], [1, 0, 0], [4, 5, 6]]

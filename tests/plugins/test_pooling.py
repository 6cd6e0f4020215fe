"""Pooling looks at real tokens only."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentrec_plugins.pooling import last_token, masked_max, masked_mean


@given(st.lists(st.integers(1, 8), min_size=1, max_size=5), st.integers(0, 3), st.floats(-100, 100))
def test_pooling_equals_pooling_each_text_alone_whatever_lies_in_the_padding(
    lengths: list[int], extra: int, garbage: float
) -> None:
    mask = torch.arange(max(lengths) + extra) < torch.tensor(lengths).unsqueeze(1)
    sequence = torch.randn(*mask.shape, 3).masked_fill(~mask.unsqueeze(-1), garbage)
    for row, length in enumerate(lengths):
        text = sequence[row, :length]
        torch.testing.assert_close(masked_mean(sequence, mask)[row], text.mean(0))
        assert masked_max(sequence, mask.unsqueeze(-1))[row].equal(text.amax(0))
        assert last_token(sequence, mask)[row].equal(text[-1])


def test_mean_of_a_long_bfloat16_text_is_exact() -> None:
    sequence = torch.ones(1, 1000, 2, dtype=torch.bfloat16)
    mean = masked_mean(sequence, torch.ones(1, 1000, dtype=torch.bool))
    assert mean.equal(torch.ones(1, 2))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_maximum_is_finite_in_every_precision(dtype: torch.dtype) -> None:
    sequence = torch.full((1, 3, 2), -1000.0, dtype=dtype)
    largest = masked_max(sequence, torch.tensor([[[True], [False], [False]]]))
    assert largest.equal(torch.full((1, 2), -1000.0, dtype=dtype))

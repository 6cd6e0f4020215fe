"""Pooling, SWEM and TextCNN look at real tokens only, and compute what their formulas say."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentrec_plugins.pooling import last_token, masked_max, masked_mean
from sentrec_plugins.swem import SWEM
from sentrec_plugins.textcnn import TextCNN
from torch import Tensor
from torch.nn import functional


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


EVERY_POOLING = [*itertools.permutations(("mean", "max", "attention"), 2), ("mean", "max", "attention")]


def swem(**options: object) -> SWEM:
    torch.manual_seed(0)
    return SWEM(SWEM.Config(**options), 4).eval()


def _texts(*lengths: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return torch.randn(*mask.shape, 4) * mask.unsqueeze(-1), mask


@pytest.mark.parametrize("pooling", EVERY_POOLING)
@pytest.mark.parametrize("length", [1, 2, 7])
def test_swem_features_equal_the_pooling_written_out_by_hand(pooling: tuple[str, ...], length: int) -> None:
    encoder = swem(pooling=pooling, heads=2)
    embedded, mask = _texts(length, 9)
    text = embedded[0, :length]
    expected = {"mean": text.mean(0), "max": text.amax(0)}
    if "attention" in pooling:
        weights = (text @ encoder.attention.weight.T).exp()
        expected["attention"] = ((weights / weights.sum(0)).T @ text).flatten()
    torch.testing.assert_close(encoder(embedded, mask)[0], torch.cat([expected[kind] for kind in pooling]))


def test_swem_the_order_of_the_words_does_not_matter() -> None:
    encoder = swem(pooling=["mean", "max", "attention"], hidden=5)
    embedded, mask = _texts(6)
    torch.testing.assert_close(encoder(embedded.flip(1), mask), encoder(embedded, mask))


def test_one_word_of_much_weight_outshouts_a_thousand_others() -> None:
    encoder = swem(pooling=["attention"])
    word = encoder.attention.weight[0].detach() * 100
    text = torch.cat([torch.zeros(1000, 4), word.unsqueeze(0)]).unsqueeze(0)
    torch.testing.assert_close(encoder(text, torch.ones(1, 1001, dtype=torch.bool))[0], word)


def test_bfloat16_changes_nothing_of_a_swem() -> None:
    encoder = swem(heads=2, hidden=3)
    embedded, mask = _texts(300, 40)
    with torch.autocast("cpu", torch.bfloat16):
        features = encoder(embedded, mask)
    assert features.dtype == torch.float32
    assert features.equal(encoder(embedded, mask))


def test_garbage_in_the_padding_is_not_read_by_a_swem() -> None:
    encoder = swem(pooling=["mean", "max", "attention"])
    embedded, mask = _texts(3, 8)
    assert encoder(embedded.masked_fill(~mask.unsqueeze(-1), 50.0), mask).equal(encoder(embedded, mask))


def textcnn(**options: object) -> TextCNN:
    torch.manual_seed(0)
    return TextCNN(TextCNN.Config(**options), 4).eval()


@pytest.mark.parametrize("length", [1, 2, 3, 12])
def test_textcnn_features_equal_a_convolution_written_out_by_hand(length: int) -> None:
    encoder = textcnn(filters=3, kernel_sizes=[2, 5])
    text = torch.randn(length, 4)
    padded = functional.pad(text, (0, 0, 0, 20 - length)).unsqueeze(0)
    features = encoder(padded, torch.arange(20).unsqueeze(0) < length)[0]

    expected = []
    for convolution, size in zip(encoder.convolutions, (2, 5), strict=True):
        around = functional.pad(text, (0, 0, (size - 1) // 2, size // 2))
        windows = torch.stack([around[start : start + size] for start in range(length)])
        values = torch.einsum("tkc,fck->tf", windows, convolution.weight) + convolution.bias
        expected.append(values.relu().amax(0))
    torch.testing.assert_close(features, torch.cat(expected), atol=1e-5, rtol=1e-5)


def test_garbage_in_the_padding_does_not_reach_the_last_tokens() -> None:
    encoder = textcnn(filters=5)
    text = torch.randn(1, 3, 4)
    garbage = torch.cat([text, torch.full((1, 4, 4), 50.0)], dim=1)
    mask = torch.tensor([[True] * 3 + [False] * 4])
    assert encoder(garbage, mask).allclose(encoder(text, mask[:, :3]), atol=1e-6)

"""The SWEM pools real words only, in any order, and exactly as its formulas say."""

import itertools
from typing import ClassVar

import pytest
import torch
from pydantic import ValidationError
from sentrec_plugins.swem import SWEM
from torch import Tensor

from sentrec.testing import EncoderConformance


class TestSWEM(EncoderConformance):
    encoder = SWEM


class TestSWEMWithSeveralHeads(EncoderConformance):
    encoder = SWEM
    config: ClassVar = {"heads": 3, "pooling": ["attention"]}


class TestSWEMOfMeanAndMaximum(EncoderConformance):
    encoder = SWEM
    config: ClassVar = {"pooling": ["mean", "max"]}


class TestDeepAveragingNetwork(EncoderConformance):
    encoder = SWEM
    config: ClassVar = {"pooling": ["mean"], "hidden": 16}


EVERY_POOLING = [*itertools.permutations(("mean", "max", "attention"), 2), ("mean", "max", "attention")]


def _encoder(**options: object) -> SWEM:
    torch.manual_seed(0)
    return SWEM(SWEM.Config(**options), 4).eval()


def _texts(*lengths: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return torch.randn(*mask.shape, 4) * mask.unsqueeze(-1), mask


@pytest.mark.parametrize("pooling", EVERY_POOLING)
@pytest.mark.parametrize("length", [1, 2, 7])
def test_features_equal_the_pooling_written_out_by_hand(pooling: tuple[str, ...], length: int) -> None:
    encoder = _encoder(pooling=pooling, heads=2)
    embedded, mask = _texts(length, 9)
    text = embedded[0, :length]
    expected = {"mean": text.mean(0), "max": text.amax(0)}
    if "attention" in pooling:
        weights = (text @ encoder.attention.weight.T).exp()
        expected["attention"] = ((weights / weights.sum(0)).T @ text).flatten()
    torch.testing.assert_close(encoder(embedded, mask)[0], torch.cat([expected[kind] for kind in pooling]))


def test_the_order_of_the_words_does_not_matter() -> None:
    encoder = _encoder(pooling=["mean", "max", "attention"], hidden=5)
    embedded, mask = _texts(6)
    torch.testing.assert_close(encoder(embedded.flip(1), mask), encoder(embedded, mask))


def test_one_word_of_much_weight_outshouts_a_thousand_others() -> None:
    encoder = _encoder(pooling=["attention"])
    word = encoder.attention.weight[0].detach() * 100
    text = torch.cat([torch.zeros(1000, 4), word.unsqueeze(0)]).unsqueeze(0)
    torch.testing.assert_close(encoder(text, torch.ones(1, 1001, dtype=torch.bool))[0], word)


def test_bfloat16_changes_nothing() -> None:
    encoder = _encoder(heads=2, hidden=3)
    embedded, mask = _texts(300, 40)
    with torch.autocast("cpu", torch.bfloat16):
        features = encoder(embedded, mask)
    assert features.dtype == torch.float32
    assert features.equal(encoder(embedded, mask))


def test_garbage_in_the_padding_is_not_read() -> None:
    encoder = _encoder(pooling=["mean", "max", "attention"])
    embedded, mask = _texts(3, 8)
    assert encoder(embedded.masked_fill(~mask.unsqueeze(-1), 50.0), mask).equal(encoder(embedded, mask))


@pytest.mark.parametrize(
    "options", [{"pooling": []}, {"pooling": ["sum"]}, {"pooling": "mean"}, {"heads": 0}, {"hidden": -1}, {"width": 3}]
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SWEM.Config(**options)

"""The encoder keeps sentrec's contract, and its own promises."""

from typing import ClassVar

import pytest
import torch
from pydantic import ValidationError
from sentrec_self_attention import SelfAttention, SelfAttentionConfig, positions

from sentrec.testing import EncoderConformance


class TestSelfAttention(EncoderConformance):
    """The encoder with its default options."""

    encoder = SelfAttention


class TestDeepSelfAttention(EncoderConformance):
    """Two layers of four heads."""

    encoder = SelfAttention
    config: ClassVar = {"width": 32, "heads": 4, "layers": 2}


def test_the_order_of_words_matters() -> None:
    """Without positions, attention would see a bag of words."""
    torch.manual_seed(0)
    encoder = SelfAttention(SelfAttentionConfig(), 8).eval()
    text, mask = torch.randn(1, 5, 8), torch.ones(1, 5, dtype=torch.bool)
    assert not encoder(text, mask).allclose(encoder(text.flip(1), mask), atol=1e-4)


def test_every_position_has_an_encoding_of_its_own() -> None:
    """No two of the first 500 positions look alike."""
    encodings = positions(500, 16, torch.device("cpu"))
    distances = torch.cdist(encodings, encodings) + torch.eye(500)
    assert float(distances.min()) > 0.01


def test_heads_that_cannot_share_the_width_are_refused() -> None:
    """The mistake shows before training starts."""
    with pytest.raises(ValidationError, match="cannot be shared among 3 heads"):
        SelfAttentionConfig(width=32, heads=3)

"""The TextCNN gives every text the answer it would get alone, whatever its length."""

import pytest
import torch
from pydantic import ValidationError
from sentrec_plugins.textcnn import TextCNN
from torch.nn import functional


def _encoder(**options: object) -> TextCNN:
    torch.manual_seed(0)
    return TextCNN(TextCNN.Config(**options), 4).eval()


@pytest.mark.parametrize("length", [1, 2, 3, 12])
def test_features_equal_a_convolution_written_out_by_hand(length: int) -> None:
    encoder = _encoder(filters=3, kernel_sizes=[2, 5])
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
    encoder = _encoder(filters=5)
    text = torch.randn(1, 3, 4)
    garbage = torch.cat([text, torch.full((1, 4, 4), 50.0)], dim=1)
    mask = torch.tensor([[True] * 3 + [False] * 4])
    assert encoder(garbage, mask).allclose(encoder(text, mask[:, :3]), atol=1e-6)


@pytest.mark.parametrize("options", [{"kernel_sizes": []}, {"kernel_sizes": [0]}, {"filters": 0}, {"width": 3}])
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TextCNN.Config(**options)

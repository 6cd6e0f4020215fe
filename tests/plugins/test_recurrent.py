"""The recurrent encoders read padded batches exactly as one text at a time."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentrec_plugins.bilstm import BiLSTM
from sentrec_plugins.gru import GRU
from sentrec_plugins.recurrent import RecurrentEncoder, reorder, reversing_index
from torch import Tensor, nn

from sentrec.testing import bfloat16_autocast


def _mask(lengths: list[int]) -> Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_reversal_turns_each_text_and_leaves_padding_in_place(lengths: list[int]) -> None:
    mask = _mask(lengths)
    batch = (torch.arange(mask.numel()).view(mask.shape) + 1).unsqueeze(-1)
    index = reversing_index(mask)
    turned = reorder(batch, index)
    for row, length in enumerate(lengths):
        assert turned[row, :length].equal(batch[row, :length].flip(0))
        assert turned[row, length:].equal(batch[row, length:])
    assert reorder(turned, index).equal(batch)


def _reference(encoder: RecurrentEncoder, layers: int) -> nn.RNNBase:
    """PyTorch's own bidirectional network with the encoder's weights."""
    config = encoder.config
    reference = encoder.network(encoder.input_size, config.hidden, layers, batch_first=True, bidirectional=True)
    state = {}
    for suffix, direction in (("", encoder.forward_layers), ("_reverse", encoder.backward_layers)):
        for number, layer in enumerate(direction):
            for name, value in layer.state_dict().items():
                state[name.replace("l0", f"l{number}") + suffix] = value
    reference.load_state_dict(state)
    return reference


@pytest.mark.parametrize("encoder_class", [BiLSTM, GRU])
@pytest.mark.parametrize("layers", [1, 2])
def test_features_equal_a_bidirectional_network_run_on_each_text_alone(
    encoder_class: type[RecurrentEncoder], layers: int
) -> None:
    torch.manual_seed(0)
    lengths = [5, 1, 9, 3]
    encoder = encoder_class(encoder_class.Config(hidden=6, layers=layers), 4).eval()
    reference = _reference(encoder, layers)
    mask = _mask(lengths)
    embedded = torch.randn(*mask.shape, 4) * mask.unsqueeze(-1)

    features = encoder(embedded, mask)

    for row, length in enumerate(lengths):
        states = reference(embedded[row : row + 1, :length])[0][0]
        mean, largest = states.mean(0), states.amax(0)
        expected = torch.cat([mean[:6], largest[:6], mean[6:], largest[6:]])
        torch.testing.assert_close(features[row], expected, atol=1e-6, rtol=1e-5)


def test_last_pooling_gives_the_end_state_of_each_direction() -> None:
    torch.manual_seed(0)
    encoder = BiLSTM(BiLSTM.Config(hidden=6, pooling="last"), 4).eval()
    mask = _mask([3, 7])
    embedded = torch.randn(*mask.shape, 4) * mask.unsqueeze(-1)
    _, (end_states, _) = _reference(encoder, 1)(embedded[:1, :3])
    torch.testing.assert_close(encoder(embedded, mask)[0], end_states.flatten(), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("encoder_class", [BiLSTM, GRU])
def test_bfloat16_stays_near_float32(encoder_class: type[RecurrentEncoder]) -> None:
    torch.manual_seed(0)
    encoder = encoder_class(encoder_class.Config(hidden=16), 8).eval()
    mask = _mask([300, 40])
    embedded = torch.randn(*mask.shape, 8) * mask.unsqueeze(-1)
    with bfloat16_autocast():
        features = encoder(embedded, mask)
    assert features.dtype == torch.float32
    torch.testing.assert_close(features, encoder(embedded, mask), atol=0.03, rtol=0.03)


def test_dropout_works_between_layers_only_while_training() -> None:
    encoder = GRU(GRU.Config(hidden=8, layers=2, dropout=0.5), 4)
    embedded, mask = torch.randn(2, 6, 4), _mask([6, 6])
    assert not encoder(embedded, mask).equal(encoder(embedded, mask))
    encoder.eval()
    assert encoder(embedded, mask).equal(encoder(embedded, mask))

"""Recurrent layers as single ONNX operators: torch would unroll some of them to the length of its example."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

_GATES: Mapping[type[nn.RNNBase], tuple[int, ...]] = {nn.LSTM: (0, 3, 1, 2), nn.GRU: (1, 0, 2)}
"""Where the gates of ONNX stand among those of torch: of an LSTM input, output, forget, cell; of a GRU z, r, h."""


class _Recurrent(nn.Module):
    """A layer as an operator; computes nothing but shapes, and is only to be exported."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.operator, self.hidden = layer.mode, layer.hidden_size
        order = _GATES[type(layer)]
        for name, value in layer.named_parameters():
            gates = value.detach().chunk(len(order))
            self.register_buffer(name.removesuffix("_l0"), torch.cat([gates[place] for place in order]))

    def forward(self, sequence: Tensor) -> tuple[Tensor, None]:
        """The states, ``(batch, tokens, hidden)``; nobody reads the last one by itself."""
        biases = torch.cat([self.bias_ih, self.bias_hh]).unsqueeze(0)
        weights = self.weight_ih.unsqueeze(0), self.weight_hh.unsqueeze(0), biases
        attributes: dict[str, Any] = {"hidden_size": self.hidden}
        if self.operator == "GRU":
            attributes["linear_before_reset"] = 1  # as torch computes it
        shape = (sequence.shape[1], 1, sequence.shape[0], self.hidden)
        states: Tensor = torch.onnx.ops.symbolic(
            self.operator, (sequence.transpose(0, 1), *weights), attributes, dtype=sequence.dtype, shape=shape
        )
        return states.squeeze(1).transpose(0, 1), None


def as_operators(model: nn.Module) -> None:
    """Puts operators in the place of a model's recurrent layers of one direction, which then computes no more."""
    for parent in [*model.modules()]:
        for name, layer in parent.named_children():
            if isinstance(layer, nn.RNNBase) and type(layer) in _GATES and _is_plain(layer):
                setattr(parent, name, _Recurrent(layer))


def _is_plain(layer: nn.RNNBase) -> bool:
    return layer.num_layers == 1 and layer.bias and layer.batch_first and not (layer.bidirectional or layer.proj_size)

"""Layers in operators that ONNX has, and weights in its graph.

What a run holds in int8 or float16 stays so, and is dequantized where it is used.

Of a table, such as embeddings or the weights of n-grams, only the rows that a batch needs become floats.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from sentrec.models.weights import BLOCK, Int8Tensor

_SMALLEST = 1024
"""A tensor of fewer numbers stays in float32: there is nothing to gain."""


def compress(model: Any, weights: Mapping[str, Tensor], int8: Mapping[str, Int8Tensor]) -> None:
    """Stores weights in int8 where their run does, and in float16 where that represents them exactly.

    `model` is an ``onnx.ModelProto``, changed in place; `weights` are the model's tensors by their names in the graph.
    """
    graph = model.graph
    builder = _Builder()
    gathers = {node.input[0]: node for node in graph.node if node.op_type == "Gather"}
    uses = [name for node in graph.node for name in node.input]
    kept, tables = [], {}
    for one in graph.initializer:
        tensor, quantized = weights.get(one.name), int8.get(one.name)
        if tensor is None or not tensor.is_floating_point() or tensor.numel() < _SMALLEST:
            kept.append(one)
        elif quantized is not None and one.name in gathers and uses.count(one.name) == 1:
            tables[gathers[one.name].output[0]] = quantized
        elif quantized is not None and quantized.rows is None:
            builder.dequantized(one.name, quantized)
        elif torch.equal(tensor.half().float(), tensor):
            builder.add("Cast", [builder.constant(tensor.half().numpy())], one.name, to=_FLOAT)
        else:
            kept.append(one)
    for node in graph.node:
        if (table := tables.get(node.output[0])) is not None:
            builder.rows(table, node.input[1], node.output[0])
        else:
            builder.nodes.append(node)
    nodes = list(builder.nodes)  # copies: the graph's own are about to go
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend([*kept, *builder.constants])


_FLOAT, _INT64 = 1, 7  # of onnx.TensorProto, which only an export imports


class _Builder:
    """Collects nodes, and the constants that they read."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._names = 0

    def add(self, operator: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        """Adds a node; gives the name of its output."""
        from onnx import helper

        output = output or self._name()
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def constant(self, values: npt.NDArray[Any]) -> str:
        """Adds a constant; gives its name."""
        from onnx import numpy_helper

        name = self._name()
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def dequantized(self, name: str, tensor: Int8Tensor) -> None:
        """A whole tensor: a runtime computes it once, when it loads the graph."""
        values = functional.pad(tensor.values, (0, -len(tensor.values) % BLOCK)).view(-1, BLOCK)
        blocks = self.add("Cast", [self.constant(values.numpy())], to=_FLOAT)
        scales = self.add("Cast", [self.constant(tensor.scales.view(-1, 1).numpy())], to=_FLOAT)
        flat = self.add("Reshape", [self.add("Mul", [blocks, scales]), self.constant(np.array([-1]))])
        ends = [self.constant(np.array([end])) for end in (0, len(tensor.values))]
        self.add("Reshape", [self.add("Slice", [flat, *ends]), self.constant(np.array(tensor.shape))], name)

    def rows(self, tensor: Int8Tensor, indices: str, output: str) -> None:
        """The rows of a table, ``(..., width)``, at indices, ``(...)``."""
        width = int(np.prod(tensor.shape[1:]))
        indices = self.add("Cast", [indices], to=_INT64)
        first = self.add("Mul", [indices, self.constant(np.array(width))])
        places = self.add("Unsqueeze", [first, self.constant(np.array([-1]))])
        places = self.add("Add", [places, self.constant(np.arange(width))])
        block = self.add("Div", [places, self.constant(np.array(BLOCK))])
        values, scales, switches = _by_place(tensor)
        if switches is not None:
            within = self.add("Mod", [places, self.constant(np.array(BLOCK))])
            switch = self.add("Cast", [self.add("Gather", [self.constant(switches), block])], to=_INT64)
            second = self.add("Cast", [self.add("GreaterOrEqual", [within, switch])], to=_INT64)
            block = self.add("Add", [self.add("Mul", [block, self.constant(np.array(2))]), second])
        steps = self.add("Cast", [self.add("Gather", [self.constant(values), indices])], to=_FLOAT)
        scale = self.add("Cast", [self.add("Gather", [self.constant(scales), block])], to=_FLOAT)
        self.add("Mul", [steps, scale], output)

    def _name(self) -> str:
        self._names += 1
        return f"sentrec_{self._names}"


def _by_place(tensor: Int8Tensor) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[np.uint8] | None]:
    """A table that can be read at any place: its values, ``(rows, width)``, scales, and where these change.

    Where rows of zeros are left out, the numbers of a block of places have the scales of at most two blocks that
    follow each other: both are given, one block after another, and from which place within the block the second holds.
    """
    rows, width = tensor.shape[0], int(np.prod(tensor.shape[1:]))
    if tensor.rows is None:
        return tensor.values.view(rows, width).numpy(), tensor.scales.numpy(), None
    filled = tensor.filled().numpy()
    values = np.zeros((rows, width), dtype=np.int8)
    values[filled] = tensor.values.view(-1, width).numpy()
    before = np.cumsum(filled) - filled
    stored = (before[:, None] * width + np.arange(width) * filled[:, None]).ravel() // BLOCK
    stored = np.pad(stored, (0, -len(stored) % BLOCK), mode="edge").reshape(-1, BLOCK)
    last = len(tensor.scales) - 1
    pairs = np.minimum(stored[:, :1] + np.arange(2), last)
    return values, tensor.scales.numpy()[pairs].ravel(), (stored == stored[:, :1]).sum(axis=1).astype(np.uint8)


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

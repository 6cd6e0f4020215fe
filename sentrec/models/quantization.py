"""Weights in fewer bytes: large tensors as int8 with a scale for every 64 numbers, the others as float16.

This is symmetric block-wise quantization as in section 2.1 of Dettmers et al. 2022, "8-bit Optimizers via Block-wise
Quantization": one large weight coarsens only the 63 others of its block. Rows of zeros, such as unused slots of a
hashed n-gram table, take a bit each.
"""

import json
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Quantized: TypeAlias = tuple[dict[str, Tensor], dict[str, str]]
"""What a safetensors file holds: tensors and metadata."""

METADATA = "sentrec.int8"
"""The key of the metadata that holds the shapes of the tensors in int8, as JSON."""
_FORMER_METADATA = "sentrec.compact"
BLOCK = 64
"""Numbers that share a scale."""
INT8_FROM = 100_000
"""A tensor of so many numbers becomes int8."""
_FLOAT16_FROM = 1024
"""A tensor of fewer numbers stays in float32: there is nothing to gain."""
_TOP = 127
_VALUES, _SCALES, _ROWS = ".int8", ".scale", ".rows"


def quantize(tensors: Mapping[str, Tensor], int8_from: int = INT8_FROM) -> Quantized:
    """Quantizes the weights of a model for a file that `dequantize` restores.

    Args:
        tensors: Tensors by name; those of integers stay as they are.
        int8_from: The number of elements from which on a tensor becomes int8.

    Raises:
        ValueError: If a number is not finite, or too large for float16.
    """
    parts: dict[str, Tensor] = {}
    shapes: dict[str, list[int]] = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point() or tensor.numel() < min(_FLOAT16_FROM, int8_from):
            parts[name] = tensor
        elif tensor.numel() < int8_from:
            parts[name] = _finite(tensor.half(), name)
        else:
            shapes[name] = list(tensor.shape)
            parts |= {name + suffix: part for suffix, part in _to_int8(_finite(tensor, name), name).items()}
    return parts, {METADATA: json.dumps(shapes)}


def dequantize(parts: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, Tensor]:
    """Restores what `quantize` stored, as float32; other files come back as they are.

    Args:
        parts: The tensors of the file.
        metadata: Its metadata.

    Raises:
        ValueError: If the parts do not fit together, or are of a format that is no longer read.
    """
    if _FORMER_METADATA in metadata:
        raise ValueError("its weights are in the format of an earlier version of sentrec; export the run again")
    if METADATA not in metadata:
        return dict(parts)
    rest, tensors = dict(parts), {}
    try:
        for name, shape in json.loads(metadata[METADATA]).items():
            rows = rest.pop(name + _ROWS, None)
            tensors[name] = _from_int8(rest.pop(name + _VALUES), rest.pop(name + _SCALES), rows, tuple(shape))
    except (AttributeError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ValueError(f"its int8 weights do not fit together: {error}") from error
    return tensors | {name: part.float() if part.dtype == torch.float16 else part for name, part in rest.items()}


def _to_int8(tensor: Tensor, name: str) -> dict[str, Tensor]:
    filled = tensor.reshape(len(tensor), -1).ne(0).any(dim=1)
    sparse = {_ROWS: torch.from_numpy(np.packbits(filled.numpy()))}
    numbers = (tensor[filled] if (~filled).sum() > len(filled) / 8 else tensor).flatten()
    blocks = functional.pad(numbers, (0, -len(numbers) % BLOCK)).view(-1, BLOCK)
    scales = _finite((blocks.abs().amax(dim=1, keepdim=True) / _TOP).half(), name)
    steps = (blocks / scales.float().clamp(min=torch.finfo(torch.float32).tiny)).round().clamp(-_TOP, _TOP)
    values = steps.to(torch.int8).flatten()[: len(numbers)]
    return {_VALUES: values, _SCALES: scales.flatten(), **(sparse if len(numbers) < tensor.numel() else {})}


def _from_int8(values: Tensor, scales: Tensor, rows: Tensor | None, shape: tuple[int, ...]) -> Tensor:
    blocks = functional.pad(values.float(), (0, -len(values) % BLOCK)).view(-1, BLOCK)
    if scales.shape != (len(blocks),) or not torch.isfinite(scales).all():
        raise ValueError(f"{len(blocks)} blocks have scales of shape {tuple(scales.shape)}, or some are not finite")
    numbers = (blocks * scales.float().unsqueeze(1)).flatten()[: len(values)]
    if rows is None:
        return numbers.view(shape)
    if len(rows) != -(-shape[0] // 8):
        raise ValueError(f"a bitmap of {len(rows)} bytes is not one of {shape[0]} rows")
    filled = torch.from_numpy(np.unpackbits(rows.numpy(), count=shape[0]).astype(bool))
    tensor = torch.zeros(shape)
    tensor[filled] = numbers.view(int(filled.sum()), *shape[1:])
    return tensor


def _finite(tensor: Tensor, name: str) -> Tensor:
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} holds numbers that are not finite, or too large for float16")
    return tensor.detach().cpu()

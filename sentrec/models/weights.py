"""Weights in safetensors files: written whole or not at all, checked when read, quantized for an export.

`quantize` stores large tensors as int8 with a scale for every 64 numbers, the others as float16: symmetric block-wise
quantization as in section 2.1 of Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization", so that a large
weight coarsens only the 63 others of its block. Rows of zeros, e.g. the unused ones of a hash table, take a bit each.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from sentrec.errors import RunError, shortened
from sentrec.files.storage import atomic_path

TRAIN_AGAIN = "It is missing, cut off or altered; train again."
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


@dataclass(frozen=True)
class Int8Tensor:
    """A quantized tensor as its file holds it."""

    values: Tensor  # steps, int8, shape ``(numbers,)``, in the order of the rows that are kept
    scales: Tensor  # what the steps of each block of 64 are multiplied by, float16, shape ``(blocks,)``
    rows: Tensor | None  # a bitmap of the rows that are kept, the others being zero; None: all
    shape: tuple[int, ...]  # of the tensor

    def filled(self) -> Tensor:
        """Which rows are kept, bool, shape ``(rows,)``."""
        if self.rows is None:
            return torch.ones(self.shape[0], dtype=torch.bool)
        if len(self.rows) != -(-self.shape[0] // 8):
            raise ValueError(f"a bitmap of {len(self.rows)} bytes is not one of {self.shape[0]} rows")
        return torch.from_numpy(np.unpackbits(self.rows.numpy(), count=self.shape[0]).astype(bool))

    def restored(self) -> Tensor:
        """The tensor, float32."""
        blocks = functional.pad(self.values.float(), (0, -len(self.values) % BLOCK)).view(-1, BLOCK)
        if self.scales.shape != (len(blocks),) or not torch.isfinite(self.scales).all():
            shape = tuple(self.scales.shape)
            raise ValueError(f"{len(blocks)} blocks have scales of shape {shape}, or some are not finite")
        numbers = (blocks * self.scales.float().unsqueeze(1)).flatten()[: len(self.values)]
        if self.rows is None:
            return numbers.view(self.shape)
        filled, tensor = self.filled(), torch.zeros(self.shape)
        tensor[filled] = numbers.view(int(filled.sum()), *self.shape[1:])
        return tensor


def load_weights(model: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Puts weights in place; a `RunError` if they are not those of this model."""
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = shortened(" ".join(str(error).partition("\n")[2].split()) or error, 200)
        raise RunError(f"the weights in {path} are not of this recipe's model: {reason}", TRAIN_AGAIN) from error


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes tensors as safetensors, atomically; a `SentrecError` if the disk is full or may not be written."""
    # Copies, because safetensors refuses views of one storage, which recurrent layers on CUDA are.
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(copies, temporary, metadata)
        except SafetensorError as error:
            raise _as_os_error(error, path) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file, quantized ones dequantized; a `RunError` if it is broken."""
    try:
        parts, metadata = _read(path)
        return dequantize(parts, metadata), metadata
    except ValueError as error:
        raise RunError(f"{path} cannot be read: {error}.", TRAIN_AGAIN) from error


def _read(path: Path) -> Quantized:
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.", TRAIN_AGAIN) from error


def read_int8(path: Path) -> dict[str, Int8Tensor]:
    """The quantized tensors of a safetensors file as they stand there; raises as `read_tensors`."""
    parts, metadata = _read(path)
    return _int8_tensors(parts, metadata)


def is_quantized(path: Path) -> bool:
    """Whether the weights of a file are quantized, as an export's are; raises as `read_tensors`."""
    return METADATA in read_tensors(path)[1]


def _as_os_error(error: SafetensorError, path: Path) -> OSError:
    # safetensors reports the system's refusals, a full disk among them, only as text.
    number = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(number[1]), os.strerror(int(number[1])), str(path)) if number else OSError(str(error))


def quantize(tensors: Mapping[str, Tensor], int8_from: int = INT8_FROM) -> Quantized:
    """Quantizes weights, int8 from so many elements on, for a file that `dequantize` restores; integers stay.

    Raises a `ValueError` if a number is not finite, or too large for float16.
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
    """Restores what `quantize` stored, as float32; a `ValueError` if the parts do not fit, or are too old."""
    if _FORMER_METADATA in metadata:
        raise ValueError("its weights are in the format of an earlier version of sentrec; export the run again")
    if METADATA not in metadata:
        return dict(parts)
    rest, tensors = dict(parts), {}
    for name, tensor in _int8_tensors(parts, metadata).items():
        try:
            tensors[name] = tensor.restored()
        except (AttributeError, RuntimeError, TypeError, ValueError) as error:
            raise ValueError(f"its int8 weights do not fit together: {error}") from error
        for suffix in (_VALUES, _SCALES, _ROWS):
            rest.pop(name + suffix, None)
    return tensors | {name: part.float() if part.dtype == torch.float16 else part for name, part in rest.items()}


def _int8_tensors(parts: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, Int8Tensor]:
    try:
        return {
            name: Int8Tensor(parts[name + _VALUES], parts[name + _SCALES], parts.get(name + _ROWS), tuple(shape))
            for name, shape in json.loads(metadata.get(METADATA, "{}")).items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"its int8 weights do not fit together: {error}") from error


def _to_int8(tensor: Tensor, name: str) -> dict[str, Tensor]:
    filled = tensor.reshape(len(tensor), -1).ne(0).any(dim=1)
    sparse = {_ROWS: torch.from_numpy(np.packbits(filled.numpy()))}
    numbers = (tensor[filled] if (~filled).sum() > len(filled) / 8 else tensor).flatten()
    blocks = functional.pad(numbers, (0, -len(numbers) % BLOCK)).view(-1, BLOCK)
    scales = _finite((blocks.abs().amax(dim=1, keepdim=True) / _TOP).half(), name)
    steps = (blocks / scales.float().clamp(min=torch.finfo(torch.float32).tiny)).round().clamp(-_TOP, _TOP)
    values = steps.to(torch.int8).flatten()[: len(numbers)]
    return {_VALUES: values, _SCALES: scales.flatten(), **(sparse if len(numbers) < tensor.numel() else {})}


def _finite(tensor: Tensor, name: str) -> Tensor:
    if not torch.isfinite(tensor).all():
        raise ValueError(f"{name} holds numbers that are not finite, or too large for float16")
    return tensor.detach().cpu()

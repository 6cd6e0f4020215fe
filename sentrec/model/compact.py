"""Weights in a small form: a file holds them in a byte or two a number, and they are expanded when it is read.

Three forms, chosen by what they were measured to cost on IMDB: word vectors in bytes with a scale a row move a
probability by 0.0001 on average; the weightiest 500,000 of 1.5 million n-grams, in bytes, by 0.001; 16-bit floats by
less than either.
"""

import json
from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Form = Literal["rows", "slots", "half"]
"""``rows``: a byte a number, a scale a row. ``slots``: rows that are not zero only. ``half``: 16-bit floats."""

METADATA = "sentrec.compact"
"""The key of a safetensors file's metadata that tells which tensors are in which form, as JSON."""

_TOP = 127
_FAR = 255
"""A gap that says: so many empty slots, and still none that is filled."""
_BYTES, _SCALE, _GAPS = ".bytes", ".scale", ".gaps"


def compact(tensors: Mapping[str, Tensor], forms: Mapping[str, Form]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Puts tensors into small forms, for a safetensors file that `expand` makes whole again.

    Args:
        tensors: Float tensors by name, those of ``rows`` and ``slots`` with two dimensions.
        forms: The form of each tensor that is not to stay as it is.

    Returns:
        What to write: tensors and metadata.

    Raises:
        ValueError: If a number is not finite, or too large for the form.
    """
    parts: dict[str, Tensor] = {}
    notes: dict[str, dict[str, object]] = {}
    for name, tensor in tensors.items():
        form = forms.get(name)
        if form is None:
            parts[name] = tensor
            continue
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} holds numbers that are not finite")
        notes[name] = {"form": form, "shape": list(tensor.shape)}
        parts |= {name + suffix: part for suffix, part in _PACK[form](tensor.detach().cpu().float()).items()}
    return parts, ({METADATA: json.dumps(notes)} if notes else {})


def expand(parts: Mapping[str, Tensor], metadata: Mapping[str, str]) -> dict[str, Tensor]:
    """The tensors of a file as float32, whichever form they were in; those in no small form as they are.

    Args:
        parts: The tensors of the file.
        metadata: Its metadata.

    Raises:
        ValueError: If the parts do not fit together.
    """
    if METADATA not in metadata:
        return dict(parts)
    tensors, rest = {}, dict(parts)
    try:
        for name, note in json.loads(metadata[METADATA]).items():
            form, shape = note["form"], tuple(note["shape"])
            own = {suffix: rest.pop(name + suffix) for suffix in _PARTS[form]}
            tensors[name] = _UNPACK[form](own, shape)
            if tensors[name].shape != shape:
                raise ValueError(f"{name} is of shape {tuple(tensors[name].shape)} and should be of {shape}")
    except (AttributeError, KeyError, TypeError, IndexError, RuntimeError) as error:
        raise ValueError(f"its compact weights do not fit together: {error}") from error
    return tensors | rest


def _pack_rows(matrix: Tensor) -> dict[str, Tensor]:
    # Half a percent more than needed, so that the scale, rounded to 8 bits, is never too small for the largest number.
    scale = (matrix.abs().amax(dim=1, keepdim=True) / _TOP * 1.005).bfloat16()
    return {_BYTES: _rounded(matrix, scale.float()), _SCALE: scale}


def _unpack_rows(parts: Mapping[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    return parts[_BYTES].float() * parts[_SCALE].float()


def _pack_slots(table: Tensor) -> dict[str, Tensor]:
    filled = table.ne(0).any(dim=1).nonzero()[:, 0]
    # Weights lie close to zero, with a few far away: of their square roots, a byte tells more of the small ones.
    roots = table[filled].abs().sqrt() * table[filled].sign()
    scale = table.abs().amax(dim=0, keepdim=True).sqrt() / _TOP
    return {_GAPS: torch.from_numpy(_gaps(filled.numpy())), _BYTES: _rounded(roots, scale), _SCALE: scale}


def _unpack_slots(parts: Mapping[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    roots = parts[_BYTES].float() * parts[_SCALE]
    table = torch.zeros(shape)
    # The last of equal indices would win and a negative one would count from the end; `_slots` gives neither.
    table[torch.from_numpy(_slots(parts[_GAPS].numpy()))] = roots.square() * roots.sign()
    return table


def _gaps(filled: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Ascending slots as the number of empty ones before each, in a byte, or several where it is large."""
    empty = np.diff(filled, prepend=-1) - 1
    far, rest = np.divmod(empty, _FAR)
    gaps = np.full(len(filled) + int(far.sum()), _FAR, dtype=np.uint8)
    gaps[np.cumsum(far + 1) - 1] = rest
    return gaps


def _slots(gaps: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    is_filled: npt.NDArray[np.bool_] = gaps != _FAR
    slots: npt.NDArray[np.int64] = np.cumsum(gaps, dtype=np.int64) + np.cumsum(is_filled) - 1
    return np.compress(is_filled, slots)


def _pack_half(tensor: Tensor) -> dict[str, Tensor]:
    half = tensor.half()
    if not torch.isfinite(half).all():
        raise ValueError(f"{float(tensor.abs().max()):g} is too large for a 16-bit float")
    return {"": half}


def _unpack_half(parts: Mapping[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    return parts[""].float()


def _rounded(numbers: Tensor, scale: Tensor) -> Tensor:
    # A scale of zero is that of nothing but zeros.
    return (numbers / torch.where(scale > 0, scale, 1.0)).round().clamp(-_TOP, _TOP).to(torch.int8)


_PACK = {"rows": _pack_rows, "slots": _pack_slots, "half": _pack_half}
_UNPACK = {"rows": _unpack_rows, "slots": _unpack_slots, "half": _unpack_half}
_PARTS = {"rows": (_BYTES, _SCALE), "slots": (_GAPS, _BYTES, _SCALE), "half": ("",)}

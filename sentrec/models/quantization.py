"""Weights in a small form: a file holds them in a byte or two a number, and they are expanded when it is read.

Five forms, chosen by what they were measured to cost on IMDB: word vectors in bytes with a scale a row move a
probability by 0.0001 on average; vectors of words or regions in half bytes, those of common words in bytes, by 0.001
(all in half bytes by 0.0035, and by 0.005 without their square roots); 16-bit floats by less than any. Of 3.6 million
n-grams, all of which say something, the weightiest 710,000 in bytes move it by 0.0065, and 1.4 million in the same
room, one of eight in a byte and the others in half bytes, by 0.0034 (all in half bytes by 0.011).
"""

import json
from collections.abc import Mapping
from operator import itemgetter
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentrec.models.packing import (
    NIBBLE_TOP,
    TOP,
    from_gaps,
    pair_nibbles,
    place_rows,
    round_to,
    scale_of_roots,
    signed_roots,
    signed_squares,
    split_nibbles,
    to_gaps,
)

Form = Literal["rows", "nibbles", "slots", "tiers", "half"]
"""In which small form a tensor is.

- ``rows``: a byte a number and a scale a row, for a table of which most rows are not zero.
- ``nibbles``: that for the first 4,000 rows that are not zero, and half a byte a number for the others, which are to be
  rarer words.
- ``slots``: a byte a number and a scale a column, for a table of which most rows are zero.
- ``tiers``: that for an eighth of the rows that are not zero, where it matters most, and half a byte a number for the
  others.
- ``half``: 16-bit floats.
"""
Packed: TypeAlias = tuple[dict[str, Tensor], dict[str, str]]
"""What a safetensors file is to hold: tensors and metadata."""
TIERS_COST = 0.625
"""Bytes that a number of a filled row takes in ``tiers``, beside those that tell which rows are filled."""

METADATA = "sentrec.compact"
"""The key of a safetensors file's metadata that tells which tensors are in which form, as JSON."""

_IN_BYTES = 4000
"""The first rows of ``nibbles``: in a vocabulary sorted by frequency, nine of ten words of a text."""
_ONE_IN_BYTES = 8
"""Of so many rows in ``tiers``, one is in bytes."""
_ESCAPE = 2 * NIBBLE_TOP + 1
"""Half a byte that says: this number is among those in bytes."""
_COARSE, _FINE = 0.02, 0.0025
"""In ``tiers`` some quantile of the numbers is the largest that half a byte tells: steps of the search for the best.

They are so fine that numbers which were in tiers before come back as they are, if no row of them was rounded to zero.
"""
_BYTES, _NIBBLES, _SCALE, _GAPS, _BITS, _EMPTY = ".bytes", ".nibbles", ".scale", ".gaps", ".bits", ".empty"


def compact(
    tensors: Mapping[str, Tensor], forms: Mapping[str, Form], costs: Mapping[str, Tensor] | None = None
) -> Packed:
    """Puts tensors into small forms, for a safetensors file that `expand` makes whole again.

    Args:
        tensors: Float tensors by name, with two dimensions unless they become ``half``.
        forms: The form of each tensor that is not to stay as it is.
        costs: For tensors that become ``tiers``, what a squared error costs in each row; without it, in all the same.

    Returns:
        What to write: tensors and metadata.

    Raises:
        ValueError: If a number is not finite, or too large for the form.
    """
    parts: dict[str, Tensor] = {}
    notes: dict[str, dict[str, object]] = {}
    for name, tensor in tensors.items():
        if (form := forms.get(name)) is None:
            parts[name] = tensor
            continue
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} holds numbers that are not finite")
        notes[name] = {"form": form, "shape": list(tensor.shape)}
        whole = tensor.detach().cpu().float()
        packed = _pack_tiers(whole, (costs or {}).get(name)) if form == "tiers" else _PACK[form](whole)
        parts |= {name + suffix: part for suffix, part in packed.items()}
    return parts, ({METADATA: json.dumps(notes)} if notes else {})


def join_compact(first: Packed, second: Packed) -> Packed:
    """What `compact` made of some tensors, and what of others, as one."""
    notes = [json.loads(metadata.get(METADATA, "{}")) for _, metadata in (first, second)]
    return first[0] | second[0], {METADATA: json.dumps(notes[0] | notes[1])}


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
            own = {suffix: rest.pop(name + suffix) for suffix in _PARTS[form] if name + suffix in rest}
            tensors[name] = _UNPACK[form](own, shape)
            if tensors[name].shape != shape:
                raise ValueError(f"{name} is of shape {tuple(tensors[name].shape)} and should be of {shape}")
    except (AttributeError, KeyError, TypeError, IndexError, RuntimeError) as error:
        raise ValueError(f"its compact weights do not fit together: {error}") from error
    return tensors | rest


def _pack_rows(matrix: Tensor) -> dict[str, Tensor]:
    is_filled = matrix.ne(0).any(dim=1)
    rows = matrix[is_filled]
    scale = _scale_of(rows, TOP)
    return {_EMPTY: to_gaps(~is_filled), _BYTES: round_to(rows, scale.float()), _SCALE: scale}


def _unpack_rows(parts: Mapping[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    return place_rows(_times(parts[_BYTES], parts[_SCALE]), _filled(parts, shape), shape)


def _pack_nibbles(matrix: Tensor) -> dict[str, Tensor]:
    is_filled = matrix.ne(0).any(dim=1)
    often, seldom = matrix[is_filled].tensor_split([_IN_BYTES])
    roots = signed_roots(seldom)
    scale = _scale_of(roots, NIBBLE_TOP)
    nibbles = round_to(roots, scale.float(), NIBBLE_TOP) + NIBBLE_TOP
    parts = _pack_rows(often)
    return {
        _EMPTY: to_gaps(~is_filled),
        _BYTES: parts[_BYTES],
        _NIBBLES: pair_nibbles(nibbles),
        _SCALE: torch.cat([parts[_SCALE], scale]),
    }


def _unpack_nibbles(parts: Mapping[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    often = parts[_BYTES]
    numbers = split_nibbles(parts[_NIBBLES], shape[1]).float() - NIBBLE_TOP
    scale, scale_of_roots = parts[_SCALE].tensor_split([len(often)])
    rows = torch.cat([_times(often, scale), signed_squares(_times(numbers, scale_of_roots))])
    return place_rows(rows, _filled(parts, shape), shape)


def _pack_slots(table: Tensor) -> dict[str, Tensor]:
    is_filled = table.ne(0).any(dim=1)
    scale = scale_of_roots(table)
    return {_GAPS: to_gaps(is_filled), _BYTES: round_to(signed_roots(table[is_filled]), scale), _SCALE: scale}


def _unpack_slots(parts: Mapping[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    return place_rows(signed_squares(parts[_BYTES].float() * parts[_SCALE]), from_gaps(parts[_GAPS].numpy()), shape)


def _pack_tiers(table: Tensor, cost: Tensor | None) -> dict[str, Tensor]:
    is_filled = table.ne(0).any(dim=1)
    rows = table[is_filled]
    cost = torch.ones(len(rows)) if cost is None else cost[is_filled].float()
    step, in_bytes = _step_and_bytes(rows, cost)
    nibbles = round_to(rows, step, NIBBLE_TOP) + NIBBLE_TOP
    nibbles[in_bytes] = _ESCAPE
    scale, gaps, bits = scale_of_roots(table), to_gaps(is_filled), torch.from_numpy(np.packbits(is_filled.numpy()))
    return {
        **({_GAPS: gaps} if len(gaps) < len(bits) else {_BITS: bits}),
        _BYTES: round_to(signed_roots(rows[in_bytes]), scale),
        _NIBBLES: pair_nibbles(nibbles.reshape(1, -1)),
        _SCALE: torch.cat([scale, step]),
    }


def _step_and_bytes(rows: Tensor, cost: Tensor) -> tuple[Tensor, Tensor]:
    """The step of half bytes that costs least in all rows but those that are in bytes for it; and which these are."""
    ordered = rows.abs().sort(dim=0).values

    def tried(share: float) -> tuple[float, float, Tensor, Tensor]:
        largest = ordered[round(share * (len(rows) - 1))] if len(rows) else rows.new_zeros(rows.shape[1])
        step = largest.unsqueeze(0) / NIBBLE_TOP
        errors = (rows - round_to(rows, step, NIBBLE_TOP) * step).square().sum(dim=1) * cost
        most, in_bytes = errors.topk(-(-len(rows) // _ONE_IN_BYTES))
        return float(errors.sum() - most.sum()), share, step, in_bytes.sort().values

    near = min(map(tried, np.arange(0.5, 1.0 + _FINE, _COARSE)), key=itemgetter(0))[1]
    shares = np.arange(near - _COARSE, min(near + _COARSE, 1.0) + _FINE / 2, _FINE)
    _, _, step, in_bytes = min(map(tried, shares), key=itemgetter(0))
    return step, in_bytes


def _unpack_tiers(parts: Mapping[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    slots = (
        from_gaps(parts[_GAPS].numpy())
        if _GAPS in parts
        else np.flatnonzero(np.unpackbits(parts[_BITS].numpy(), count=shape[0]))
    )
    # In one row: the numbers of all rows, and a half byte to spare where they are odd.
    if parts[_NIBBLES].shape != (1, -(-len(slots) * shape[1] // 2)):
        raise ValueError(f"{len(slots)} rows have half bytes of shape {tuple(parts[_NIBBLES].shape)}")
    nibbles = split_nibbles(parts[_NIBBLES], len(slots) * shape[1]).reshape(len(slots), shape[1])
    scale, step = parts[_SCALE]
    rows, in_bytes = (nibbles.float() - NIBBLE_TOP) * step, nibbles[:, 0] == _ESCAPE
    exact = signed_squares(parts[_BYTES].float() * scale)
    if len(exact) != int(in_bytes.sum()):
        raise ValueError(f"{len(exact)} rows are in bytes, and should be {int(in_bytes.sum())}")
    rows[in_bytes] = exact
    return place_rows(rows, slots, shape)


def _scale_of(rows: Tensor, top: int) -> Tensor:
    # Half a percent more than needed, so that the scale, rounded to 8 bits, is never too small for the largest number.
    return (rows.abs().amax(dim=1, keepdim=True) / top * 1.005).bfloat16()


def _times(rows: Tensor, scale: Tensor) -> Tensor:
    if scale.shape != (len(rows), 1):
        raise ValueError(f"{len(rows)} rows have scales of shape {tuple(scale.shape)}")
    return rows.float() * scale.float()


def _filled(parts: Mapping[str, Tensor], shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """The rows that are not zero; all of them in an older file, which holds rows of zeros too."""
    every = np.arange(shape[0])
    return np.delete(every, from_gaps(parts[_EMPTY].numpy())) if _EMPTY in parts else every


def _pack_half(tensor: Tensor) -> dict[str, Tensor]:
    half = tensor.half()
    if not torch.isfinite(half).all():
        raise ValueError(f"{float(tensor.abs().max()):g} is too large for a 16-bit float")
    return {"": half}


def _unpack_half(parts: Mapping[str, Tensor], shape: tuple[int, ...]) -> Tensor:
    return parts[""].float()


_PACK = {"rows": _pack_rows, "nibbles": _pack_nibbles, "slots": _pack_slots, "half": _pack_half}
_UNPACK = {
    "rows": _unpack_rows,
    "nibbles": _unpack_nibbles,
    "slots": _unpack_slots,
    "tiers": _unpack_tiers,
    "half": _unpack_half,
}
_PARTS = {
    "rows": (_EMPTY, _BYTES, _SCALE),
    "nibbles": (_EMPTY, _BYTES, _NIBBLES, _SCALE),
    "slots": (_GAPS, _BYTES, _SCALE),
    "tiers": (_GAPS, _BITS, _BYTES, _NIBBLES, _SCALE),
    "half": ("",),
}

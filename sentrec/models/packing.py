"""What the small forms of weights are made of: rounded numbers, half bytes, and places in a byte or less."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

TOP = 127
"""The largest number of a byte."""
NIBBLE_TOP = 7
"""That of half a byte."""
_FAR = 255
"""A gap that says: so many empty slots, and still none that is filled."""


def scale_of_roots(table: Tensor) -> Tensor:
    """The step of bytes that tell the roots of a table's numbers, for each column, ``(1, columns)``."""
    return table.abs().amax(dim=0, keepdim=True).sqrt() / TOP


def signed_roots(numbers: Tensor) -> Tensor:
    """Square roots with their signs: weights lie close to zero, and of roots a byte tells more of the small ones."""
    return numbers.abs().sqrt() * numbers.sign()


def signed_squares(roots: Tensor) -> Tensor:
    """The numbers that `signed_roots` was given."""
    return roots.square() * roots.sign()


def place_rows(rows: Tensor, slots: npt.NDArray[np.int64], shape: tuple[int, ...]) -> Tensor:
    """A table of zeros but for these rows, in ascending slots.

    Raises:
        ValueError: If there are not as many rows as slots, or they are not as wide as the table.
    """
    # A single row would be written into every slot.
    if rows.shape != (len(slots), *shape[1:]):
        raise ValueError(f"{len(slots)} rows are of shape {tuple(rows.shape)}, in a table of {shape}")
    table = torch.zeros(shape)
    # The last of equal indices would win and a negative one would count from the end; `from_gaps` gives neither.
    table[torch.from_numpy(slots)] = rows
    return table


def to_gaps(chosen: Tensor) -> Tensor:
    """The chosen slots as the number of others before each, in a byte, or several where it is large."""
    others = np.diff(np.flatnonzero(chosen.numpy()), prepend=-1) - 1
    far, rest = np.divmod(others, _FAR)
    gaps = np.full(len(others) + int(far.sum()), _FAR, dtype=np.uint8)
    gaps[np.cumsum(far + 1) - 1] = rest
    return torch.from_numpy(gaps)


def from_gaps(gaps: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """The slots that `to_gaps` was told, ascending."""
    is_chosen: npt.NDArray[np.bool_] = gaps != _FAR
    slots: npt.NDArray[np.int64] = np.cumsum(gaps, dtype=np.int64) + np.cumsum(is_chosen) - 1
    return np.compress(is_chosen, slots)


def round_to(numbers: Tensor, scale: Tensor, top: int = TOP) -> Tensor:
    """Numbers as whole steps, int8, from ``-top`` to ``top``; the step is `scale`."""
    # A scale of zero is that of nothing but zeros.
    return (numbers / torch.where(scale > 0, scale, 1.0)).round().clamp(-top, top).to(torch.int8)


def pair_nibbles(nibbles: Tensor) -> Tensor:
    """The first half of each row's numbers in the upper half of bytes, the second half in the lower."""
    high, low = functional.pad(nibbles, (0, nibbles.shape[1] % 2)).to(torch.uint8).chunk(2, dim=1)
    return (high << 4) | low


def split_nibbles(both: Tensor, width: int) -> Tensor:
    """The half bytes that `pair_nibbles` was given, in rows of this width."""
    return torch.cat([both >> 4, both & 15], dim=1)[:, :width]

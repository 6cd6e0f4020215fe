"""Pooling over the tokens of a text that padding cannot influence.

Sequences have the shape ``(batch, tokens, width)``; masks, ``(batch, tokens)``, are True where there is a token.
"""

import torch
from torch import Tensor


def masked_mean(sequence: Tensor, mask: Tensor) -> Tensor:
    """The mean over the real tokens, float32, ``(batch, width)``; summed so that long texts stay exact in bfloat16."""
    total = (sequence * mask.unsqueeze(-1)).sum(dim=1, dtype=torch.float32)
    return total / mask.sum(dim=1, keepdim=True)


def masked_max(sequence: Tensor, mask: Tensor, dim: int = 1) -> Tensor:
    """The largest value over the real tokens, which are at `dim` of a sequence of any shape; the mask broadcasts."""
    # A finite filling value: -inf would turn into NaN where a gradient multiplies it by zero.
    filled = sequence.masked_fill(~mask, torch.finfo(sequence.dtype).min)
    # The gradient of `max` goes to one position instead of being divided among ties; without one, `amax` is faster.
    return filled.max(dim=dim).values if filled.requires_grad else filled.amax(dim=dim)


def last_token(sequence: Tensor, mask: Tensor) -> Tensor:
    """The value at the last real token, ``(batch, width)``; padding is at the end."""
    rows = torch.arange(len(sequence), device=sequence.device)
    return sequence[rows, mask.sum(dim=1) - 1]

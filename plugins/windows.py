"""Long texts in windows: cut when they are encoded, told apart again when a batch is computed."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn


def window_starts(tokens: int, size: int) -> npt.NDArray[np.int64]:
    """Where windows of `size` tokens begin that cover a text; the last one ends where the text ends."""
    return np.minimum(np.arange(0, max(tokens, 1), size), max(tokens - size, 0))


def in_windows(compute: Callable[[Tensor, Tensor], Tensor], values: Tensor, mask: Tensor, size: int) -> Tensor:
    """What `compute` makes of the windows of each text, joined again.

    Args:
        compute: Takes values and a mask of windows, gives ``(windows, tokens, width)``, or ``(windows, width)``.
        values: Token ids or states, shape ``(batch, tokens, ...)``; the windows of a text stand one behind another.
        mask: Where there is a token, shape ``(batch, tokens)``.
        size: Tokens of a window; all windows of a text that has more than one are full.

    Returns:
        Outputs of the tokens where they were, or the mean over the windows of each text.
    """
    batch, tokens = mask.shape
    if tokens <= size:
        return compute(values, mask)
    padding = -tokens % size
    split = nn.functional.pad(values, (*(0, 0) * (values.ndim - 2), 0, padding)).reshape(-1, size, *values.shape[2:])
    masks = nn.functional.pad(mask, (0, padding)).reshape(-1, size)
    full = masks.any(dim=1)
    found = compute(split[full], masks[full])
    joined = torch.zeros(len(full), *found.shape[1:], dtype=found.dtype, device=found.device)
    joined[full] = found
    if found.ndim == 3:
        return joined.reshape(batch, -1, found.shape[-1])[:, :tokens]
    counts = full.reshape(batch, -1).sum(dim=1, keepdim=True)
    return joined.reshape(batch, -1, found.shape[-1]).sum(dim=1) / counts

"""Batches: padded texts as tensors."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentrec.text.encoding import EncodedTexts, Keep
from sentrec.text.padding import padded


@dataclass(frozen=True)
class Batch:
    """Some texts, padded to the longest of them.

    Attributes:
        rows: Which texts these are, shape ``(batch,)``.
        token_ids: int64, shape ``(batch, tokens)``.
        mask: True where there is a token, bool, shape ``(batch, tokens)``.
        beside: The same texts as another model reads them, for one that is stacked on it.
    """

    rows: npt.NDArray[np.int64]
    token_ids: Tensor
    mask: Tensor
    beside: "Batch | None" = None

    @property
    def tokens(self) -> int:
        """How many tokens it holds, padding not counted."""
        return int(self.mask.sum())

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device; to CUDA without waiting for it, which only page-locked memory allows."""
        beside = self.beside.to(device) if self.beside else None
        return Batch(self.rows, to_device(self.token_ids, device), to_device(self.mask, device), beside)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Brings a tensor to a device; to CUDA without waiting for it."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def make_batch(
    encoded: EncodedTexts,
    rows: npt.NDArray[np.int64],
    multiple: int = 1,
    max_tokens: int | None = None,
    keep: Keep = "head",
) -> Batch:
    """A batch of some texts; see `sentrec.text.padding.padded`."""
    token_ids, mask = padded(encoded, rows, multiple, max_tokens, keep)
    return Batch(rows, torch.from_numpy(token_ids), torch.from_numpy(mask))

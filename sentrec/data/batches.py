"""Batches that hold a number of tokens, from texts of like length, so that there is almost no padding."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentrec.text.encoding import EncodedTexts, Keep, places_before_cut
from sentrec.text.tokenizer import PADDING_ID

_LENGTH_JITTER = 0.05


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


def plan_batches(
    lengths: npt.NDArray[np.int64], batch_size: int, batch_tokens: int, generator: np.random.Generator | None = None
) -> list[npt.NDArray[np.int64]]:
    """Groups texts of like length into batches: the rows of each, every row exactly once.

    Args:
        lengths: Tokens of each text, shape ``(texts,)``.
        batch_size: Most texts in a batch.
        batch_tokens: Most tokens in a batch, padding included (a single longer text still gets a batch).
        generator: Draws which texts meet and the order of the batches; None: fixed, the shortest first.
    """
    key = lengths.astype(np.float64)
    if generator is not None:
        # A little noise lets different texts meet in every epoch while their lengths stay alike.
        key = key * generator.uniform(1 - _LENGTH_JITTER, 1 + _LENGTH_JITTER, len(key)) + generator.random(len(key))
    order = np.argsort(key, kind="stable")
    batches, start, longest = [], 0, 0
    for position, length in enumerate(lengths[order].tolist()):
        longest = max(longest, length)
        size = position - start + 1
        if size > 1 and (size > batch_size or size * longest > batch_tokens):
            batches.append(order[start:position])
            start, longest = position, length
    if start < len(order):
        batches.append(order[start:])
    return batches if generator is None else [batches[index] for index in generator.permutation(len(batches))]


def make_batch(
    encoded: EncodedTexts,
    rows: npt.NDArray[np.int64],
    multiple: int = 1,
    max_tokens: int | None = None,
    keep: Keep = "head",
) -> Batch:
    """Pads the texts in `rows` to the longest of them, rounded up to a multiple of `multiple` tokens.

    Few different widths (`multiple`) spare oneDNN from keeping code for each; `keep` is what stays of a text that is
    longer than `max_tokens`.
    """
    starts = encoded.offsets[rows]
    lengths = encoded.offsets[rows + 1] - starts
    columns = np.arange(-(-int(lengths.max()) // multiple) * multiple)
    if max_tokens is None or len(columns) <= max_tokens:
        mask, places = columns < lengths[:, None], columns
    else:
        columns = columns[:max_tokens]
        mask, places = columns < lengths[:, None], places_before_cut(columns, lengths[:, None], max_tokens, keep)
    source = np.where(mask, starts[:, None] + places, 0)
    token_ids = np.where(mask, encoded.token_ids[source], PADDING_ID).astype(np.int64)
    return Batch(rows, torch.from_numpy(token_ids), torch.from_numpy(mask))

"""Encoded texts as padded arrays: what meets in a batch, and which part of a text a model reads of it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.text.encoding import EncodedTexts, Keep, places_before_cut
from sentrec.text.tokenizer import PADDING_ID

INFERENCE_BATCH_SIZE = 256
INFERENCE_BATCH_TOKENS = 32_768
LENGTH_MULTIPLE = 8
"""oneDNN keeps code for every shape that it meets: with few shapes, memory does not grow with the number of texts."""
_LENGTH_JITTER = 0.05


@dataclass(frozen=True)
class ModelInput:
    """An array of token ids that a model takes: its name, and which part of a text it holds."""

    name: str  # the name
    max_tokens: int  # most tokens of a text
    keep: Keep  # which part of a longer text


def plan_batches(
    lengths: npt.NDArray[np.int64], batch_size: int, batch_tokens: int, generator: np.random.Generator | None = None
) -> list[npt.NDArray[np.int64]]:
    """Groups texts of like length into batches: the rows of each, every row exactly once.

    A batch holds at most `batch_size` texts and `batch_tokens` tokens, padding included (a single longer text still
    gets one). The `generator` draws which texts meet and the order of the batches; None: fixed, the shortest first.
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


def evaluation_plan(encoded: EncodedTexts) -> list[npt.NDArray[np.int64]]:
    """The rows of each batch in which texts are scored."""
    return plan_batches(encoded.lengths(), INFERENCE_BATCH_SIZE, INFERENCE_BATCH_TOKENS)


def padded(
    encoded: EncodedTexts,
    rows: npt.NDArray[np.int64],
    multiple: int = 1,
    max_tokens: int | None = None,
    keep: Keep = "head",
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Token ids, int64, and their mask, True where there is a token: both ``(rows, tokens)``, of the longest text.

    Its length is rounded up to a multiple of `multiple`. `keep` is what stays of a text longer than `max_tokens`.
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
    return np.where(mask, encoded.token_ids[source], PADDING_ID).astype(np.int64), mask

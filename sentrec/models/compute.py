"""Computes logits and features of many texts: batches by length, exact arithmetic, clear errors."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from sentrec.data.batches import Batch, plan_batches
from sentrec.errors import SentrecError
from sentrec.text.encoding import EncodedTexts

INFERENCE_BATCH_SIZE = 256
INFERENCE_BATCH_TOKENS = 32_768
LENGTH_MULTIPLE = 8
"""oneDNN keeps code for every shape that it meets: with few shapes, memory does not grow with the number of texts."""
_MEMORY_HINT = "End other programs that use it, or compute on another device."

# Not every allocator raises an error of its own kind: those of the CPU, cuBLAS and cuDNN only say it in words.
_OUT_OF_MEMORY = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")


class Computing(Protocol):
    """What a model must be to be computed with; every `sentrec.models.base.TextModel` is it."""

    classes: int
    feature_size: int
    training: bool

    @property
    def device(self) -> torch.device: ...  # noqa: D102

    def __call__(self, batch: Batch) -> Tensor: ...  # noqa: D102

    def features(self, batch: Batch) -> Tensor: ...  # noqa: D102

    def collate(self, encoded: EncodedTexts, rows: npt.NDArray[np.int64], multiple: int = 1) -> Batch: ...  # noqa: D102

    def train(self, mode: bool = True) -> Any: ...  # noqa: D102


def predict_logits(
    model: Computing, encoded: EncodedTexts, process_index: int = 0, processes: int = 1
) -> npt.NDArray[np.float32]:
    """Scores every text in float32, without dropout.

    Always float32, on CUDA without TF32: a score must not depend on the batch it was computed in, nor on the
    processor's short formats.

    Args:
        model: The model; its mode is restored afterwards.
        encoded: The texts.
        process_index: Which share of the batches to do, for several processes.
        processes: How many processes share the work; rows of the others stay zero, so that a sum joins them.

    Returns:
        Logits, shape ``(texts, classes)``.

    Raises:
        SentrecError: If there is not enough memory.
    """
    return _computed(
        model, model, encoded, np.zeros((len(encoded), model.classes), np.float32), process_index, processes
    )


def feature_matrix(model: Computing, encoded: EncodedTexts) -> npt.NDArray[np.float64]:
    """The features of every text, computed likewise, shape ``(texts, feature_size)``."""
    return _computed(model, model.features, encoded, np.empty((len(encoded), model.feature_size)))


def evaluation_plan(encoded: EncodedTexts) -> list[npt.NDArray[np.int64]]:
    """The rows of each batch in which texts are scored."""
    return plan_batches(encoded.lengths(), INFERENCE_BATCH_SIZE, INFERENCE_BATCH_TOKENS)


def _computed(
    model: Computing,
    function: Callable[[Batch], Tensor],
    encoded: EncodedTexts,
    result: npt.NDArray[Any],
    process_index: int = 0,
    processes: int = 1,
) -> npt.NDArray[Any]:
    device, was_training = model.device, model.training
    model.train(False)
    threads = one_thread(device) if len(encoded) == 1 else nullcontext()
    with torch.inference_mode(), exact_float32(device), memory_errors(_MEMORY_HINT), threads:
        for rows in evaluation_plan(encoded)[process_index::processes]:
            result[rows] = function(model.collate(encoded, rows, LENGTH_MULTIPLE).to(device)).float().cpu().numpy()
    model.train(was_training)
    return result


@contextmanager
def memory_errors(hint: str) -> Iterator[None]:
    """Turns a lack of memory, on the CPU or on any other device, into a `SentrecError`.

    Args:
        hint: What to do about it.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        said = str(error).lower()
        if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in said for words in _OUT_OF_MEMORY):
            first_line = str(error).partition("\n")[0]
            raise SentrecError(f"there is not enough memory: {first_line}", hint) from error
        raise


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """Leaves the CPU's work on a single text to the calling thread.

    Threads that share a recurrent network wait for one another at every token: for one text that takes longer than the
    arithmetic, and many times longer where another program has a core. Unlike with `torch.set_num_threads`, other
    threads of this process keep theirs.
    """
    if device.type != "cpu":
        yield
        return
    torch.get_num_threads()  # where a thread first computes, torch sets its number, and would undo ours
    with _openmp().limit(limits=1):
        yield


@contextmanager
def exact_float32(device: torch.device) -> Iterator[None]:
    """Keeps CUDA from rounding float32 to TF32's ten bits, which cuDNN otherwise does in recurrent and other layers."""
    if device.type != "cuda":
        yield  # the settings are the whole process's, and threads on the CPU would only race for them
        return
    cudnn: Any = torch.backends.cudnn  # a module that its own type stubs describe only in part
    settings = (cudnn.rnn, cudnn.conv, torch.backends.cuda.matmul)
    before = [setting.fp32_precision for setting in settings]
    try:
        for setting in settings:
            setting.fp32_precision = "ieee"
        yield
    finally:
        for setting, precision in zip(settings, before, strict=True):
            setting.fp32_precision = precision


@functools.cache
def _openmp() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="openmp")

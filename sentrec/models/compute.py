"""What computing on a device needs beside the model: tensors brought there, exact arithmetic, clear errors."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from sentrec.errors import SentrecError

# Not every allocator raises an error of its own kind: those of the CPU, cuBLAS and cuDNN only say it in words.
_OUT_OF_MEMORY = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")


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


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Brings a tensor to a device; to CUDA without waiting for it, which only page-locked memory allows."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


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

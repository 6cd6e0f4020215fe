"""The devices that torch can compute on here, and how it computes on them: memory errors, threads, exact float32."""

import functools
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import ThreadpoolController

from sentrec.errors import SentrecError, counted

# Not every allocator raises an error of its own kind: those of the CPU, cuBLAS and cuDNN only say it in words.
_OUT_OF_MEMORY = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 instructions, so that it is faster there and not emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16"))
    return False


def require_bfloat16(device: torch.device, hint: str) -> None:
    """Refuses a device without bfloat16 instructions by an error: there it is slower, and oneDNN's LSTM fails."""
    if not has_bfloat16(device):
        raise SentrecError(f"this device has no bfloat16 instructions: {device_name(device)}.", hint)


def device_name(device: torch.device) -> str:
    """What a person would call the device, e.g. ``NVIDIA H200`` or ``CPU x86_64, 2 threads``."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "cpu":
        return f"CPU {platform.machine()}, {counted(torch.get_num_threads(), 'thread')}"
    return device.type.upper()


def best_device() -> torch.device:
    """CUDA where there is some, else MPS, else the CPU."""
    mps = "mps" if torch.backends.mps.is_available() else "cpu"
    return torch.device("cuda" if torch.cuda.is_available() else mps)


def find_device(name: str | None) -> torch.device:
    """The device that a user names (``cpu``, ``cuda:1``, ``mps``), None: `best_device`; else a `SentrecError`."""
    if name is None:
        return best_device()
    usable = ["cpu"]
    if torch.cuda.is_available():
        usable += ["cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        usable.append("mps")
    if name not in usable:
        raise SentrecError(f"'{name}' is not a device that torch can use here.", f"There is: {', '.join(usable)}.")
    return torch.device(name)


@contextmanager
def memory_errors(hint: str) -> Iterator[None]:
    """Turns a lack of memory, on the CPU or on any other device, into a `SentrecError` with a hint."""
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

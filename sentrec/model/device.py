"""Where training runs and in which arithmetic."""

import platform
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState, is_initialized
from accelerate.utils import GradientAccumulationPlugin

from sentrec.errors import SentrecError


def make_accelerator(device: Literal["auto", "cpu"]) -> Accelerator:
    """Accelerate's view of the device and of the processes that train together.

    Accelerate fixes the device for as long as a process lives; trainings that follow one another in one process
    each get the device that their recipe asks for. Arithmetic and the size of a step are the recipe's alone: what
    `accelerate launch` was configured with would otherwise wrap the model and scale the loss behind its back.

    Args:
        device: ``auto`` takes CUDA, else MPS, else the CPU.
    """
    if is_initialized() and PartialState().num_processes == 1:
        AcceleratorState._reset_state(reset_partial_state=True)
    every_step = GradientAccumulationPlugin(num_steps=1)
    return Accelerator(cpu=device == "cpu", mixed_precision="no", gradient_accumulation_plugin=every_step)


def training_dtype(precision: Literal["auto", "bfloat16", "float32"], device: torch.device) -> torch.dtype:
    """The arithmetic of the forward and backward pass; weights and optimizer stay in float32.

    Args:
        precision: What the recipe asks for; ``auto`` takes bfloat16 where the processor computes in it.
        device: Where the model is.

    Returns:
        ``torch.bfloat16`` or ``torch.float32``.
    """
    if precision == "auto":
        return torch.bfloat16 if has_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 instructions, so that it is faster there and not emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16"))
    return False


def device_name(device: torch.device) -> str:
    """What a person would call the device, e.g. ``NVIDIA H200`` or ``CPU x86_64, 2 threads``."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "cpu":
        return f"CPU {platform.machine()}, {torch.get_num_threads()} threads"
    return device.type.upper()


def best_device() -> torch.device:
    """CUDA where there is some, else MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def find_device(name: str | None) -> torch.device:
    """The device that a user names.

    Args:
        name: E.g. ``cpu``, ``cuda``, ``cuda:1`` or ``mps``; None takes `best_device`.

    Raises:
        SentrecError: If this machine has no such device, or torch cannot use it.
    """
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

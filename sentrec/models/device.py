"""The devices that torch can compute on here."""

import platform

import torch

from sentrec.errors import SentrecError


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device has bfloat16 instructions, so that it is faster there and not emulated."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "arm_bf16", "bf16"))
    return False


def require_bfloat16(device: torch.device, hint: str) -> None:
    """Refuses a device without bfloat16 instructions: there it is slower, and oneDNN's LSTM fails.

    Args:
        device: Where somebody asks for bfloat16.
        hint: How to ask for something else.

    Raises:
        SentrecError: If `has_bfloat16` denies it.
    """
    if not has_bfloat16(device):
        raise SentrecError(f"this device has no bfloat16 instructions: {device_name(device)}.", hint)


def device_name(device: torch.device) -> str:
    """What a person would call the device, e.g. ``NVIDIA H200`` or ``CPU x86_64, 2 threads``."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"CPU {platform.machine()}, {threads} thread{'' if threads == 1 else 's'}"
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

"""Where training runs and in which arithmetic."""

from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState, is_initialized
from accelerate.utils import GradientAccumulationPlugin

from sentrec.models.device import has_bfloat16, require_bfloat16


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

    Raises:
        SentrecError: If the recipe insists on bfloat16 and the device has none.
    """
    if precision == "bfloat16":
        require_bfloat16(device, "Let it choose: --set training.precision=auto")
    wanted = precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))
    return torch.bfloat16 if wanted else torch.float32

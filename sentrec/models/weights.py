"""Tensors in files: safetensors, written whole or not at all, and checked when read; see `quantize` for small ones."""

import os
import re
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sentrec.errors import RunError
from sentrec.files.storage import atomic_path
from sentrec.models.quantization import METADATA, dequantize

TRAIN_AGAIN = "It is missing, cut off or altered; train again."


def save_weights(path: Path, model: nn.Module) -> None:
    """Saves the model's weights only."""
    write_tensors(path, model.state_dict())


def load_weights(model: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Puts weights in place.

    Raises:
        RunError: If they are not those of this model.
    """
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"the weights in {path} are not of this recipe's model: {error}") from error


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Writes tensors as safetensors, atomically.

    Raises:
        SentrecError: If the disk is full or may not be written.
    """
    # Copies, because safetensors refuses views of one storage, which recurrent layers on CUDA are.
    copies = {name: value.detach().cpu().clone().contiguous() for name, value in tensors.items()}
    with atomic_path(path) as temporary:
        try:
            save_file(copies, temporary, metadata)
        except SafetensorError as error:
            raise _as_os_error(error, path) from error


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file; quantized ones are dequantized.

    Raises:
        RunError: If the file is missing, cut off or no safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            return dequantize({name: file.get_tensor(name) for name in file.keys()}, metadata), metadata  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}.", TRAIN_AGAIN) from error


def is_quantized(path: Path) -> bool:
    """Whether the weights of a file are in few bytes, as an export's are.

    Raises:
        RunError: If it is no safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return METADATA in (file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} cannot be read: {error}.", TRAIN_AGAIN) from error


def _as_os_error(error: SafetensorError, path: Path) -> OSError:
    # safetensors reports the system's refusals, a full disk among them, only as text.
    number = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(number[1]), os.strerror(int(number[1])), str(path)) if number else OSError(str(error))

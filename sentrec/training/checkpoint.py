"""Checkpoints: one safetensors file each, replaced in one move, so that a killed process leaves the last one whole."""

import json
import os
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from sentrec.errors import RunError
from sentrec.files import atomic_path

LAST = "last.safetensors"
"""Where training stands."""
BEST = "best.safetensors"
"""The weights of the best validation so far."""
_MODEL = "model."
_OPTIMIZER = "optimizer."
_STATE = "state"
_TRAIN_AGAIN = "It is missing, cut off or altered; train again."


def save_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Saves everything that the next step depends on.

    Args:
        path: The file.
        model: Its weights are kept.
        optimizer: Its moments are kept.
        state: Counters and history, in plain JSON types.
    """
    tensors = {_MODEL + name: value for name, value in model.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{index}.{name}": value for name, value in values.items()}
    write_tensors(path, tensors, {_STATE: json.dumps(state)})


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Puts a checkpoint's weights and moments in place and returns its state.

    Raises:
        RunError: If the file is broken or of another model.
    """
    tensors, metadata = read_tensors(path)
    if _STATE not in metadata:
        raise RunError(f"{path} is no checkpoint: it holds no state.", _TRAIN_AGAIN)
    weights = {name.removeprefix(_MODEL): value for name, value in tensors.items() if name.startswith(_MODEL)}
    load_weights(model, weights, path)
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(_OPTIMIZER):
            index, _, key = name.removeprefix(_OPTIMIZER).partition(".")
            moments.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    state: dict[str, Any] = json.loads(metadata[_STATE])
    return state


def remove_checkpoints(folder: Path) -> None:
    """Removes the checkpoints in a folder, and the folder if nothing else is in it."""
    for name in (LAST, BEST):
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


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
    """The tensors and the metadata of a safetensors file.

    Raises:
        RunError: If the file is missing, cut off or no safetensors file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise RunError(f"{path} cannot be read: {error}.", _TRAIN_AGAIN) from error


def _as_os_error(error: SafetensorError, path: Path) -> OSError:
    # safetensors reports the system's refusals, a full disk among them, only as text.
    number = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(number[1]), os.strerror(int(number[1])), str(path)) if number else OSError(str(error))

"""Checkpoints: one safetensors file each, replaced in one move, so that a killed process leaves the last one whole."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sentrec.errors import RunError
from sentrec.models.weights import TRAIN_AGAIN, load_weights, read_tensors, write_tensors

LAST = "last.safetensors"
"""Where training stands."""
BEST = "best.safetensors"
"""The weights of the best validation so far."""
_MODEL = "model."
_OPTIMIZER = "optimizer."
_STATE = "state"


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
        raise RunError(f"{path} is no checkpoint: it holds no state.", TRAIN_AGAIN)
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
    """Removes the checkpoints in a folder, half-written ones of a killed process too, and the folder if it is empty."""
    for name in (LAST, BEST):
        (folder / name).unlink(missing_ok=True)
        remove_half_written(folder / name)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def remove_half_written(path: Path) -> None:
    """Removes what a killed process had written of a file before it was put in its place."""
    # safetensors writes to a file of its own first, beside ours.
    for pattern in (f".{path.name}.*.part", ".tmp" + 6 * "[0-9A-Za-z]"):
        for leftover in path.parent.glob(pattern):
            leftover.unlink(missing_ok=True)

"""Finished cells on disk: each whole or not at all, and kept for as long as what it depends on stays the same."""

import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from sentrec.errors import RunError
from sentrec.files.storage import atomic_directory, write_json
from sentrec.models.weights import read_tensors, write_tensors
from sentrec.transfer.results import Cell, CellResult

_FIGURES = "cell.json"
_PREDICTIONS = "predictions.safetensors"
_PREDICTED = "predicted"
MODEL_FOLDER = "model"
"""Where a cell keeps the run directory of its model, if it keeps one."""
_CELLS = "cells"
_UNFINISHED = ".model-"

_log = logging.getLogger(__name__)


def cell_directory(study: Path, cell: Cell) -> Path:
    """Where a cell lies within the directory of its study."""
    arm = cell.arm if cell.source is None else f"{cell.arm}-from-{plain_name(cell.source)}"
    return study / _CELLS / plain_name(cell.target) / str(cell.budget) / arm / f"seed-{cell.seed}"


def save_cell(study: Path, result: CellResult, key: str, model: Path | None = None) -> None:
    """Writes a finished cell.

    Args:
        study: The study's directory.
        result: What came out.
        key: What it depends on.
        model: A run directory to keep with it; moved.
    """
    directory = cell_directory(study, result.cell)
    with atomic_directory(directory) as temporary:
        write_tensors(temporary / _PREDICTIONS, {_PREDICTED: torch.from_numpy(result.predicted)})
        figures = {name: value for name, value in vars(result).items() if name != _PREDICTED}
        figures |= {"cell": asdict(result.cell), "history": list(result.history), "key": key}
        write_json(temporary / _FIGURES, figures)
        if model is not None:
            model.replace(temporary / MODEL_FOLDER)


def load_cell(study: Path, cell: Cell, key: str, needs_model: bool = False) -> CellResult | None:
    """A cell that was finished before; None where there is none, what it depends on has changed, or it is broken."""
    directory = cell_directory(study, cell)
    if not (directory / _FIGURES).is_file() or (needs_model and not (directory / MODEL_FOLDER).is_dir()):
        return None
    try:
        figures = json.loads((directory / _FIGURES).read_text(encoding="utf-8"))
        if figures.pop("key") != key:
            return None
        tensors, _ = read_tensors(directory / _PREDICTIONS)
        figures["cell"] = Cell(**figures["cell"])
        return CellResult(**figures, predicted=tensors[_PREDICTED].numpy())
    except (ValueError, KeyError, TypeError, RunError) as error:
        _log.warning("%s was cut off or altered and is measured anew: %s", directory, error)
        return None


def unfinished_model(study: Path) -> TemporaryDirectory[str]:
    """A folder for a model that is still to be saved with its cell; it goes when the block ends."""
    return TemporaryDirectory(dir=study, prefix=_UNFINISHED)


def remove_leftovers(study: Path) -> None:
    """Removes what a study that was killed left of the model it was training."""
    for folder in study.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(folder, ignore_errors=True)


def remove_cells(study: Path) -> None:
    """Removes all cells of a study."""
    shutil.rmtree(study / _CELLS, ignore_errors=True)


def plain_name(name: str) -> str:
    """The name of a source or a target as part of a path."""
    return "".join(mark if mark.isalnum() or mark in "-_." else "-" for mark in name)

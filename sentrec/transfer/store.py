"""Finished cells on disk: each whole or not at all, and kept for as long as what it depends on stays the same."""

import json
from dataclasses import asdict
from pathlib import Path

import torch

from sentrec.errors import RunError
from sentrec.files import atomic_directory, write_json
from sentrec.model.weights import read_tensors, write_tensors
from sentrec.transfer.results import Cell, CellResult

_FIGURES = "cell.json"
_PREDICTIONS = "predictions.safetensors"
_PREDICTED = "predicted"
MODEL_FOLDER = "model"
"""Where a cell keeps the run directory of its model, if it keeps one."""


def cell_directory(study: Path, cell: Cell) -> Path:
    """Where a cell lies within the directory of its study."""
    arm = cell.arm if cell.source is None else f"{cell.arm}-from-{_plain(cell.source)}"
    return study / "cells" / _plain(cell.target) / str(cell.budget) / arm / f"seed-{cell.seed}"


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
    """A cell that was finished before; None where there is none, or what it depends on has changed.

    Raises:
        RunError: If its files were cut off or altered.
    """
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
        raise RunError(f"{directory} was cut off or altered: {error}", "Remove that folder and resume.") from error


def _plain(name: str) -> str:
    return "".join(mark if mark.isalnum() or mark in "-_." else "-" for mark in name)

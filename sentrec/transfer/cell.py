"""One cell of a study: an arm, trained on the rows of a budget with one seed, judged on the whole test split."""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from scipy import sparse

from sentrec.errors import RunError
from sentrec.files.storage import atomic_directory, write_json
from sentrec.models.base import TextModel, predict_logits
from sentrec.models.weights import read_tensors, write_tensors
from sentrec.ngrams.baselines import make_baseline
from sentrec.recipe import Recipe
from sentrec.runs.files import read_object
from sentrec.text.encoding import EncodedTexts
from sentrec.training.interrupt import StopRequest
from sentrec.training.loop import Progress, TrainingLoop
from sentrec.training.prepare import PreparedData
from sentrec.training.train import Start, fit
from sentrec.transfer.results import Cell, CellResult
from sentrec.transfer.schema import plain_name
from sentrec.transfer.target import Rows, TargetData

_RESULT = "cell.json"
_PREDICTIONS = "predictions.safetensors"
_PREDICTED = "predicted"
_MODEL_FOLDER = "model"
_CELLS = "cells"
_MOST_TRAIN_ROWS = 2000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitting:
    """A neural arm, ready to be trained.

    Attributes:
        cell: Which one.
        recipe: The target's, with the cell's seed and the budget's training section.
        start: The model to start from, which weights learn, and which ones to judge.
        data: The rows of its budget.
    """

    cell: Cell
    recipe: Recipe
    start: Start
    data: PreparedData


def fit_cell(
    fitting: Fitting, run: Path, accelerator: Accelerator, stop: StopRequest, on_step: Callable[[Progress], None]
) -> CellResult:
    """Trains an arm and predicts the test rows; goes on from the checkpoint of a training that was interrupted.

    Args:
        fitting: What to train.
        run: The run directory of its model and its checkpoints.
        accelerator: The device.
        stop: Ends the training before the next step once it is requested.
        on_step: Called after every step; what it raises ends the cell.
    """
    found: list[CellResult] = []
    data, labels = fitting.data, fitting.data.splits.train.labels

    def judge(loop: TrainingLoop, logits: npt.NDArray[np.float32]) -> None:
        rows = np.random.default_rng(fitting.recipe.seed).permutation(len(labels))[:_MOST_TRAIN_ROWS]
        result = CellResult(
            cell=fitting.cell,
            labels=len(labels) + len(data.splits.validation),
            accuracy=0.0,
            train_accuracy=_accuracy(_classes(loop.model, data.train.take(rows)), labels[rows]),
            validation_rows=len(data.splits.validation),
            seconds=0.0,
            epoch_steps=loop.epoch_steps[0],
            history=loop.state.history,
            predicted=logits.argmax(axis=1).astype(np.int16),
        )
        found.append(replace(result, accuracy=_accuracy(result.predicted, data.splits.test.labels)))

    start = replace(fitting.start, on_finish=judge)
    finished = fit(fitting.recipe, data, run, accelerator, stop, resume=True, on_progress=on_step, start=start)
    return replace(found[0], seconds=float(finished.metrics["seconds"]))


def judge_unseen(cell: Cell, model: TextModel, target: TargetData, encoded: EncodedTexts) -> CellResult:
    """Predicts the target's encoded test rows with a model that has seen none of its labels."""
    started = time.perf_counter()
    return _without_steps(cell, _classes(model, encoded), None, 0, target, started)


def fit_linear(
    cell: Cell, rows: Rows, labels: int, target: TargetData, pool: sparse.csr_matrix, test: sparse.csr_matrix
) -> CellResult:
    """Trains an n-gram model on the training rows of a budget, as the networks.

    Args:
        cell: Which one.
        rows: Training rows, as places in the pool.
        labels: Labels of the budget, those of the validation rows included.
        target: The target's rows.
        pool: The pool's n-grams, as the arm's `Baseline.count` gives them.
        test: Those of the test rows.
    """
    started = time.perf_counter()
    baseline = make_baseline(cell.arm).fit(pool[rows], target.pool.labels[rows], len(target.pool.label_names))
    predicted = baseline.predict_proba(test).argmax(axis=1)
    seen = rows[np.random.default_rng(cell.seed).permutation(len(rows))[:_MOST_TRAIN_ROWS]]
    train_accuracy = _accuracy(baseline.predict_proba(pool[seen]).argmax(axis=1), target.pool.labels[seen])
    return _without_steps(cell, predicted, train_accuracy, labels, target, started)


def save_cell(study: Path, result: CellResult, key: str, run: Path | None = None) -> None:
    """Writes a finished cell, whole or not at all.

    Args:
        study: The study's directory.
        result: What came out.
        key: What it depends on.
        run: A run directory to keep with it; moved.
    """
    with atomic_directory(_cell_directory(study, result.cell)) as temporary:
        write_tensors(temporary / _PREDICTIONS, {_PREDICTED: torch.from_numpy(result.predicted)})
        values = {name: value for name, value in vars(result).items() if name != _PREDICTED}
        values |= {"cell": asdict(result.cell), "history": list(result.history), "key": key}
        write_json(temporary / _RESULT, values)
        if run is not None:
            run.replace(temporary / _MODEL_FOLDER)


def load_cell(study: Path, cell: Cell, key: str, needs_model: bool = False) -> CellResult | None:
    """A cell that was finished before; None where there is none, what it depends on has changed, or it is broken."""
    directory = _cell_directory(study, cell)
    if not (directory / _RESULT).is_file() or (needs_model and not (directory / _MODEL_FOLDER).is_dir()):
        return None
    try:
        values = read_object(directory / _RESULT)
        if values.pop("key") != key:
            return None
        tensors, _ = read_tensors(directory / _PREDICTIONS)
        values["cell"] = Cell(**values["cell"])
        return CellResult(**values, predicted=tensors[_PREDICTED].numpy())
    except (ValueError, KeyError, TypeError, RunError) as error:
        _log.warning("%s was cut off or altered and is measured anew: %s", directory, error)
        return None


def remove_cells(study: Path) -> None:
    """Removes all cells of a study, and what interrupted ones left."""
    for folder in (study / _CELLS, unfinished_runs(study)):
        shutil.rmtree(folder, ignore_errors=True)


def unfinished_runs(study: Path) -> Path:
    """Where the runs of cells lie while they are trained."""
    return study / ".unfinished"


def _cell_directory(study: Path, cell: Cell) -> Path:
    arm = cell.arm if cell.source is None else f"{cell.arm}-from-{plain_name(cell.source)}"
    return study / _CELLS / plain_name(cell.target) / str(cell.budget) / arm / f"seed-{cell.seed}"


def _classes(model: TextModel, encoded: EncodedTexts) -> npt.NDArray[np.int64]:
    classes: npt.NDArray[np.int64] = predict_logits(model, encoded).argmax(axis=1)
    return classes


def _accuracy(predicted: npt.NDArray[np.integer], labels: npt.NDArray[np.int64]) -> float:
    return float((predicted == labels).mean())


def _without_steps(
    cell: Cell,
    predicted: npt.NDArray[np.int64],
    train_accuracy: float | None,
    labels: int,
    target: TargetData,
    started: float,
) -> CellResult:
    return CellResult(
        cell=cell,
        labels=labels,
        accuracy=_accuracy(predicted, target.test.labels),
        train_accuracy=train_accuracy,
        validation_rows=0,
        seconds=time.perf_counter() - started,
        epoch_steps=0,
        history=[],
        predicted=predicted.astype(np.int16),
    )

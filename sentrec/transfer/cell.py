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

from sentrec.errors import RecipeError, RunError
from sentrec.files.storage import atomic_directory, write_json
from sentrec.models.base import EMBEDDINGS, HEAD, TextModel, predict_logits
from sentrec.models.contracts import Rate
from sentrec.models.kinds import build_model
from sentrec.models.weights import read_tensors, write_tensors
from sentrec.ngrams.baselines import make_baseline
from sentrec.recipe import Recipe
from sentrec.runs.files import read_object
from sentrec.text.encoding import EncodedTexts
from sentrec.training.interrupt import StopRequest
from sentrec.training.loop import Progress, TrainingLoop
from sentrec.training.optimizer import LearningPlan, recipe_plan
from sentrec.training.prepare import PreparedData
from sentrec.training.train import Start, fit
from sentrec.transfer.results import Cell, CellResult
from sentrec.transfer.schema import TransferRecipe, plain_name
from sentrec.transfer.target import Rows, TargetData

_RESULT = "cell.json"
_PREDICTIONS = "predictions.safetensors"
_PREDICTED = "predicted"
_MODEL_FOLDER = "model"
_CELLS = "cells"
_MOST_TRAIN_ROWS = 2000

_log = logging.getLogger(__name__)


def target_only_model(arm: str, recipe: Recipe, tokenizer: str, classes: int) -> TextModel:
    """A model of the target as it stands before any training, with GloVe's word vectors (random ones for that arm)."""
    if arm == "random-embeddings" and recipe.glove is not None:
        of_that_width = recipe.model.model_copy(update={"embedding_dim": recipe.glove.dim})
        recipe = recipe.model_copy(update={"glove": None, "model": of_that_width})
    return build_model(recipe, tokenizer, classes)


def learning_plan(arm: str, recipe: Recipe, model: TextModel, study: TransferRecipe) -> LearningPlan:
    """Which weights of an arm learn, how fast, and from which epoch on.

    Raises a `RecipeError` if gradual unfreezing would not reach the lowest layer within the training, or might not.
    """
    plan, layers = recipe_plan(recipe, model), model.layers()
    match arm:
        case "full":
            return _scaled(plan, study.full.learning_rate_factor)
        case "probe":
            return _scaled({name: plan[name] for name in layers.get(HEAD, ())}, study.probe.learning_rate_factor)
        case "gradual":
            return _gradual(plan, model, recipe, study)
        case "frozen-glove":
            return {name: rate for name, rate in plan.items() if name not in layers.get(EMBEDDINGS, ())}
        case _:
            return plan


def _scaled(plan: LearningPlan, factor: float) -> dict[str, Rate]:
    return {name: Rate(rate.factor * factor, rate.from_epoch) for name, rate in plan.items()}


def _gradual(plan: LearningPlan, model: TextModel, recipe: Recipe, study: TransferRecipe) -> dict[str, Rate]:
    options, training = study.gradual, recipe.training
    # The head thaws first; a layer that is frozen has no stage.
    layers = [[name for name in names if name in plan] for names in reversed(model.layers().values())]
    stages = {name: stage for stage, names in enumerate(filter(None, layers)) for name in names}
    count = len(set(stages.values()))
    needed = (count - 1) * options.epochs_per_stage + 1
    if training.max_steps is not None:
        raise RecipeError(
            "gradual unfreezing counts epochs, and training.max_steps would end them early.",
            "Leave `gradual` out of the arms, or training.max_steps out of the recipes.",
        )
    if needed > training.epochs:
        raise RecipeError(
            f"gradual unfreezing of {count} layers takes {needed} epochs; the training has {training.epochs}.",
            f"Raise training.epochs to {needed}, or lower gradual.epochs_per_stage.",
        )

    def thawing(rate: Rate, stage: int) -> Rate:
        factor = rate.factor * options.learning_rate_factor / options.decay**stage
        return Rate(factor, stage * options.epochs_per_stage)

    return {name: thawing(rate, stages[name]) for name, rate in plan.items()}


@dataclass(frozen=True)
class Fitting:
    """A neural arm, ready to be trained: a recipe with the cell's seed, where to start, the budget's rows."""

    cell: Cell
    recipe: Recipe
    start: Start
    data: PreparedData


def fit_cell(
    fitting: Fitting, run: Path, accelerator: Accelerator, stop: StopRequest, on_step: Callable[[Progress], None]
) -> CellResult:
    """Trains an arm in the directory `run` and predicts the test rows; goes on from the checkpoint that is there.

    A `stop` ends the training before the next step, and so does what `on_step` raises, which is called after each.
    """
    found: list[CellResult] = []
    data, labels = fitting.data, fitting.data.splits.train.labels

    def judge(loop: TrainingLoop, logits: npt.NDArray[np.float32]) -> None:
        rows, predicted = _some(np.arange(len(labels)), fitting.recipe.seed), logits.argmax(axis=1)
        result = CellResult(
            cell=fitting.cell,
            labels=len(labels) + len(data.splits.validation),
            accuracy=_accuracy(predicted, data.splits.test.labels),
            train_accuracy=_accuracy(_classes(loop.model, data.train.take(rows)), labels[rows]),
            validation_rows=len(data.splits.validation),
            seconds=0.0,
            epoch_steps=next(iter(loop.epoch_steps), 0),
            history=loop.state.history,
            predicted=predicted.astype(np.int16),
        )
        found.append(result)

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
    """Trains an n-gram model on the training rows of a budget (places in the pool), as the networks.

    `labels` is the size of the budget, its validation rows included; `pool` and `test` are n-grams, as the arm's
    `Baseline.count` gives them.
    """
    started = time.perf_counter()
    known = target.pool.labels
    baseline = make_baseline(cell.arm).fit(pool[rows], known[rows], len(target.pool.label_names))
    predicted, seen = baseline.predict_proba(test).argmax(axis=1), _some(rows, cell.seed)
    train_accuracy = _accuracy(baseline.predict_proba(pool[seen]).argmax(axis=1), known[seen])
    return _without_steps(cell, predicted, train_accuracy, labels, target, started)


def save_cell(study: Path, result: CellResult, key: str, run: Path | None = None) -> None:
    """Writes a finished cell into a study's directory, whole or not at all, and moves the run that is to be kept there.

    `key` stands for all that the result depends on.
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


def _some(rows: Rows, seed: int) -> Rows:
    """The rows that the accuracy on training rows is measured on."""
    return rows[np.random.default_rng(seed).permutation(len(rows))[:_MOST_TRAIN_ROWS]]


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
    accuracy, seconds = _accuracy(predicted, target.test.labels), time.perf_counter() - started
    return CellResult(cell, labels, accuracy, train_accuracy, 0, seconds, 0, [], predicted.astype(np.int16))

"""One cell of a study: an arm, trained on the rows of a budget with one seed, judged on the whole test split."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from accelerate import Accelerator
from scipy import sparse
from torch import Tensor

from sentrec.data.splits import Splits
from sentrec.models.base import TextModel
from sentrec.models.compute import predict_logits
from sentrec.ngrams.baselines import make_baseline
from sentrec.recipe import Recipe
from sentrec.runs.directory import write_start
from sentrec.text.encoding import EncodedTexts
from sentrec.training.environment import describe_environment
from sentrec.training.finish import write_results
from sentrec.training.learning_plan import LearningPlan
from sentrec.training.loop import Progress, TrainingLoop
from sentrec.training.prepare import PreparedData
from sentrec.transfer.results import Cell, CellResult
from sentrec.transfer.target import EncodedTarget, Rows, TargetRows

_MOST_TRAIN_ROWS = 2000

OnStep = Callable[[Progress], None]


@dataclass(frozen=True)
class Fitting:
    """A neural arm, ready to be trained.

    Attributes:
        cell: Which one.
        recipe: The target's, with the cell's seed and the budget's training section.
        model: With the weights that it starts from.
        plan: Which of them learn.
        train: Training rows, as places in the target's pool.
        validation: Validation rows, likewise.
        select: Which weights to judge: those of the ``last`` step, or of the ``best`` validation.
    """

    cell: Cell
    recipe: Recipe
    model: TextModel
    plan: LearningPlan
    train: Rows
    validation: Rows
    select: Literal["last", "best"] = "last"


def fit_cell(
    fitting: Fitting,
    target: TargetRows,
    encoded: EncodedTarget,
    accelerator: Accelerator,
    on_step: OnStep,
    keep_in: Path | None = None,
) -> CellResult:
    """Trains an arm and predicts the test rows.

    Args:
        fitting: What to train.
        target: The target's rows.
        encoded: Their token ids under the model's vocabulary.
        accelerator: The device.
        on_step: Called after every step; what it raises ends the cell.
        keep_in: Where to leave a run directory of the model; None: nowhere.
    """
    started = time.perf_counter()
    data = _prepared(fitting, target, encoded)
    splits = data.splits
    loop = TrainingLoop(
        fitting.recipe,
        fitting.model,
        data.train,
        splits.train.labels,
        data.validation,
        splits.validation.labels,
        accelerator,
        fitting.plan,
    )
    _train(loop, fitting.select, on_step)
    test = loop.logits(data.test)
    if keep_in is not None:
        environment = describe_environment(loop, data) | {"transfer": vars(fitting.cell)}
        write_start(keep_in, fitting.recipe, data.label_names, data.tokenizer, environment)
        write_results(loop, data, keep_in, loop.logits(data.validation), test, started)
    predicted = test.argmax(axis=1).astype(np.int16)
    return CellResult(
        cell=fitting.cell,
        labels=len(fitting.train) + len(fitting.validation),
        accuracy=_accuracy(predicted, target.test.labels),
        train_accuracy=_train_accuracy(loop, data),
        validation_rows=len(fitting.validation),
        seconds=time.perf_counter() - started,
        epoch_steps=loop.epoch_steps[0],
        history=loop.state.history,
        predicted=predicted,
    )


def judge_unseen(cell: Cell, model: TextModel, target: TargetRows, encoded: EncodedTarget) -> CellResult:
    """Predicts the target's test rows with a model that has seen none of its labels."""
    started = time.perf_counter()
    return _without_steps(cell, _classes(model, encoded.test), None, 0, target, started)


def fit_linear(
    cell: Cell, rows: Rows, target: TargetRows, pool: sparse.csr_matrix, test: sparse.csr_matrix
) -> CellResult:
    """Trains an n-gram model on the training rows of a budget.

    Args:
        cell: Which one.
        rows: Training rows, as places in the pool.
        target: The target's rows.
        pool: The pool's n-grams, as the arm's `Baseline.count` gives them.
        test: Those of the test rows.
    """
    started = time.perf_counter()
    labels = target.pool.labels[rows]
    baseline = make_baseline(cell.arm).fit(pool[rows], labels, len(target.pool.label_names))
    predicted = baseline.predict_proba(test).argmax(axis=1)
    seen = rows[np.random.default_rng(cell.seed).permutation(len(rows))[:_MOST_TRAIN_ROWS]]
    train_accuracy = _accuracy(baseline.predict_proba(pool[seen]).argmax(axis=1), target.pool.labels[seen])
    return _without_steps(cell, predicted, train_accuracy, len(rows), target, started)


def _prepared(fitting: Fitting, target: TargetRows, encoded: EncodedTarget) -> PreparedData:
    train, validation = target.pool.take(fitting.train), target.pool.take(fitting.validation)
    noticed = target.splits
    splits = Splits(train, validation, target.test, noticed.duplicates, noticed.overlap, noticed.validation_overlap)
    return PreparedData(
        splits,
        encoded.tokenizer,
        encoded.pool.take(fitting.train),
        encoded.pool.take(fitting.validation),
        encoded.test,
        0.0,
        fingerprint_of_vectors=target.vectors,
        vocabulary=encoded.vocabulary,
    )


def _train(loop: TrainingLoop, select: Literal["last", "best"], on_step: OnStep) -> None:
    best: dict[str, Tensor] = {}
    for progress in loop.run():
        if progress.improved and select == "best":
            best = {name: tensor.detach().clone() for name, tensor in loop.model.state_dict().items()}
        on_step(progress)
    if best:
        loop.model.load_state_dict(best)


def _train_accuracy(loop: TrainingLoop, data: PreparedData) -> float:
    labels = data.splits.train.labels
    rows = np.random.default_rng(loop.recipe.seed).permutation(len(labels))[:_MOST_TRAIN_ROWS]
    return _accuracy(_classes(loop.model, data.train.take(rows)), labels[rows])


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
    target: TargetRows,
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

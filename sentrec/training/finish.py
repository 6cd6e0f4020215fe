"""The end of a training: the best weights, calibrated, measured and written; metrics of several runs."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.data.examples import Examples
from sentrec.metrics.calibration import balancing_strength, fit_temperature, softmax
from sentrec.metrics.classification import classification_metrics
from sentrec.models.contracts import ClosedFormData
from sentrec.models.star_scores import fit_stars
from sentrec.models.weights import dequantize, is_quantized, load_weights, quantize, write_tensors
from sentrec.rating.model import measure_ratings
from sentrec.rating.texts import fit_text_ratings
from sentrec.runs.directory import CHECKPOINTS, MODEL, Run, open_run
from sentrec.runs.writing import write_end
from sentrec.training.adaptation import Adapted, adapt
from sentrec.training.checkpoint import load_best, remove_checkpoints
from sentrec.training.loop import TrainingLoop
from sentrec.training.prepare import PreparedData

_SUMMARIZED = ("accuracy", "macro_f1", "roc_auc", "log_loss", "brier", "ece")


def finish_run(
    loop: TrainingLoop, data: PreparedData, directory: Path, best: Path | None, started: float
) -> tuple[Run, npt.NDArray[np.float32]]:
    """Takes the best weights, fits the temperature, measures validation and test, and writes the run.

    `best` is the folder of the best checkpoint, None: the weights of the last step are kept; `started` is when the
    training began, on the clock of `time.perf_counter`. Gives the run, and the logits of its test rows.
    """
    loop.accelerator.wait_for_everyone()
    model = loop.model
    if loop.total_steps and best:
        load_best(best, model)
    adapted = adapt(loop, data) if data.source else None
    fitted = None if adapted else model.fit(_closed_form_data(loop, data))
    balance = _balance(loop, data, adapted) if loop.recipe.training.balance else None
    if data.stars is not None:
        fit_stars(model, data.stars.held_out, data.stars.held_out_decisions)
    weights, metadata = model.state_dict(), None
    if data.source and is_quantized(data.source.path / MODEL):
        weights, metadata = quantize(weights)  # what went on from a small model stays small
        load_weights(model, dequantize(weights, metadata), directory / MODEL)
    added = balance.offsets if balance else 0.0
    validation = adapted.validation + added if adapted else loop.logits(data.validation)
    test = loop.logits(data.test)
    if loop.accelerator.is_main_process:
        held_out = (adapted.held_out + added, adapted.labels) if adapted else None
        temperature = balance.temperature if balance else None
        metrics = calibrated_metrics(data.splits.validation, validation, data.splits.test, test, held_out, temperature)
        metrics |= {"init": adapted.facts} if adapted else {}
        metrics |= {"balance": balance.facts} if balance else {}
        metrics |= {
            "seed": loop.recipe.seed,
            "steps": loop.state.step,
            "best_step": loop.state.best_step,
            "parameters": model.learned_numbers,
            "data": data.facts(),
        }
        metrics |= {"stacking": fitted} if fitted else {}
        if loop.recipe.task == "rate":
            metrics |= _rating_metrics(data, validation, test, metrics["calibration"]["temperature"])
        write_tensors(directory / MODEL, weights, metadata)
        metrics["seconds"] = round(time.perf_counter() - started, 2)
        write_end(directory, loop.state.history, metrics)
        remove_checkpoints(directory / CHECKPOINTS)
    loop.accelerator.wait_for_everyone()
    return open_run(directory), test


@dataclass(frozen=True)
class _Balance:
    offsets: npt.NDArray[np.float64]  # what was added to the logits of each class, in the model's weights
    temperature: float  # fitted before that: the rows hold as many texts of each class as they do
    facts: dict[str, Any]


def _balance(loop: TrainingLoop, data: PreparedData, adapted: Adapted | None) -> _Balance:
    """Adds to the logits of rare classes, see `balancing_strength`; nobody who uses the model needs to know of it."""
    labels = adapted.labels if adapted else data.splits.validation.labels
    logits = (adapted.held_out if adapted else loop.logits(data.validation)).astype(np.float64)
    shares = np.bincount(data.splits.train.labels, minlength=logits.shape[1]) / len(data.splits.train)
    shares = np.maximum(shares, 1 / len(data.splits.train))
    temperature = fit_temperature(logits, labels)
    strength = balancing_strength(softmax(logits, temperature), shares)
    offsets = -temperature * strength * (np.log(shares) - np.log(shares).mean())
    loop.model.shift((), offsets)
    pairs = zip(("before", "after"), (logits, logits + offsets), strict=True)
    measured = {name: classification_metrics(labels, softmax(one), data.label_names) for name, one in pairs}
    facts = {"strength": strength, "offsets": dict(zip(data.label_names, offsets.tolist(), strict=True))}
    facts |= {key: {name: one[key] for name, one in measured.items()} for key in ("macro_f1", "accuracy")}
    return _Balance(offsets, temperature, facts)


def _closed_form_data(loop: TrainingLoop, data: PreparedData) -> ClosedFormData:
    ngrams, texts = loop.recipe.model.ngrams, loop.unlabelled
    pseudo_labels = texts.targets.numpy().argmax(axis=1) if ngrams and ngrams.pseudo_labels and texts else None
    unlabelled = data.unlabelled
    if data.sentences and unlabelled is not None:
        count = len(unlabelled) - len(data.sentences.texts)
        unlabelled = unlabelled.take(np.arange(count))
        pseudo_labels = None if pseudo_labels is None else pseudo_labels[:count]
    train, validation = data.splits.train.labels, data.splits.validation.labels
    return ClosedFormData(data.train, train, data.validation, validation, unlabelled, pseudo_labels)


def _rating_metrics(
    data: PreparedData, validation: npt.NDArray[np.floating], test: npt.NDArray[np.floating], temperature: float
) -> dict[str, Any]:
    """Metrics of the test rows' ratings, and what makes probabilities of levels ratings, fitted on validation rows."""
    judged, told = data.splits.test, data.splits.validation
    assert judged.ratings is not None
    assert told.ratings is not None
    levels = np.array(data.label_names, dtype=np.float64)
    ratings = fit_text_ratings(softmax(validation, temperature), told.ratings.astype(np.float64), levels)
    rated = ratings.rate(softmax(test, temperature))
    return {
        "rating": measure_ratings(judged.ratings.astype(np.float64), rated, judged.votes),
        "levels": ratings.to_dict(),
    }


def calibrated_metrics(
    validation: Examples,
    validation_logits: npt.NDArray[np.floating],
    test: Examples,
    test_logits: npt.NDArray[np.float32],
    held_out: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]] | None = None,
    temperature: float | None = None,
) -> dict[str, Any]:
    """Fits the temperature on rows that were not learned from and measures both splits with it.

    Logits have the shape ``(rows, classes)``. `held_out` are those, and class numbers, of the rows to fit the
    temperature on, None: the validation rows; with a known `temperature` they only show what it does. Gives `test` and
    `validation` as `classification_metrics` does, and `calibration`.
    """
    names = validation.label_names
    logits, truth = held_out or (validation_logits, validation.labels)
    if temperature is None:
        temperature = fit_temperature(logits, truth)
    before = classification_metrics(truth, softmax(logits), names)
    after = classification_metrics(truth, softmax(logits, temperature), names)
    return {
        "test": classification_metrics(test.labels, softmax(test_logits, temperature), names),
        "validation": classification_metrics(validation.labels, softmax(validation_logits, temperature), names),
        "calibration": {
            "temperature": temperature,
            "validation_log_loss": {"before": before["log_loss"], "after": after["log_loss"]},
            "validation_ece": {"before": before["ece"], "after": after["ece"]},
        },
    }


def summarize(runs: Sequence[Run]) -> dict[str, Any]:
    """Mean and sample standard deviation over runs of each test metric, with what each run reached.

    The confusion matrix is the sum of the runs', so that its entries stay counts; `n` is the rows of one test split.
    """
    tests = [run.metrics["test"] for run in runs]
    values = {key: [test[key] for test in tests] for key in _SUMMARIZED}
    whole = {key: column for key, column in values.items() if None not in column}
    confusion = np.sum([test["confusion_matrix"] for test in tests], axis=0).tolist()
    means = {key: statistics.fmean(column) for key, column in whole.items()}
    return {
        "test": means | {"confusion_matrix": confusion, "n": tests[0]["n"]},
        "test_sd": {key: statistics.stdev(column) if len(column) > 1 else None for key, column in whole.items()},
        "seed": runs[0].metrics["seed"],
        "seconds": round(sum(run.metrics["seconds"] for run in runs), 2),
        "seeds": [run.metrics["seed"] for run in runs],
        "runs": [
            {
                "directory": run.path.name,
                "recipe": run.recipe.name,
                "seed": run.metrics["seed"],
                "test_accuracy": run.metrics["test"]["accuracy"],
                "validation_accuracy": run.metrics["validation"]["accuracy"],
                "seconds": run.metrics["seconds"],
            }
            for run in runs
        ],
    }

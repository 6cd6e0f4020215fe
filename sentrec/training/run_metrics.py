"""The figures that a finished model reports: of one run, of several, and of an ensemble."""

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.data.examples import Examples
from sentrec.metrics.calibration import fit_temperature, softmax
from sentrec.metrics.classification import classification_metrics
from sentrec.runs.directory import Run

_SUMMARIZED = ("accuracy", "macro_f1", "roc_auc", "log_loss", "brier", "ece")


def calibrated_figures(
    validation: Examples,
    validation_logits: npt.NDArray[np.floating],
    test: Examples,
    test_logits: npt.NDArray[np.float32],
    held_out: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]] | None = None,
    temperature: float | None = None,
) -> dict[str, Any]:
    """Fits the temperature on rows that were not learned from and measures both splits with it.

    Args:
        validation: The validation rows.
        validation_logits: Their logits, shape ``(rows, classes)``.
        test: The test rows, of the same classes.
        test_logits: Their logits.
        held_out: Logits and class numbers of the rows to fit the temperature on; None: the validation rows.
        temperature: One that is known: then these rows only show what it does.

    Returns:
        `test` and `validation` as `classification_metrics` gives them, and `calibration`.
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
    values = {key: [run.metrics["test"][key] for run in runs] for key in _SUMMARIZED}
    whole = {key: column for key, column in values.items() if None not in column}
    confusion = np.sum([run.metrics["test"]["confusion_matrix"] for run in runs], axis=0).tolist()
    counts = {"confusion_matrix": confusion, "n": runs[0].metrics["test"]["n"]}
    return {
        "test": {key: statistics.fmean(column) for key, column in whole.items()} | counts,
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

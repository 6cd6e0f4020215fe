"""Sentences that a reader of an evaluation needs beside its figures."""

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sentrec.errors import RunError
from sentrec.runs.directory import METRICS, Run, find_model, holds_group
from sentrec.runs.files import read_object


def class_notes(labels: npt.NDArray[np.int64], label_names: Sequence[str]) -> list[str]:
    """What is left out where the data lacks a class."""
    missing = [name for number, name in enumerate(label_names) if not (labels == number).any()]
    if not missing:
        return []
    return [f"No row is labelled {', '.join(missing)}: ROC-AUC, which needs every class, is left out."]


def group_notes(given: str | Path | Run | None, opened: Run | None) -> list[str]:
    """That a run was picked from a group of seeds, or is an ensemble, and what all of them reached alone.

    Args:
        given: What the caller named.
        opened: The run that was opened for it.

    Raises:
        RunError: If the group's figures were altered.
    """
    if opened is not None and opened.members:
        spread = _spread([100 * float(member.metrics["test"]["accuracy"]) for member in opened.members])
        return [
            f"{opened.path} is an ensemble of {len(opened.members)} runs. Test accuracy of each alone when it was "
            f"trained: {spread}."
        ]
    if given is None or opened is None or isinstance(given, Run) or not holds_group(find_model(given)):
        return []
    path = find_model(given) / METRICS
    try:
        runs = read_object(path)["runs"]
        accuracies = [100 * float(one["test_accuracy"]) for one in runs]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} was altered: it lacks the accuracy of its runs.", "Train the group again.") from error
    return [
        f"{given} holds {len(runs)} runs: this is seed {opened.recipe.seed}, the best of them by validation. "
        f"Test accuracy of all when they were trained: {_spread(accuracies)}."
    ]


def _spread(percentages: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(percentages):.2f} (mean ± standard deviation)" if len(percentages) > 1 else ""
    return f"{statistics.fmean(percentages):.2f} %{deviation}"

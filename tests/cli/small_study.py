"""What the tests of `sentrec transfer` share: a finished study that nobody had to compute."""

from pathlib import Path
from typing import Any

import numpy as np

from sentrec.transfer.analysis import table
from sentrec.transfer.results import Cell, CellResult, Study, Target
from sentrec.transfer.verdict import verdicts

LABELS = np.arange(200) % 2
NOTES = ("3 texts of imdb are in ag [news], too.",)


def result(arm: str, seed: int, budget: Any = "all", source: str | None = None, accuracy: float = 0.8) -> CellResult:
    """A cell of which the first rows are right, so many as its accuracy says."""
    predicted = np.where(np.arange(200) < round(200 * accuracy), LABELS, 1 - LABELS).astype(np.int16)
    history = [{"step": 5, "epoch": 0.5, "seconds": 1.0, "validation_accuracy": accuracy, "validation_loss": 0.4}]
    labels = 150 if budget == "all" else budget
    return CellResult(Cell("imdb", source, arm, budget, seed), labels, accuracy, 0.9, 20, 65.0, 10, history, predicted)


def make_study(path: Path) -> Study:
    results = []
    for seed in (1, 2):
        results += [
            result("scratch", seed, 50, accuracy=0.60),
            result("full", seed, 50, "ag [news]", accuracy=0.75),
            result("scratch", seed, accuracy=0.80),
            result("full", seed, source="ag [news]", accuracy=0.80),
            result("nb-lr", seed, accuracy=0.805),
        ]
    target = Target("imdb", ("negative", "positive"), ["text"] * 200, LABELS, 150)
    rows = tuple(table([target], results))
    command = "sentrec transfer --recipe '[my] small.yaml'"
    return Study(path, "small", "", command, (target,), tuple(results), rows, tuple(verdicts(rows)), "", NOTES)

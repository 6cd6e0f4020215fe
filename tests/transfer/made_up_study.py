"""Studies of made-up cells, so that what is reported of them is known."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sentrec.transfer.analysis import table
from sentrec.transfer.results import TRANSFER_ARMS, Budget, Cell, CellResult, Study, Target
from sentrec.transfer.verdict import verdicts

TEST_ROWS = 40
LINEAR = ("nb-lr", "tfidf-lr")


def made_up_target(name: str = "imdb", texts: Sequence[str] | None = None) -> Target:
    """Forty test rows, the first half of them bad."""
    texts = texts or [f"review {number}" for number in range(TEST_ROWS)]
    return Target(name, ("bad", "good"), texts, np.repeat([0, 1], TEST_ROWS // 2), train_rows=1000)


def made_up_result(cell: Cell, wrong: Sequence[int], epochs: int = 3) -> CellResult:
    """A cell that is wrong on some rows, counted from 0."""
    labels = made_up_target().labels
    predicted = labels.copy()
    predicted[list(wrong)] = 1 - predicted[list(wrong)]
    steps = cell.arm not in (*LINEAR, "zero-shot")
    accuracy = 1 - len(wrong) / TEST_ROWS
    return CellResult(
        cell=cell,
        labels=1000 if cell.budget == "all" else cell.budget,
        accuracy=accuracy,
        train_accuracy=None if cell.arm == "zero-shot" else min(1.0, accuracy + 0.1),
        validation_rows=20 if steps else 0,
        seconds=2.0,
        epoch_steps=10 if steps else 0,
        history=made_up_history(epochs, accuracy) if steps else [],
        predicted=predicted.astype(np.int16),
    )


def made_up_history(epochs: int, accuracy: float) -> list[dict[str, Any]]:
    """Two losses and a validation each epoch of ten steps."""
    rows: list[dict[str, Any]] = []
    for epoch in range(1, epochs + 1):
        for step in (10 * epoch - 5, 10 * epoch):
            rows.append({"step": step, "epoch": epoch, "seconds": step / 10, "loss": 1 / (1 + step)})
        validated = accuracy - 0.1 / epoch
        rows.append({**rows[-1], "validation_accuracy": validated, "validation_loss": 0.5})
        del rows[-1]["loss"]
    return rows


def made_up_study(
    path: Path,
    targets: Sequence[Target] = (made_up_target(),),
    sources: Sequence[str] = ("ag-news",),
    arms: Sequence[str] = ("scratch", "full", "zero-shot", "nb-lr"),
    budgets: Sequence[Budget] = (100, "all"),
    seeds: int = 3,
    **values: str,
) -> Study:
    """A study in which `full` is right on twelve rows more than `scratch` with 100 labels, else on as many."""
    results = []
    for target in targets:
        for arm in arms:
            for budget in (0,) if arm == "zero-shot" else budgets:
                for source in sources if arm in (*TRANSFER_ARMS, "zero-shot") else (None,):
                    for seed in range(1, seeds + 1):
                        mistakes = 2 if arm == "full" and budget != "all" else 14 if budget != "all" else 8
                        wrong = range(seed, seed + mistakes)
                        results.append(made_up_result(Cell(target.name, source, arm, budget, seed), wrong))
    facts = {
        "name": "news",
        "description": "Does it help?",
        "command": "sentrec transfer --recipe news.yaml",
        "recipe_yaml": "name: news\nseeds: 3\n",
    }
    rows = tuple(table(targets, results))
    verdict = tuple(verdicts(rows))
    return Study(
        path=path, targets=tuple(targets), results=tuple(results), rows=rows, verdict=verdict, **{**facts, **values}
    )


def with_results(study: Study, results: Sequence[CellResult]) -> Study:
    """The same study with other cells."""
    return replace(study, results=tuple(results), rows=tuple(table(study.targets, results)))

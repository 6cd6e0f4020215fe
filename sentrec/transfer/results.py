"""What a transfer study measures: its cells, the rows of its table, and where it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

BASELINE = "scratch"
"""The arm that every other one is compared with: the target alone, from GloVe."""
ZERO_SHOT = "zero-shot"
"""The arm that sees no label of the target; its budget is 0."""
LINEAR_ARMS = ("nb-lr", "tfidf-lr")
"""Arms that are n-gram models: they have neither epochs nor a validation part."""
TRANSFER_ARMS = ("full", "probe", "gradual")
"""Arms that start from a source and learn on the target."""
ARM_MEANINGS: Mapping[str, str] = {
    "scratch": "trained on the target alone, as its recipe starts it: the baseline",
    "full": "starts from the source; every weight learns",
    "probe": "starts from the source; only the head learns",
    "gradual": "starts from the source; layers thaw one after the other, lower ones learn more slowly",
    "zero-shot": "the source as it is, without a label of the target",
    "frozen-glove": "trained on the target alone; the GloVe vectors stay as they are",
    "random-embeddings": "trained on the target alone, from random word vectors: what GloVe itself transfers",
    "nb-lr": "n-gram logistic regression with naive Bayes weights on the same rows",
    "tfidf-lr": "TF-IDF logistic regression on the same rows",
}
"""One line on each arm."""

Budget = int | Literal["all"]


@dataclass(frozen=True)
class Cell:
    """One measurement of a study.

    Attributes:
        target: Name of the target recipe.
        source: Name of the source; None for an arm that has none.
        arm: Name of the arm.
        budget: Labels of the target, or ``all``; 0 for zero-shot.
        seed: Seed of the rows, the weights and the order.
    """

    target: str
    source: str | None
    arm: str
    budget: Budget
    seed: int


@dataclass(frozen=True)
class CellResult:
    """What came out of a cell.

    Attributes:
        cell: Which one.
        labels: Labels of the target that it used, those of its validation rows included.
        accuracy: On the whole test split.
        train_accuracy: On (at most 2,000 of) the rows it learned from; None for zero-shot.
        validation_rows: Rows that it selected its weights on; 0 for arms that select nothing.
        seconds: Of training and scoring; without the preparation of the data, which all arms share.
        epoch_steps: Steps of one epoch; 0 for arms that take none.
        history: Rows with ``step``, ``epoch``, ``seconds`` and either ``loss``, or ``validation_accuracy`` and
            ``validation_loss``; empty for arms without steps.
        predicted: Predicted class of every test row, int16, shape ``(n,)``.
    """

    cell: Cell
    labels: int
    accuracy: float
    train_accuracy: float | None
    validation_rows: int
    seconds: float
    epoch_steps: int
    history: Sequence[dict[str, Any]]
    predicted: npt.NDArray[np.int16]


@dataclass(frozen=True)
class Target:
    """The test rows of a target, which all arms share.

    Attributes:
        name: Name of the target recipe.
        label_names: Names of the classes.
        texts: Test texts.
        labels: Their class numbers, int64, shape ``(n,)``.
        train_rows: Labels that the budget ``all`` holds, those of the validation rows included.
    """

    name: str
    label_names: tuple[str, ...]
    texts: Sequence[str]
    labels: npt.NDArray[np.int64]
    train_rows: int


@dataclass(frozen=True)
class StudyProgress:
    """Where a study stands, told after every step, every finished cell and every source.

    Attributes:
        done: Finished cells.
        cells: Cells in all.
        doing: What is at work, e.g. ``full, 500 labels, seed 2`` or ``source ag-news, seed 1``.
        share: Share of that which is done, from 0 to 1.
        seconds_left: Estimate for the whole study; None before there is anything to estimate from.
        finished: The cell that has just been finished, else None.
    """

    done: int
    cells: int
    doing: str
    share: float
    seconds_left: float | None
    finished: CellResult | None = None


@dataclass(frozen=True)
class Study:
    """A study that has been run, and what it takes to run it again.

    Attributes:
        path: Its directory.
        name: Name of its recipe.
        description: What it asks; may be empty.
        command: The command line that remakes it.
        targets: Its targets, in the order of the recipe.
        results: Its finished cells.
        recipe_yaml: Its recipe, fully expanded.
        notes: Sentences on what was noticed in the data: texts that source and target share, duplicates.
        shared_sources: Names of the sources that are one finished run, which serves every seed.
    """

    path: Path
    name: str
    description: str
    command: str
    targets: tuple[Target, ...]
    results: tuple[CellResult, ...]
    recipe_yaml: str
    notes: tuple[str, ...] = ()
    shared_sources: tuple[str, ...] = ()

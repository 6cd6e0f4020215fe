"""What a transfer study measures: its cells, the rows of its table, where it stands; and how these are written."""

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
CHANCE = "most frequent class"
"""A classifier that always predicts the most frequent class of the test rows."""
FEWEST_SEEDS = 3
"""Fewer seeds give numbers and no verdict."""

Budget = int | Literal["all"]


@dataclass(frozen=True)
class Cell:
    """One measurement of a study: a source (None for an arm that has none), an arm, a budget (0 for zero-shot)."""

    target: str
    source: str | None
    arm: str
    budget: Budget
    seed: int


@dataclass(frozen=True)
class CellResult:
    """What came out of a cell."""

    cell: Cell
    labels: int  # labels of the target that it used, those of its validation rows included
    accuracy: float  # on the whole test split
    train_accuracy: float | None  # on (at most 2,000 of) the rows it learned from; None for zero-shot
    validation_rows: int  # rows that it selected its weights on; as `epoch_steps`, 0 for arms without steps
    seconds: float  # of training and scoring; without the preparation of the data, which all arms share
    epoch_steps: int
    history: Sequence[dict[str, Any]]
    """Rows with ``step``, ``epoch``, ``seconds`` and either ``loss``, or ``validation_accuracy`` and
    ``validation_loss``; empty for arms without steps."""
    predicted: npt.NDArray[np.int16]  # predicted class of every test row, int16, shape ``(n,)``


@dataclass(frozen=True)
class Target:
    """The test rows of a target, which all arms share: texts, and class numbers as int64 of shape ``(n,)``.

    `train_rows` are the labels that the budget ``all`` holds, those of the validation rows included.
    """

    name: str
    label_names: tuple[str, ...]
    texts: Sequence[str]
    labels: npt.NDArray[np.int64]
    train_rows: int


@dataclass(frozen=True)
class Contrast:
    """How much more accurate a row is than another arm (or `CHANCE`), over the seeds that both have."""

    arm: str  # the other arm; `source`, `budget` and `labels` are the other arm's, too
    source: str | None
    budget: Budget
    labels: int
    seeds: int  # seeds that both have
    difference: float  # mean accuracy of the row less that of the other
    interval: tuple[float, float]
    """Its 95 % confidence interval by itself, see `sentrec.metrics.intervals.paired_difference`."""
    p_value: float  # its two-sided p-value by itself
    adjusted_p: float | None = None
    """The p-value after Holm's correction over all comparisons that the study judges; None where it is not judged: with
    fewer than three seeds, and for a linear arm against the baseline."""

    @property
    def significant(self) -> bool:
        """Whether the corrected p-value is below 0.05."""
        return self.adjusted_p is not None and self.adjusted_p < 0.05


@dataclass(frozen=True)
class Row:
    """One arm with one label budget, over all its seeds."""

    target: str  # name of the target; `source`, `arm` and `budget` as in `Cell`
    source: str | None
    arm: str
    budget: Budget
    labels: int  # labels that it used: the median over the seeds
    seeds: int  # how many seeds it was repeated with
    accuracy: float  # mean over the seeds
    sd: float | None  # standard deviation over the seeds; None with one seed
    seconds: float  # mean over the seeds
    gap: float | None  # mean of the accuracy on training rows less that on the test rows; None for zero-shot
    epochs_to_baseline: float | None
    """Median epochs until the validation accuracy first reaches the best one of the baseline with the same budget and
    seed; a seed that never does counts as infinite, and None stands for an infinite median. For the baseline itself:
    until its own best."""
    seconds_to_baseline: float | None  # the same in seconds of training
    reached: int | None  # how many seeds get there; None for arms without epochs
    baseline: Contrast | None = None
    """The comparison with the baseline that has the same budget; None for the baseline itself, for zero-shot, and where
    there is no such baseline."""
    contrasts: tuple[Contrast, ...] = ()
    """For zero-shot: with chance, and with the baseline at every budget. For a linear arm: with the most accurate
    network that has the same budget."""

    @property
    def difference(self) -> float | None:
        """Accuracy less the baseline's; None where it is compared with none."""
        return self.baseline.difference if self.baseline else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval of `difference`."""
        return self.baseline.interval if self.baseline else None

    @property
    def judged(self) -> tuple[Contrast, ...]:
        """The comparisons that the verdict is about."""
        own = () if self.baseline is None or self.arm in LINEAR_ARMS else (self.baseline,)
        return own + self.contrasts


@dataclass(frozen=True)
class StudyProgress:
    """Where a study stands, reported after every step, every finished cell and every source.

    So many of its `cells` are `done`; of what is at work (`doing`, e.g. ``full, 500 labels, seed 2``) a `share` is.
    `seconds_left` is estimated for the whole study, `finished` is the cell that has just been finished.
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
        path: Its directory; `name`, `description` and `recipe_yaml` are of its recipe, fully expanded.
        command: The command line that remakes it.
        rows: The arms over their seeds, see `sentrec.transfer.analysis.table`.
        verdict: What it found, in sentences; `notes`: what was noticed in the data.
        shared_sources: Names of the sources that are one finished run, which serves every seed.
    """

    path: Path
    name: str
    description: str
    command: str
    targets: tuple[Target, ...]
    results: tuple[CellResult, ...]
    rows: tuple[Row, ...]
    verdict: tuple[str, ...]
    recipe_yaml: str
    notes: tuple[str, ...] = ()
    shared_sources: tuple[str, ...] = ()


def budget_size(budget: Budget) -> float:
    """What budgets are ordered by: ``all`` is the largest."""
    return float("inf") if budget == "all" else float(budget)


def points(share: float, digits: int) -> str:
    """A share in percentage points, with a sign unless it rounds to nothing."""
    rounded = round(100 * share, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def with_interval(difference: float | None, interval: tuple[float, float] | None, digits: int = 2) -> str:
    """A difference in percentage points with the ends of its interval; nothing where there is none."""
    if difference is None or interval is None:
        return ""
    low, high = interval
    return f"{points(difference, digits)} ({points(low, digits)} to {points(high, digits)})"


def label_count(budget: Budget) -> str:
    """A label budget."""
    return "all labels" if budget == "all" else f"{budget:,} labels"


def arm_name(arm: str, source: str | None) -> str:
    """An arm, with its source where it is to be named."""
    return arm if source is None else f"{arm} from {source}"

"""The reviews that only one of two arms gets right: what a difference in accuracy is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.evaluation.excerpts import shortened
from sentrec.transfer.analysis import Row
from sentrec.transfer.results import BASELINE, TRANSFER_ARMS, Budget, CellResult, Target


@dataclass(frozen=True)
class Review:
    """A test text that one arm gets right and the other one wrong.

    Attributes:
        row: Its place among the test rows, from 1.
        text: Its beginning.
        label: Name of its true class.
        mistaken_for: Name of the class that the arm which is wrong most often predicts.
    """

    row: int
    text: str
    label: str
    mistaken_for: str


@dataclass(frozen=True)
class Differences:
    """The baseline beside one transfer arm, on the same test rows, learned with the same labels.

    A row counts for an arm that is right on it with more than half of the seeds, where the other one is wrong with more
    than half of them.

    Attributes:
        target: Name of the target recipe.
        source: Name of the source.
        arm: Name of the transfer arm.
        budget: Labels of the target, or ``all``.
        seeds: Seeds that both arms have.
        only_baseline: Rows that only the baseline gets right.
        only_transfer: Rows that only the transfer arm gets right.
        baseline_reviews: Some of the former, those that most seeds agree on first.
        transfer_reviews: Some of the latter.
    """

    target: str
    source: str | None
    arm: str
    budget: Budget
    seeds: int
    only_baseline: int
    only_transfer: int
    baseline_reviews: tuple[Review, ...]
    transfer_reviews: tuple[Review, ...]


def only_one_right(
    rows: Sequence[Row], results: Sequence[CellResult], target: Target, count: int = 5
) -> Differences | None:
    """Reviews that only the baseline or only the best transfer arm gets right.

    The best is the transfer arm, source and budget of which the mean accuracy is furthest above the baseline's.

    Args:
        rows: As `sentrec.transfer.analysis.table` gives them.
        results: Finished cells.
        target: Whose test rows to look at.
        count: How many reviews to show for either arm at most.

    Returns:
        The differences; None where the target has no transfer arm beside a baseline.
    """
    compared = [
        row for row in rows if row.target == target.name and row.arm in TRANSFER_ARMS and row.difference is not None
    ]
    if not compared:
        return None
    best = max(compared, key=lambda row: row.difference or 0.0)
    transfer = _predictions(results, target.name, best.source, best.arm, best.budget)
    baseline = _predictions(results, target.name, None, BASELINE, best.budget)
    seeds = sorted(transfer.keys() & baseline.keys())
    of_transfer = np.stack([transfer[seed] for seed in seeds])
    of_baseline = np.stack([baseline[seed] for seed in seeds])
    margin = (of_transfer == target.labels).mean(axis=0) - 0.5, (of_baseline == target.labels).mean(axis=0) - 0.5
    only_transfer, only_baseline = _only_first(*margin), _only_first(*margin[::-1])
    return Differences(
        target=target.name,
        source=best.source,
        arm=best.arm,
        budget=best.budget,
        seeds=len(seeds),
        only_baseline=len(only_baseline),
        only_transfer=len(only_transfer),
        baseline_reviews=_reviews(only_baseline[:count], target, of_transfer),
        transfer_reviews=_reviews(only_transfer[:count], target, of_baseline),
    )


def _predictions(
    results: Sequence[CellResult], target: str, source: str | None, arm: str, budget: Budget
) -> dict[int, npt.NDArray[np.int16]]:
    """What an arm predicts, by seed."""
    wanted = (target, source, arm, budget)
    cells = {result.cell: result.predicted for result in results}
    return {
        cell.seed: predicted
        for cell, predicted in cells.items()
        if (cell.target, cell.source, cell.arm, cell.budget) == wanted
    }


def _only_first(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The rows that only the first arm gets right, the clearest first, at random among equally clear ones.

    Test splits are often sorted by class, so that the first rows would show one class only.

    Args:
        first: Share of the seeds that are right, less a half, ``(rows,)``.
        second: The same of the second arm.
    """
    found = np.random.default_rng(1).permutation(np.flatnonzero((first > 0) & (second < 0)))
    return found[np.argsort((second - first)[found], kind="stable")]


def _reviews(rows: npt.NDArray[np.int64], target: Target, mistaken: npt.NDArray[np.int16]) -> tuple[Review, ...]:
    return tuple(
        Review(
            row=int(row) + 1,
            text=shortened(target.texts[int(row)]),
            label=target.label_names[int(target.labels[row])],
            mistaken_for=target.label_names[_most_frequent_mistake(mistaken[:, row], int(target.labels[row]))],
        )
        for row in rows
    )


def _most_frequent_mistake(predicted: npt.NDArray[np.int16], label: int) -> int:
    return int(np.bincount(predicted[predicted != label]).argmax())

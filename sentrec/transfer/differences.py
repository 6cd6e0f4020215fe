"""The reviews that only one of two arms gets right: what a difference in accuracy is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.evaluation.excerpts import shortened
from sentrec.transfer.results import BASELINE, TRANSFER_ARMS, Budget, CellResult, Row, Target


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
    """The baseline beside the transfer arm, source and budget that gain most over it, on the same test rows.

    A row counts for an arm that is right on it with more than half of the seeds, where the other one is wrong with more
    than half of them.

    Attributes:
        row: The transfer arm.
        seeds: Seeds that both arms have.
        only_baseline: Rows that only the baseline gets right.
        only_transfer: Rows that only the transfer arm gets right.
        baseline_reviews: Some of the former, those that most seeds agree on first.
        transfer_reviews: Some of the latter.
    """

    row: Row
    seeds: int
    only_baseline: int
    only_transfer: int
    baseline_reviews: tuple[Review, ...]
    transfer_reviews: tuple[Review, ...]


def only_one_right(
    rows: Sequence[Row], results: Sequence[CellResult], target: Target, count: int = 5
) -> Differences | None:
    """Reviews that only the baseline or only the best transfer arm gets right.

    Args:
        rows: As `sentrec.transfer.analysis.table` gives them.
        results: Finished cells.
        target: Whose test rows to look at.
        count: How many reviews to show for either arm at most.

    Returns:
        The differences; None where the target has no transfer arm beside a baseline.
    """
    compared = [row for row in rows if row.target == target.name and row.arm in TRANSFER_ARMS and row.baseline]
    if not compared:
        return None
    best = max(compared, key=lambda row: row.difference or 0.0)
    transfer = _predictions(results, target.name, best.source, best.arm, best.budget)
    baseline = _predictions(results, target.name, None, BASELINE, best.budget)
    seeds = sorted(transfer.keys() & baseline.keys())
    of_transfer, of_baseline = (np.stack([arm[seed] for seed in seeds]) for arm in (transfer, baseline))
    margins = [(predicted == target.labels).mean(axis=0) - 0.5 for predicted in (of_transfer, of_baseline)]
    only_transfer, only_baseline = _only_first(*margins), _only_first(*margins[::-1])
    return Differences(
        best,
        len(seeds),
        len(only_baseline),
        len(only_transfer),
        _reviews(only_baseline[:count], target, of_transfer),
        _reviews(only_transfer[:count], target, of_baseline),
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
    reviews = []
    for row in rows.tolist():
        label, predicted = int(target.labels[row]), mistaken[:, row]
        most_frequent = int(np.bincount(predicted[predicted != label]).argmax())
        names = target.label_names[label], target.label_names[most_frequent]
        reviews.append(Review(row + 1, shortened(target.texts[row]), *names))
    return tuple(reviews)

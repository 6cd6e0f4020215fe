"""From the cells of a transfer study to the rows of its table, with Holm's correction, and to telling reviews."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median, stdev
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.evaluation.excerpts import shortened
from sentrec.metrics.intervals import holm, paired_difference
from sentrec.transfer.results import (
    BASELINE,
    CHANCE,
    FEWEST_SEEDS,
    LINEAR_ARMS,
    TRANSFER_ARMS,
    ZERO_SHOT,
    Budget,
    CellResult,
    Contrast,
    Row,
    Target,
)

_Key = tuple[Budget, str | None, str]
_Seeds = Mapping[int, CellResult]


def table(targets: Sequence[Target], results: Iterable[CellResult]) -> list[Row]:
    """Summarises the cells of a study over their seeds, and compares each arm with the baseline.

    An unfinished study gives the rows that it has.

    Args:
        targets: The targets, with their test labels.
        results: The finished cells.

    Returns:
        Rows by target, then budget (``all`` last), the baseline first, the others in order of first appearance. Their
        p-values are corrected for all comparisons of the study that are judged.

    Raises:
        ValueError: If a cell's predictions do not fit the test rows of its target.
    """
    results = list(results)
    return corrected([row for target in targets for row in _TargetTable(target, results).rows()])


def corrected(rows: Sequence[Row]) -> list[Row]:
    """Rows with Holm's correction over the whole study: all arms, budgets and targets that are judged."""
    family = [contrast for row in rows for contrast in row.judged if contrast.seeds >= FEWEST_SEEDS]
    adjusted = dict(zip(map(id, family), holm([contrast.p_value for contrast in family]), strict=True))

    def judged(contrast: Contrast) -> Contrast:
        return replace(contrast, adjusted_p=adjusted.get(id(contrast)))

    return [
        replace(row, baseline=row.baseline and judged(row.baseline), contrasts=tuple(map(judged, row.contrasts)))
        for row in rows
    ]


class _TargetTable:
    """The rows of one target."""

    def __init__(self, target: Target, results: Sequence[CellResult]) -> None:
        self.target = target
        self.groups: dict[_Key, dict[int, CellResult]] = {}
        for result in results:
            cell = result.cell
            if cell.target == target.name:
                self.groups.setdefault((cell.budget, cell.source, cell.arm), {})[cell.seed] = result

    def rows(self) -> list[Row]:
        sources = list(dict.fromkeys(source for _, source, _ in self.groups))
        arms = list(dict.fromkeys(arm for *_, arm in self.groups))

        def place(key: _Key) -> tuple[float, bool, int, int]:
            budget, source, arm = key
            return _size(budget), arm != BASELINE, sources.index(source), arms.index(arm)

        return [self._row(key) for key in sorted(self.groups, key=place)]

    def _row(self, key: _Key) -> Row:
        budget, source, arm = key
        group = self.groups[key]
        epochs, seconds, reached = _convergence(group, self.groups.get((budget, None, BASELINE), {}))
        gaps = [one.train_accuracy - one.accuracy for one in group.values() if one.train_accuracy is not None]
        return Row(
            target=self.target.name,
            source=source,
            arm=arm,
            budget=budget,
            labels=_labels(group),
            seeds=len(group),
            accuracy=_accuracy(group),
            sd=stdev(one.accuracy for one in group.values()) if len(group) > 1 else None,
            seconds=fmean(one.seconds for one in group.values()),
            gap=fmean(gaps) if gaps else None,
            epochs_to_baseline=epochs,
            seconds_to_baseline=seconds,
            reached=reached,
            baseline=None if arm in (BASELINE, ZERO_SHOT) else self._contrast(key, (budget, None, BASELINE)),
            contrasts=tuple(contrast for contrast in self._other_contrasts(key) if contrast),
        )

    def _other_contrasts(self, key: _Key) -> list[Contrast | None]:
        budget, _, arm = key
        if arm == ZERO_SHOT:
            budgets = sorted({other for other, _, name in self.groups if name == BASELINE}, key=_size)
            return [self._chance(key), *(self._contrast(key, (other, None, BASELINE)) for other in budgets)]
        networks = [other for other in self.groups if other[0] == budget and other[2] not in LINEAR_ARMS]
        if arm not in LINEAR_ARMS or not networks:
            return []
        return [self._contrast(key, max(networks, key=lambda other: _accuracy(self.groups[other])))]

    def _contrast(self, key: _Key, other: _Key) -> Contrast | None:
        first, second = self.groups[key], self.groups.get(other, {})
        seeds = sorted(first.keys() & second.keys())
        if not seeds:
            return None
        budget, source, arm = other
        return _contrast(arm, source, budget, _labels(second), self._right(first, seeds), self._right(second, seeds))

    def _chance(self, key: _Key) -> Contrast:
        right, labels = self._right(self.groups[key], sorted(self.groups[key])), self.target.labels
        constant = np.broadcast_to(labels == np.bincount(labels).argmax(), right.shape)
        return _contrast(CHANCE, None, 0, 0, right, constant)

    def _right(self, group: _Seeds, seeds: Sequence[int]) -> npt.NDArray[np.bool_]:
        for seed in seeds:
            if group[seed].predicted.shape != self.target.labels.shape:
                raise ValueError(f"the predictions of {group[seed].cell} do not fit the test rows")
        right: npt.NDArray[np.bool_] = np.stack([group[seed].predicted for seed in seeds]) == self.target.labels
        return right


def _contrast(
    arm: str,
    source: str | None,
    budget: Budget,
    labels: int,
    first_right: npt.NDArray[np.bool_],
    second_right: npt.NDArray[np.bool_],
) -> Contrast:
    found = paired_difference(first_right, second_right)
    return Contrast(arm, source, budget, labels, found.seeds, found.difference, found.interval, found.p_value)


def _size(budget: Budget) -> float:
    return float("inf") if budget == "all" else float(budget)


def _labels(group: _Seeds) -> int:
    return round(median(one.labels for one in group.values()))


def _accuracy(group: _Seeds) -> float:
    return fmean(one.accuracy for one in group.values())


def _convergence(group: _Seeds, baseline: _Seeds) -> tuple[float | None, float | None, int | None]:
    """Median epochs and seconds to the baseline's best validation accuracy, and how many seeds get there."""
    seeds = [seed for seed in group if _validations(group[seed]) and seed in baseline and _validations(baseline[seed])]
    if not seeds:
        return None, None, None
    arrivals = [_arrival(group[seed], _best(baseline[seed])) for seed in seeds]
    epochs, seconds = (median(values) for values in zip(*arrivals, strict=True))
    reached = sum(math.isfinite(arrival[0]) for arrival in arrivals)
    return (epochs, seconds, reached) if math.isfinite(epochs) else (None, None, reached)


def _arrival(result: CellResult, accuracy: float) -> tuple[float, float]:
    for row in _validations(result):
        if row["validation_accuracy"] >= accuracy:
            return row["step"] / result.epoch_steps, row["seconds"]
    return math.inf, math.inf


def _best(result: CellResult) -> float:
    return max(float(row["validation_accuracy"]) for row in _validations(result))


def _validations(result: CellResult) -> list[dict[str, Any]]:
    return [row for row in result.history if "validation_accuracy" in row]


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

"""From the cells of a transfer study to the rows of its table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.metrics.intervals import paired_interval
from sentrec.transfer.results import BASELINE, LINEAR_ARMS, ZERO_SHOT, Budget, CellResult, Target

CHANCE = "most frequent class"
"""Who always answers with the class that is the most frequent one among the test rows."""


@dataclass(frozen=True)
class Contrast:
    """How much more accurate an arm is than something other than the baseline with the same labels.

    Attributes:
        arm: The other arm, or `CHANCE`.
        source: The other arm's source; None if it has none.
        budget: The other arm's budget; 0 for chance.
        labels: The labels that it used.
        seeds: Seeds that both have.
        difference: Mean accuracy of the row less that of the other, over these seeds.
        interval: Its 95 % interval, see `paired_interval`.
    """

    arm: str
    source: str | None
    budget: Budget
    labels: int
    seeds: int
    difference: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Row:
    """One arm with one label budget, over all its seeds.

    Attributes:
        target: Name of the target.
        source: Name of the source; None for an arm that has none.
        arm: Name of the arm.
        budget: Labels of the target, or ``all``; 0 for zero-shot.
        labels: Labels that it used: the median over the seeds.
        seeds: How many seeds it was repeated with.
        accuracy: Mean over the seeds.
        sd: Standard deviation over the seeds; None with one seed.
        seconds: Mean over the seeds.
        gap: Mean of the accuracy on training rows less that on the test rows; None for zero-shot.
        difference: Mean accuracy less the baseline's with the same budget, over the seeds that both have; None for the
            baseline itself, for zero-shot, and where there is no such baseline.
        interval: Its 95 % interval, see `paired_interval`.
        epochs_to_baseline: Median epochs until the validation accuracy first reaches the best one of the baseline with
            the same budget and seed, among the seeds that get there; None where fewer than half of them do. For the
            baseline itself: until its own best.
        seconds_to_baseline: The same in seconds of training.
        reached: How many seeds get there; None for arms without epochs.
        compared_seeds: Seeds that ``difference`` and ``interval`` are over; 0 where these are None.
        contrasts: For zero-shot: with chance, and with the baseline at every budget. For a linear arm: with the most
            accurate network that has the same budget.
    """

    target: str
    source: str | None
    arm: str
    budget: Budget
    labels: int
    seeds: int
    accuracy: float
    sd: float | None
    seconds: float
    gap: float | None
    difference: float | None
    interval: tuple[float, float] | None
    epochs_to_baseline: float | None
    seconds_to_baseline: float | None
    reached: int | None
    compared_seeds: int = 0
    contrasts: tuple[Contrast, ...] = ()


_Key = tuple[Budget, str | None, str]
_Seeds = Mapping[int, CellResult]


def table(targets: Sequence[Target], results: Iterable[CellResult]) -> list[Row]:
    """Summarises the cells of a study over their seeds, and compares each arm with the baseline.

    An unfinished study gives the rows that it has.

    Args:
        targets: The targets, with their test labels.
        results: The finished cells.

    Returns:
        Rows by target, then budget (``all`` last), the baseline first, the others in order of first appearance.

    Raises:
        ValueError: If a cell's predictions do not fit the test rows of its target.
    """
    results = list(results)
    return [row for target in targets for row in _TargetTable(target, results).rows()]


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
        appeared: list[str | None] = list(dict.fromkeys(source for _, source, _ in self.groups))
        arms = list(dict.fromkeys(arm for *_, arm in self.groups))

        def place(key: _Key) -> tuple[float, bool, int, int]:
            budget, source, arm = key
            return _size(budget), arm != BASELINE, appeared.index(source), arms.index(arm)

        return [self._row(key) for key in sorted(self.groups, key=place)]

    def _row(self, key: _Key) -> Row:
        budget, source, arm = key
        group = self.groups[key]
        baseline = self.groups.get((budget, None, BASELINE), {})
        against = None if arm in (BASELINE, ZERO_SHOT) else self._contrast(key, (budget, None, BASELINE))
        epochs, seconds, reached = _convergence(group, baseline)
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
            difference=against.difference if against else None,
            interval=against.interval if against else None,
            epochs_to_baseline=epochs,
            seconds_to_baseline=seconds,
            reached=reached,
            compared_seeds=against.seeds if against else 0,
            contrasts=tuple(self._other_contrasts(key)),
        )

    def _other_contrasts(self, key: _Key) -> list[Contrast]:
        budget, _, arm = key
        if arm == ZERO_SHOT:
            budgets = sorted({other for other, _, name in self.groups if name == BASELINE}, key=_size)
            found = [self._contrast(key, (other, None, BASELINE)) for other in budgets]
            return [self._chance(key), *(one for one in found if one)]
        networks = [other for other in self.groups if other[0] == budget and other[2] not in LINEAR_ARMS]
        if arm not in LINEAR_ARMS or not networks:
            return []
        best = max(networks, key=lambda other: _accuracy(self.groups[other]))
        found = [self._contrast(key, best)]
        return [one for one in found if one]

    def _contrast(self, key: _Key, other: _Key) -> Contrast | None:
        first, second = self.groups[key], self.groups.get(other, {})
        seeds = sorted(first.keys() & second.keys())
        if not seeds:
            return None
        budget, source, arm = other
        first_right, second_right = self._right(first, seeds), self._right(second, seeds)
        return _contrast(arm, source, budget, _labels(second), first_right, second_right)

    def _chance(self, key: _Key) -> Contrast:
        right = self._right(self.groups[key], sorted(self.groups[key]))
        labels = self.target.labels
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
    difference = float(first_right.mean() - second_right.mean())
    interval = paired_interval(first_right, second_right)
    return Contrast(arm, source, budget, labels, len(first_right), difference, interval)


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
    arrivals = [arrival for seed in seeds if (arrival := _arrival(group[seed], _best(baseline[seed])))]
    if 2 * len(arrivals) < len(seeds):
        return None, None, len(arrivals)
    epochs, seconds = zip(*arrivals, strict=True)
    return median(epochs), median(seconds), len(arrivals)


def _arrival(result: CellResult, accuracy: float) -> tuple[float, float] | None:
    for row in _validations(result):
        if row["validation_accuracy"] >= accuracy:
            return row["step"] / result.epoch_steps, row["seconds"]
    return None


def _best(result: CellResult) -> float:
    return max(float(row["validation_accuracy"]) for row in _validations(result))


def _validations(result: CellResult) -> list[dict[str, Any]]:
    return [row for row in result.history if "validation_accuracy" in row]

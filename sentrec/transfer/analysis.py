"""From the cells of a transfer study to the rows of its table, with Holm's correction, and to telling reviews."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median, stdev
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.evaluation.samples import shortened
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
    budget_size,
)

_Key = tuple[Budget, str | None, str]
_Seeds = Mapping[int, CellResult]
_Right = npt.NDArray[np.bool_]


def table(targets: Sequence[Target], results: Iterable[CellResult]) -> list[Row]:
    """Summarises the cells of a study over their seeds, and compares each arm with the baseline.

    An unfinished study gives the rows that it has. They come by target, then budget (``all`` last), the baseline first,
    the others in order of first appearance, with p-values corrected for all comparisons of the study that are judged.
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


def _groups(target: Target, results: Iterable[CellResult]) -> dict[_Key, dict[int, CellResult]]:
    """The cells of a target by budget, source and arm, then by seed."""
    groups: dict[_Key, dict[int, CellResult]] = {}
    for result in results:
        cell = result.cell
        if cell.target == target.name:
            groups.setdefault((cell.budget, cell.source, cell.arm), {})[cell.seed] = result
    return groups


class _TargetTable:
    """The rows of one target."""

    def __init__(self, target: Target, results: Sequence[CellResult]) -> None:
        self.target, self.groups = target, _groups(target, results)

    def rows(self) -> list[Row]:
        sources = list(dict.fromkeys(source for _, source, _ in self.groups))
        arms = list(dict.fromkeys(arm for *_, arm in self.groups))

        def place(key: _Key) -> tuple[float, bool, int, int]:
            budget, source, arm = key
            return budget_size(budget), arm != BASELINE, sources.index(source), arms.index(arm)

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
            budgets = sorted({other for other, _, name in self.groups if name == BASELINE}, key=budget_size)
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
        return _contrast(other, _labels(second), self._right(first, seeds), self._right(second, seeds))

    def _chance(self, key: _Key) -> Contrast:
        right, labels = self._right(self.groups[key], sorted(self.groups[key])), self.target.labels
        constant = np.broadcast_to(labels == np.bincount(labels).argmax(), right.shape)
        return _contrast((0, None, CHANCE), 0, right, constant)

    def _right(self, group: _Seeds, seeds: Sequence[int]) -> _Right:
        for seed in seeds:
            if group[seed].predicted.shape != self.target.labels.shape:
                raise ValueError(f"the predictions of {group[seed].cell} do not fit the test rows")
        right: _Right = np.stack([group[seed].predicted for seed in seeds]) == self.target.labels
        return right


def _contrast(other: _Key, labels: int, first_right: _Right, second_right: _Right) -> Contrast:
    budget, source, arm = other
    found = paired_difference(first_right, second_right)
    return Contrast(arm, source, budget, labels, found.seeds, found.difference, found.interval, found.p_value)


def _labels(group: _Seeds) -> int:
    return round(median(one.labels for one in group.values()))


def _accuracy(group: _Seeds) -> float:
    return fmean(one.accuracy for one in group.values())


def _convergence(group: _Seeds, baseline: _Seeds) -> tuple[float | None, float | None, int | None]:
    """Median epochs and seconds to the baseline's best validation accuracy, and how many seeds get there."""
    arrivals = []
    for seed, result in group.items():
        own, others = _validations(result), _validations(baseline[seed]) if seed in baseline else []
        if own and others:
            best = max(row["validation_accuracy"] for row in others)
            there = (row for row in own if row["validation_accuracy"] >= best)
            first = next(((row["step"] / result.epoch_steps, row["seconds"]) for row in there), (math.inf, math.inf))
            arrivals.append(first)
    if not arrivals:
        return None, None, None
    epochs, seconds = (median(values) for values in zip(*arrivals, strict=True))
    reached = sum(math.isfinite(arrival[0]) for arrival in arrivals)
    return (epochs, seconds, reached) if math.isfinite(epochs) else (None, None, reached)


def _validations(result: CellResult) -> list[dict[str, Any]]:
    return [row for row in result.history if "validation_accuracy" in row]


@dataclass(frozen=True)
class Review:
    """A test text (its place from 1, its beginning) that one arm gets right and the other mostly takes for a class."""

    row: int
    text: str
    label: str
    mistaken_for: str


@dataclass(frozen=True)
class Differences:
    """The baseline beside the transfer arm that gains most over it (`row`), on the same test rows.

    A row counts for an arm that is right on it with more than half of the seeds, where the other one is wrong with more
    than half of them: `only_baseline` rows, some of them `baseline_reviews`, those first that most seeds agree on.
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
    """At most `count` reviews each that only the baseline or only the best transfer arm, if any, gets right."""
    compared = [row for row in rows if row.target == target.name and row.arm in TRANSFER_ARMS and row.baseline]
    if not compared:
        return None
    best = max(compared, key=lambda row: row.difference or 0.0)
    groups = _groups(target, results)
    arms = groups[best.budget, best.source, best.arm], groups[best.budget, None, BASELINE]
    seeds = sorted(arms[0].keys() & arms[1].keys())
    of_transfer, of_baseline = (np.stack([arm[seed].predicted for seed in seeds]) for arm in arms)
    margins = [(predicted == target.labels).mean(axis=0) - 0.5 for predicted in (of_transfer, of_baseline)]
    only_transfer, only_baseline = _only_first(*margins), _only_first(*margins[::-1])
    return Differences(
        best,
        len(seeds),
        len(only_baseline),
        len(only_transfer),
        tuple(_review(row, target, of_transfer[:, row]) for row in only_baseline[:count]),
        tuple(_review(row, target, of_baseline[:, row]) for row in only_transfer[:count]),
    )


def _only_first(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> list[int]:
    """The rows that only the first arm gets right, the clearest first, given the shares that are right less a half.

    Equally clear ones come at random: test splits are often sorted by class, so that the first rows would show one
    class only.
    """
    found = np.random.default_rng(1).permutation(np.flatnonzero((first > 0) & (second < 0)))
    ordered: list[int] = found[np.argsort((second - first)[found], kind="stable")].tolist()
    return ordered


def _review(row: int, target: Target, predicted: npt.NDArray[np.int16]) -> Review:
    label = int(target.labels[row])
    most_frequent = int(np.bincount(predicted[predicted != label]).argmax())
    return Review(row + 1, shortened(target.texts[row]), target.label_names[label], target.label_names[most_frequent])

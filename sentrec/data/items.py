"""Items as rows of one or several tables, such as TMDB's films and their credits: what is known of each, by column.

A number to predict may be turned into ordered classes, each number's the nearest of some levels: a classifier of levels
models the whole distribution of a rating, its mean keeps to the scale, and it predicts no worse than regression
(Farebrother et al. 2024, "Stop Regressing").
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.data.columns import KEY_NAMES, folded
from sentrec.data.sources import Source, columns_of, joined_tables
from sentrec.data.values import UnusableError, name_of, rating_of
from sentrec.errors import DataError, counted, did_you_mean
from sentrec.files.parse import user_path
from sentrec.metrics.regression import fit_noise
from sentrec.recipe.sections import DataConfig

Floats = npt.NDArray[np.float64]
_log = logging.getLogger(__name__)
_MOST_LEVELS = 11


@dataclass(frozen=True)
class Items:
    """Rows with their columns."""

    source: str  # what to call them in messages
    columns: Mapping[str, Sequence[Any]]  # the values of each column, None where a row has none
    lines: Sequence[int]  # the line or row of each in its file, from 1

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, rows: npt.NDArray[np.int64]) -> "Items":
        """Some of the rows."""
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        return Items(self.source, columns, [self.lines[row] for row in rows])

    def column(self, name: str, option: str = "") -> Sequence[Any]:
        """The values of a column, else a `DataError`; `option` names another one, e.g. ``--set data.target=NAME``."""
        if name not in self.columns:
            hint = f"{did_you_mean(name, self.columns)}{f'; name another one: {option}' if option else ''}"
            raise DataError(f"{self.source} has no column '{name}'.", hint)
        return self.columns[name]

    def numbers(self, name: str, option: str = "") -> Floats:
        """A column of numbers, float64, NaN where there is none; a `DataError` if it is missing or holds others."""
        values = np.full(len(self), np.nan)
        for row, value in enumerate(self.column(name, option)):
            try:
                found = rating_of(value, "number", name)
            except UnusableError as error:
                raise DataError(f"{self.source}, line {self.lines[row]}: {error}.", option or None) from error
            values[row] = np.nan if found is None else found
        return values

    @property
    def keys(self) -> tuple[str, ...]:
        """What each row is called: its key, else its line."""
        column = self.columns[name] if (name := _key_column(self.columns)) else self.lines
        pairs = zip(column, self.lines, strict=True)
        return tuple(str(line if value in (None, "") else value) for value, line in pairs)

    @property
    def titles(self) -> tuple[str, ...]:
        """Their titles, or keys."""
        column = next((values for name, values in self.columns.items() if folded(name) in ("title", "name")), self.keys)
        return tuple(str(value or "") for value in column)


def read_items(path: str | Path, encoding: str | None = None) -> Items:
    """Reads the rows of a table; of several (a folder, a table with its credits), of the widest, joined by key."""
    tables = [_read(file, encoding) for file in joined_tables(user_path(path, DataError))]
    main = max(tables, key=lambda table: len(table.columns))
    columns = dict(main.columns)
    for other in tables:
        if other is not main:
            columns |= _matched(main, other)
    return Items(str(path), columns, main.lines)


def targets_of(items: Items, data: DataConfig) -> tuple[Floats, Floats | None]:
    """The target of each row, NaN where it has none, and of how many votes it is the mean.

    Raises a `DataError` if a column is missing, or a value is no number, or outside of the scale.
    """
    assert data.target is not None
    target = items.numbers(data.target, "--set data.target=NAME")
    low, high = data.scale or (-np.inf, np.inf)
    if (outside := (target < low) | (target > high)).any():
        first = int(outside.argmax())
        raise DataError(
            f"{counted(int(outside.sum()), 'target')} of {items.source} lie outside of the scale {low:g} to {high:g}; "
            f"the first is {target[first]:g} in line {items.lines[first]}.",
            "Correct them, or state the scale: --set data.scale=[LOW,HIGH]",
        )
    if data.votes is None:
        return target, None
    votes = items.numbers(data.votes, "--set data.votes=NAME")
    unrated = ~np.isnan(target) & ~(votes > 0)
    if unrated.any():
        _log.info("%s of %s without votes left out", counted(int(unrated.sum()), "row"), items.source)
    return np.where(unrated, np.nan, target), votes


def _read(file: Path, encoding: str | None) -> Items:
    columns, lines, bad = columns_of(Source(str(file), encoding).rows())
    if bad:
        first = f"line {bad[0].line}, {bad[0].reason}"
        _log.warning("%s of %s left out; the first: %s", counted(len(bad), "row"), file, first)
    if not lines:
        raise DataError(f"{file} has no rows.", "It needs rows with the facts of items.")
    return Items(str(file), columns, tuple(lines))


def _matched(main: Items, other: Items) -> dict[str, list[Any]]:
    """The columns that only `other` has, for the rows of `main`, by their keys."""
    mine, theirs = _key_column(main.columns), _key_column(other.columns)
    if mine is None or theirs is None:
        raise DataError(f"{(main if mine is None else other).source} has no key to join it by.", f"One of {KEY_NAMES}.")
    place = {_name(key, theirs): row for row, key in enumerate(other.columns[theirs])}
    rows = [place.get(_name(key, mine)) for key in main.columns[mine]]
    new = [name for name in other.columns if name not in main.columns and name != theirs]
    return {name: [None if row is None else other.columns[name][row] for row in rows] for name in new}


def _key_column(columns: Mapping[str, Any]) -> str | None:
    by_name = {folded(name): name for name in columns}
    return next((by_name[name] for name in map(folded, KEY_NAMES) if name in by_name), None)


def _name(value: Any, column: str) -> str | None:
    try:
        return name_of(value, "key", column)
    except UnusableError:
        return None


def rating_levels(targets: Floats) -> Floats:
    """Levels, ascending: all distinct targets where they are few, as stars are, else the means of equal parts."""
    distinct = np.unique(targets)
    if len(distinct) <= _MOST_LEVELS:
        return distinct
    means = [float(part.mean()) for part in np.array_split(np.sort(targets), _MOST_LEVELS)]
    return np.unique(np.round(means, 4))


def level_names(levels: Floats) -> tuple[str, ...]:
    """The levels as names of classes."""
    return tuple(f"{level:.10g}" for level in levels)


def nearest_levels(targets: Floats, levels: Floats) -> npt.NDArray[np.int64]:
    """The class number of each target."""
    middles = (levels[1:] + levels[:-1]) / 2
    return np.searchsorted(middles, targets).astype(np.int64)


def weighted_targets(targets: Floats, levels: Floats, votes: Floats | None) -> npt.NDArray[np.float32]:
    """Each target as a mixture of the two levels around it, times its weight, float32, shape ``(rows, levels)``.

    Weights have a mean of 1; those of targets that are means of few votes are smaller: 1 / (tau² + s² / votes).
    """
    inside = np.clip(targets, levels[0], levels[-1])
    upper = np.clip(np.searchsorted(levels, inside), 1, len(levels) - 1)
    share = (inside - levels[upper - 1]) / (levels[upper] - levels[upper - 1])
    variance = fit_noise(targets - targets.mean(), votes).variance(votes, len(targets))
    weights = 1.0 / np.maximum(variance, 1e-12)
    weights /= weights.mean()
    rows, mixed = np.arange(len(targets)), np.zeros((len(targets), len(levels)), np.float32)
    mixed[rows, upper], mixed[rows, upper - 1] = share * weights, (1.0 - share) * weights
    return mixed

"""Models of ratings judged by rows that they have not learned from: cross-validation, and a division by time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sentrec.data.writers import table_writer
from sentrec.errors import DataError, RecipeError
from sentrec.metrics.regression import r2_difference
from sentrec.rating.model import Rated, folds_of, groups_of, measure_ratings
from sentrec.rating.rows import RatedRows, read_rows
from sentrec.recipe import Recipe
from sentrec.runs.directory import ENVIRONMENT, RECIPE, find_model
from sentrec.training.interrupt import StopRequest
from sentrec.training.loop import make_accelerator
from sentrec.training.rating import rate_others
from sentrec.training.recipe import load_recipe
from sentrec.training.train import fit_texts

_SEED = 0
Parts = list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]
MEAN = "mean of the training rows"


@dataclass(frozen=True)
class RatingEvaluation:
    """What was measured.

    Attributes:
        name: Of the recipe.
        data: Its table.
        division: How rows to learn from and rows to judge by were divided.
        metrics: By model, the mean of the training rows among them, and by group of rows.
        differences: R² of the first model less that of each other one, with its 95 % interval, by group of rows.
    """

    name: str
    data: str
    division: str
    metrics: dict[str, dict[str, dict[str, Any]]]
    differences: dict[str, dict[str, tuple[float, float, float]]]

    def to_dict(self) -> dict[str, Any]:
        """The evaluation in plain JSON types."""
        return asdict(self)


def recipe_of(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of a finished run, or one by its file or name, with overrides; a `RecipeError` if there is neither."""
    directory = find_model(name)
    return load_recipe(directory / RECIPE if (directory / ENVIRONMENT).is_file() else name, overrides)


def evaluate_ratings(
    recipe: Recipe,
    folds: int = 5,
    split_by: Literal["rows", "time"] = "rows",
    against: Recipe | None = None,
    predictions: Path | None = None,
    on_part: Callable[[str, int, int], None] | None = None,
) -> RatingEvaluation:
    """Fits a recipe's model, of ``task: rate``, to parts of its rows and measures it on the others.

    Rows are divided at random into so many `folds`, each rated by a model of the others; or once by ``time``: those
    from `data.test_from` on, or the last part, are rated by those before. `against` is another recipe on the same
    table; `predictions` a file for the rating of each row; `on_part` is told, after every division, the recipe's name,
    its number and how many there are. Raises a `RecipeError` if a recipe classifies, or the two are on different rows.
    """
    recipes = {recipe.name: recipe}
    if against is not None:
        recipes[against.name if against.name != recipe.name else f"{against.name} (2)"] = against
    for one in recipes.values():
        if one.task != "rate":
            raise RecipeError(f"{one.name} classifies: folds are for recipes with task: rate.", "Leave --folds out.")
    tables = {name: read_rows(one.data) for name, one in recipes.items()}
    rows = tables[recipe.name]
    for name, table in tables.items():
        if table.keys != rows.keys or not np.array_equal(table.target, rows.target):
            raise RecipeError(f"{name} and {recipe.name} are on other rows or targets, and cannot be compared.")
    division, parts = _by_time(rows, recipe, folds) if split_by == "time" else _at_random(rows, folds)
    judged = np.concatenate([test for _, test in parts])
    target, votes = rows.target[judged], None if rows.votes is None else rows.votes[judged]
    rated = {name: _rated(one, tables[name], parts, on_part) for name, one in recipes.items()}
    rated[MEAN] = _joined([_mean_rating(rows, *part) for part in parts])
    if predictions is not None:
        _write(predictions, [rows.keys[row] for row in judged], target, rated)
    first, *others = rated
    groups = groups_of(target, votes)
    return RatingEvaluation(
        recipe.name,
        rows.source,
        division,
        {name: measure_ratings(target, one, votes) for name, one in rated.items()},
        {
            name: {
                group: r2_difference(target[chosen], rated[first].mean[chosen], rated[name].mean[chosen])
                for group, chosen in groups.items()
            }
            for name in others
        },
    )


def _at_random(rows: RatedRows, folds: int) -> tuple[str, Parts]:
    return f"{folds} folds", list(folds_of(rows.groups, folds, _SEED))


def _by_time(rows: RatedRows, recipe: Recipe, folds: int) -> tuple[str, Parts]:
    """One division: the rows from a date on by those before it; rows without a date are left out."""
    if rows.dates is None:
        raise DataError(f"{rows.source} has no column of dates.", "It needs one such as release_date or year.")
    dates = np.array(rows.dates)
    known = np.sort(dates[dates != ""])
    border = recipe.data.test_from or str(known[len(known) - len(known) // folds])
    before, after = np.flatnonzero((dates != "") & (dates < border)), np.flatnonzero(dates >= border)
    if not len(before) or not len(after):
        raise DataError(f"no row of {rows.source} is before {border}, or none after it.", "Set data.test_from.")
    return f"rows from {border} on, by a model of those before", [(before, after)]


def _rated(recipe: Recipe, rows: RatedRows, parts: Parts, on_part: Callable[[str, int, int], None] | None) -> Rated:
    stop, accelerator, found = StopRequest(), make_accelerator(recipe.training.device), []
    for number, (train, test) in enumerate(parts, start=1):
        found.append(rate_others(recipe, rows, train, test, partial(fit_texts, accelerator, stop)))
        if on_part is not None:
            on_part(recipe.name, number, len(parts))
    return _joined(found)


def _mean_rating(rows: RatedRows, train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]) -> Rated:
    """The mean of the training rows for every row, with an interval of their quantiles."""
    target = rows.target[train]
    low, high = np.quantile(target, [0.05, 0.95])
    return Rated(*(np.full(len(test), float(one)) for one in (target.mean(), target.var(), low, high)))


def _joined(parts: Sequence[Rated]) -> Rated:
    return Rated(*(np.concatenate(columns) for columns in zip(*(vars(one).values() for one in parts), strict=True)))


def _write(path: Path, keys: Sequence[str], target: npt.NDArray[np.float64], rated: Mapping[str, Rated]) -> None:
    columns = {name: one.mean.round(4).tolist() for name, one in rated.items()}
    first = next(iter(rated.values()))
    columns |= {"low": first.low.round(4).tolist(), "high": first.high.round(4).tolist()}
    with table_writer(path) as write:
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        write([{"key": key, "target": one} | row for key, one, row in zip(keys, target.tolist(), rows, strict=True)])

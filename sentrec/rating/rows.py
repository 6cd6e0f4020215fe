"""The rated rows of a recipe's table: targets on their scale, votes, dates, facts, texts."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sentrec.data.columns import RECIPE_OPTIONS, FieldNames, folded
from sentrec.data.items import Items, read_items, targets_of
from sentrec.data.locate import locate_split, spec_of
from sentrec.data.values import UnusableError, text_of
from sentrec.errors import DataError, counted
from sentrec.rating.facts import Facts, Floats, Schema, extract, learn_schema
from sentrec.recipe.sections import DataConfig

_DATES = tuple(map(folded, ("release_date", "date", "review_date", "timestamp", "time", "year")))
_FEWEST_ROWS = 20


@dataclass(frozen=True)
class RatedRows:
    """Rows with a rating.

    Attributes:
        source: What to call the table in messages.
        keys: What each row is called.
        target: Their ratings.
        votes: Of how many votes each is the mean; None: unknown.
        groups: The number of each row's group; rows of one stay together.
        scale: The lowest and the highest rating.
        dates: Date of each row as text that sorts in order of time, empty where it has none; None: no such column.
        texts: Text of each row; None: the recipe reads none.
        schema: Where the facts are from; None as of `facts`.
        facts: What is known of each row; None: the recipe rates by texts alone.
        titles: Title of each row, or its key.
    """

    source: str
    keys: tuple[str, ...]
    target: Floats
    votes: Floats | None
    groups: npt.NDArray[np.int64]
    scale: tuple[float, float]
    dates: tuple[str, ...] | None = None
    texts: tuple[str, ...] | None = None
    schema: Schema | None = None
    facts: Facts | None = None
    titles: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.target)


def read_rows(data: DataConfig) -> RatedRows:
    """Reads the table of a recipe that rates; rows without a rating, or of nobody's votes, are left out.

    Raises:
        DataError: If it cannot be read, lacks a column, has targets that are no numbers or outside of the scale, or too
            few rows have one, or all the same.
    """
    assert data.target is not None  # the recipe's own check
    location = locate_split(data, data.train)
    if not isinstance(location, Path):
        message = f"{data.dataset} is on the hub, and rows of a table are divided here."
        raise DataError(message, "Name a file: --set data.dataset=FILE")
    items = read_items(location, data.encoding)
    target, votes = targets_of(items, data)
    rows = np.flatnonzero(~np.isnan(target) & (True if votes is None else votes > 0))
    if len(rows) < _FEWEST_ROWS:
        raise DataError(f"{items.source} has {counted(len(rows), 'row')} with a rating, and {_FEWEST_ROWS} are needed.")
    if not np.ptp(target[rows]):
        raise DataError(f"all ratings of {items.source} are {target[rows[0]]:g}: there is nothing to learn.")
    few = items.take(rows)
    names, texts = few.keys, None if data.facts and not data.text_columns else texts_of(few, data)
    if data.group_column:
        names = tuple(map(str, few.column(data.group_column, "--set data.group_column=NAME")))
    target = target[rows]
    found = RatedRows(
        items.source,
        few.keys,
        target,
        None if votes is None else votes[rows],
        np.unique(texts if texts and not data.group_column else names, return_inverse=True)[1],
        data.scale or (float(target.min()), float(target.max())),
        _dates_of(few),
        texts,
        titles=few.titles,
    )
    if data.facts is None:
        return found
    schema = learn_schema(few, data.facts, (data.target,))
    return replace(found, schema=schema, facts=extract(few, schema))


def texts_of(items: Items, data: DataConfig) -> tuple[str, ...]:
    """The text of each row, empty where it has none; a `DataError` if there is no column of texts."""
    names = FieldNames(text=data.text_columns or spec_of(data.dataset).text_columns)
    if not (columns := names.find("text", items.columns)):
        raise names.missing("text", items.source, "it has", items.columns, RECIPE_OPTIONS)
    return tuple(_text(items, row, columns) for row in range(len(items)))


def _text(items: Items, row: int, columns: tuple[str, ...]) -> str:
    try:
        return text_of({name: items.columns[name][row] for name in columns}, columns)
    except UnusableError:
        return ""


def _dates_of(items: Items) -> tuple[str, ...] | None:
    by_name = {folded(name): name for name in items.columns}
    column = next((by_name[name] for name in _DATES if name in by_name), None)
    return tuple("" if value is None else str(value) for value in items.columns[column]) if column else None

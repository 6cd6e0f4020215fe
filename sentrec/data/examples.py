"""Labelled texts of one split, checked: every row has a text and a label, and labels are numbered."""

import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sentrec.data.columns import RECIPE_OPTIONS, FieldNames, require_single, zero_is_unrated
from sentrec.data.items import Items, level_names, nearest_levels, targets_of
from sentrec.data.labels import LEFT_OUT, UNLABELLED, ClassNames, ClassNumbers, number_labels
from sentrec.data.locate import locate_split, spec_of
from sentrec.data.tables import Table, read_hub, read_table
from sentrec.data.values import Ratings, read_ratings
from sentrec.errors import DataError, counted, listed
from sentrec.files.parse import parsing
from sentrec.recipe.sections import DataConfig
from sentrec.text.vocabulary import fingerprint

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examples:
    """Labelled texts."""

    texts: list[str]  # the texts, none of them empty
    labels: ClassNumbers  # class numbers, int64, shape ``(texts,)``
    label_names: ClassNames  # names of the classes in the order of their numbers
    ratings: Ratings | None = None
    """The stars that came with the texts, float32, shape ``(texts,)``; None where they were not asked for. Of a task
    that rates, the targets."""
    groups: npt.NDArray[np.int64] | None = None
    """Number of the group of each text, such as its film, int64, shape ``(texts,)``; None as of `ratings`."""
    votes: npt.NDArray[np.float64] | None = None
    """Of how many votes each target is the mean, float64, shape ``(texts,)``; None where that is unknown."""

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: npt.NDArray[np.int64]) -> "Examples":
        """These rows only, in this order."""
        return replace(self.without_texts(rows), texts=[self.texts[row] for row in rows])

    def without_texts(self, rows: npt.NDArray[Any]) -> "Examples":
        """What else belongs to these rows, which a mask may choose."""
        parts = (None if values is None else values[rows] for values in (self.ratings, self.groups, self.votes))
        return Examples([], self.labels[rows], self.label_names, *parts)

    def alone(self) -> "Examples":
        """The same texts and labels, without ratings and groups."""
        return replace(self, ratings=None, groups=None)

    def fingerprint(self) -> str:
        """A short name that changes when any text, label or class name does; ratings have a name of their own."""
        return fingerprint(self.texts, self.labels.tobytes(), self.label_names)


def load_examples(data: DataConfig, split: str, for_training: bool = False, like: DataConfig | None = None) -> Examples:
    """Reads one split of the recipe's dataset, or a file named in its place.

    `for_training` reads the stars and the groups, too, where the section names their columns; `like` is a section whose
    columns are used where `data` names none and the file has them. Other columns are found by their usual names, see
    `sentrec.data.columns`. Raises a `DataError` if the data cannot be found or read, a column is missing, rows lack a
    text, a label or the stars that are asked for (unless ``bad_rows: skip``), or no row is left.
    """
    read = _read(data, split, like)
    is_stars = not read.names.find("label", read.header)
    has_labels = not is_stars or read.names.find("rating", read.header)
    read.columns("text", () if has_labels else ("label",))
    texts = read.texts()
    groups = read.groups(data.group_column) if for_training and data.group_column else None
    if data.target is not None:
        return _rated(read, texts, groups, data)
    ratings = None
    if for_training and data.rating_column:
        ratings = read_ratings(read.table.column(read.columns("rating")[0]), data.rating_column, read.source)
    label = read.columns("rating" if is_stars and has_labels else "label")[0]
    names = data.label_names or spec_of(data.dataset).label_names or _names_in_schema(read.table, label, read.source)
    column = read.table.column(label)
    if is_stars and zero_is_unrated(read.header):
        column = pc.if_else(pc.is_in(column.cast(pa.string()), pa.array(["0", "0.0"])), None, column)
    labels, names = number_labels(column, names, read.source, data.label_map, is_stars)
    labels = _without_blanks(labels, _blank(texts), is_stars, read.source)
    rows = Examples([], labels, names, ratings, groups)
    places = np.flatnonzero(labels != LEFT_OUT)
    if (out := labels == LEFT_OUT).any():
        texts, rows = texts.filter(pa.array(~out)), rows.without_texts(~out)
    if not len(rows.labels):
        raise DataError(f"{read.source} has no rows.", "It needs rows with a text and a label.")
    if (rows.labels == UNLABELLED).all():
        raise DataError(
            f"no row of {read.source} has a label in column '{label}': it is empty, or its labels are kept secret.",
            "Name another column (--label-field), or judge by another split: --set data.test=validation to train, "
            "--split validation to evaluate.",
        )
    return _without_bad_rows(texts, rows, places, data, read.source)


def at_levels(rows: Examples, levels: npt.NDArray[np.float64]) -> Examples:
    """Rows with targets, their labels now the nearest of some levels (`sentrec.data.items`)."""
    assert rows.ratings is not None
    labels = nearest_levels(rows.ratings.astype(np.float64), levels)
    return replace(rows, labels=labels, label_names=level_names(levels))


def _rated(read: "_Read", texts: pa.ChunkedArray, groups: npt.NDArray[np.int64] | None, data: DataConfig) -> Examples:
    """Rows with the numbers to predict; their labels are given by `at_levels`."""
    columns = {name: read.table.column(name).to_pylist() for name in read.table.column_names}
    items = Items(read.source, columns, range(1, read.table.num_rows + 1))
    target, votes = targets_of(items, data)
    rows = Examples([], np.zeros(len(items), np.int64), (), target.astype(np.float32), groups, votes)
    rated = np.ones(len(items), bool) if votes is None else votes > 0  # what nobody has rated is no bad row
    texts, rows = texts.filter(pa.array(rated)), rows.without_texts(rated)
    return _without_bad_rows(texts, rows, np.flatnonzero(rated), data, read.source)


def load_texts(data: DataConfig, split: str) -> list[str]:
    """Reads the texts of a split or a file but for blank ones, without labels; a `DataError` if there are none."""
    read = _read(data, split)
    texts = [text for text in read.texts().to_pylist() if text and not text.isspace()]
    if not texts:
        raise DataError(f"{read.source} has no row with a text.", "Is it the right file, and column?")
    return texts


@dataclass(frozen=True)
class _Read:
    """A table as it was read, what to call it in messages, and which of its columns is what."""

    table: pa.Table
    header: tuple[str, ...]
    source: str
    names: FieldNames

    def columns(self, role: str, others: Sequence[str] = ()) -> tuple[str, ...]:
        found = self.names.find(role, self.header)
        if not found:
            roles = [role, *others]
            raise self.names.missing(roles, self.source, "it has", self.header, RECIPE_OPTIONS)
        require_single(found, self.header, self.source)
        return found

    def texts(self) -> pa.ChunkedArray:
        parts = []
        for column in self.columns("text"):
            values = self.table.column(column)
            kind = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
            if len(values) and not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                message = f"Column '{column}' of {self.source} holds {kind} values, not text."
                raise DataError(message, "Is data.text_columns the right one?")
            parts.append(values.cast(kind).cast(pa.large_string()))
        if len(parts) == 1:
            return parts[0]
        return pc.binary_join_element_wise(*parts, pa.scalar("\n", pa.large_string()), null_handling="skip")

    def groups(self, name: str) -> npt.NDArray[np.int64]:
        if name not in self.header:
            hint = "Name the column of the groups, --set data.group_column=NAME, or do without: "
            raise DataError(
                f"{self.source} has no column '{name}'; it has: {listed(self.header)}.",
                hint + "--set data.group_column=null",
            )
        codes = self.table.column(name).combine_chunks().dictionary_encode().indices
        # A row without a group is one of its own.
        return np.where(codes.is_null(), -1 - np.arange(len(codes)), codes.fill_null(0)).astype(np.int64)


def _read(data: DataConfig, split: str, like: DataConfig | None = None) -> _Read:
    location, spec = locate_split(data, split), spec_of(data.dataset)
    others = [like] if like else []

    def names_in(header: Sequence[str]) -> FieldNames:
        text = data.text_columns or _first_there(header, *(one.text_columns for one in others), spec.text_columns)
        usual = (*(one.label_column for one in others), spec.label_column)
        label = data.label_column or next((name for name in usual if name in header), None)
        return FieldNames(text=text, label=label and (label,), rating=data.rating_column)

    def select(header: Sequence[str]) -> Collection[str]:
        found = names_in(header).roles(tuple(header))
        others = {name for name in (data.group_column, data.target, data.votes) if name and name in header}
        return others | {name for role in ("text", "label", "rating") for name in found.get(role, ())}

    if isinstance(location, Path):
        table, source = read_table(location, select, data.encoding), str(location)
    else:
        table, source = read_hub(location, split), f"{location.name}/{split}"
    _require_readable(table, data, source)
    names = names_in(table.header)
    roles = ("text", "label" if names.find("label", table.header) else "rating")[: 1 if data.target else 2]
    if found := names.describe(source, table.header, roles):
        _log.info(found)
    return _Read(table.columns, table.header, source, names)


def _first_there(header: Sequence[str], *choices: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return next((columns for columns in choices if columns and set(columns) <= set(header)), None)


def _require_readable(table: Table, data: DataConfig, source: str) -> None:
    if not table.bad:
        return
    first = table.bad[0]
    problem = f"{counted(len(table.bad), 'row')} of {source} cannot be read: line {first.line}: {first.reason}"
    if data.bad_rows == "error":
        quoted = "Put a text that holds commas, quotes or line breaks into double quotes"
        hint = quoted if "row has" in problem else "Correct them"
        raise DataError(f"{problem}.", f"{hint}, or leave such rows out with --set data.bad_rows=skip")
    _log.warning("left out %s", problem)


def _names_in_schema(table: pa.Table, label_column: str, source: str) -> ClassNames:
    """The class names that the `datasets` library writes into a Parquet file's metadata, if there are any."""
    metadata = (table.schema.metadata or {}).get(b"huggingface")
    if metadata is None:
        return ()
    with parsing(f"The metadata of {source}", DataError):
        feature = json.loads(metadata).get("info", {}).get("features", {}).get(label_column, {})
        return tuple(map(str, feature.get("names", ()))) if isinstance(feature, dict) else ()


def _blank(texts: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    """Which texts are none: empty, or nan as pandas writes no value."""
    words = pc.utf8_trim_whitespace(texts)
    is_blank = pc.is_in(words, pa.array(["", "nan", "NaN"], words.type))
    blank: npt.NDArray[np.bool_] = pc.or_(pc.is_null(words), is_blank).to_numpy()
    return blank


def _without_blanks(labels: ClassNumbers, blank: npt.NDArray[np.bool_], is_stars: bool, source: str) -> ClassNumbers:
    """Class numbers, `LEFT_OUT` also of rows that are no mistakes: without text and label, or stars without text."""
    if (out := labels == LEFT_OUT).any():
        _log.info("left out %s of %s whose label is none of the classes", counted(int(out.sum()), "row"), source)
    unlabelled = labels == UNLABELLED
    lacking = (blank & ~out) & unlabelled
    if is_stars and not unlabelled.all():
        lacking = (blank & ~out) | unlabelled
    if lacking.any() and not lacking.all():
        what = "without a text or stars" if is_stars else "without text and label"
        _log.warning("left out %s of %s %s", counted(int(lacking.sum()), "row"), source, what)
        labels = np.where(lacking, LEFT_OUT, labels)
    return labels


def _without_bad_rows(
    texts: pa.ChunkedArray, rows: Examples, places: npt.NDArray[np.int64], data: DataConfig, source: str
) -> Examples:
    """The rows, which lack their texts as yet, with the texts and without those that lack anything else.

    `places` are theirs in the file, from 0.
    """
    lacks = {
        "have no text": _blank(texts),
        f"have no label, or none of: {listed(rows.label_names)}": rows.labels == UNLABELLED,
    }
    wanted, lacking = "both a text and a label", "a text or a label"
    if rows.ratings is not None:
        number = f"number in column '{data.target or data.rating_column}'"
        wanted, lacking = f"a text, a label and a {number}", f"a text, a label or a {number}"
        lacks[f"have no {number}"] = np.isnan(rows.ratings)
    good = ~np.logical_or.reduce(list(lacks.values()))
    if not good.any():
        raise DataError(f"{source} has no row with {wanted}.", "Is it the right file, and column?")
    for what, bad in lacks.items():
        if bad.any() and data.bad_rows == "error":
            count, first = int(bad.sum()), int(places[bad.argmax()]) + 1
            raise DataError(
                f"{count:,} of {len(bad):,} rows of {source} {what} (the first is row {first:,}).",
                "Correct them, or leave them out with --set data.bad_rows=skip",
            )
    if not good.all():
        _log.warning("left out %s rows of %s that lack %s", f"{int((~good).sum()):,}", source, lacking)
        rows, texts = rows.without_texts(good), texts.filter(pa.array(good))
    return replace(rows, texts=texts.to_pylist())

"""Labelled texts of one split, checked: every row has a text and a label, and labels are numbered."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sentrec.data.labels import UNLABELLED, ClassNames, ClassNumbers, number_labels
from sentrec.data.locate import locate_split, spec_of
from sentrec.data.ratings import Ratings, read_ratings
from sentrec.data.tables import read_file, read_hub
from sentrec.errors import DataError
from sentrec.recipe.sections import DataConfig
from sentrec.text.vocabulary import fingerprint

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Examples:
    """Labelled texts.

    Attributes:
        texts: The texts, none of them empty.
        labels: Class numbers, int64, shape ``(texts,)``.
        label_names: Names of the classes in the order of their numbers.
        ratings: The stars that came with the texts, float32, shape ``(texts,)``; None where they were not asked for.
    """

    texts: list[str]
    labels: ClassNumbers
    label_names: ClassNames
    ratings: Ratings | None = None

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: npt.NDArray[np.int64]) -> "Examples":
        """These rows only, in this order."""
        ratings = None if self.ratings is None else self.ratings[rows]
        return Examples([self.texts[row] for row in rows], self.labels[rows], self.label_names, ratings)

    def without_ratings(self) -> "Examples":
        """The same texts and labels alone."""
        return replace(self, ratings=None)

    def fingerprint(self) -> str:
        """A short name that changes when any text, label or class name does; ratings have a name of their own."""
        return fingerprint(self.texts, self.labels.tobytes(), self.label_names)


def load_examples(data: DataConfig, split: str, with_ratings: bool = False) -> Examples:
    """Reads one split of the recipe's dataset, or a file named in its place.

    Args:
        data: The recipe's data section.
        split: A split's name, e.g. ``test``, or the path of a CSV, JSONL or Parquet file.
        with_ratings: Whether to read the stars, too, where the section names their column.

    Returns:
        The rows in the order of the source.

    Raises:
        DataError: If the data cannot be found or read, a column is missing, rows lack a text, a label or the stars that
            are asked for (unless ``bad_rows: skip``), or no row is left.
    """
    spec = spec_of(data.dataset)
    text_columns: Sequence[str] = data.text_columns or spec.text_columns
    table, source = _read(data, split, text_columns)
    text_columns = _existing_text_columns(table, data, text_columns, source)
    label_column = data.label_column or spec.label_column
    _require_columns(table, (*text_columns, label_column), source)
    ratings = _ratings(table, data.rating_column, source) if with_ratings and data.rating_column else None
    texts = _joined_text(table, text_columns, source)
    names = data.label_names or spec.label_names or _names_in_schema(table, label_column)
    labels, names = number_labels(table.column(label_column), names, source)
    _require_labels(labels, source)
    return _without_bad_rows(texts, Examples([], labels, names, ratings), data, source)


def load_texts(data: DataConfig, split: str) -> list[str]:
    """Reads one split of the recipe's dataset, or a file, without asking for labels; blank texts are left out.

    Args:
        data: The recipe's data section.
        split: A split's name, e.g. ``unsupervised``, or the path of a file.

    Raises:
        DataError: If the data cannot be found or read, or holds no text.
    """
    columns: Sequence[str] = data.text_columns or spec_of(data.dataset).text_columns
    table, source = _read(data, split, columns)
    columns = _existing_text_columns(table, data, columns, source)
    _require_columns(table, tuple(columns), source)
    texts = [text for text in _joined_text(table, columns, source).to_pylist() if text and not text.isspace()]
    if not texts:
        raise DataError(f"{source} has no row with a text.", "Is it the right file, and column?")
    return texts


def _read(data: DataConfig, split: str, text_columns: Sequence[str]) -> tuple[pa.Table, str]:
    """The table, and what to call it in messages."""
    location = locate_split(data, split)
    if isinstance(location, Path):
        return read_file(location, text_columns), str(location)
    return read_hub(location, split), f"{location.name}/{split}"


def _existing_text_columns(
    table: pa.Table, data: DataConfig, text_columns: Sequence[str], source: str
) -> Sequence[str]:
    # A local mirror may have joined or renamed the hub's columns to the usual one.
    if data.text_columns is None and not set(text_columns) <= set(table.column_names) and "text" in table.column_names:
        _log.info("%s has no column %s: using 'text'", source, "/".join(text_columns))
        return ("text",)
    return text_columns


def _ratings(table: pa.Table, column: str, source: str) -> Ratings:
    labels_alone = "learn from labels alone: --set data.rating_column=null --set objective.ratings=0"
    hint = f"Name the column of the stars, --set data.rating_column=stars, or {labels_alone}"
    _require_columns(table, (column,), source, hint)
    return read_ratings(table.column(column), column, source)


def _require_columns(table: pa.Table, columns: Sequence[str], source: str, hint: str | None = None) -> None:
    for column in columns:
        count = table.column_names.count(column)
        if count != 1:
            problem = f"has {count} columns '{column}'" if count else f"has no column '{column}'"
            said = f"{source} {problem}; it has: {', '.join(table.column_names)}."
            raise DataError(said, hint or _column_hint(table))


def _column_hint(table: pa.Table) -> str:
    if table.num_columns == 1 and set(";\t|") & set(table.column_names[0]):
        return "Columns of a .csv file are separated by commas, those of a .tsv file by tabs: save it so."
    return "Name your columns: --set data.text_columns=[review] --set data.label_column=sentiment"


def _joined_text(table: pa.Table, columns: Sequence[str], source: str) -> pa.ChunkedArray:
    parts = []
    for column in columns:
        values = table.column(column)
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
            raise DataError(
                f"column '{column}' of {source} holds {values.type} values, not text.",
                "Is data.text_columns the right one?",
            )
        parts.append(values.cast(pa.large_string()))
    if len(parts) == 1:
        return parts[0]
    return pc.binary_join_element_wise(*parts, pa.scalar("\n", pa.large_string()), null_handling="skip")


def _names_in_schema(table: pa.Table, label_column: str) -> ClassNames:
    """The class names that the `datasets` library writes into a Parquet file's metadata, if there are any."""
    import json

    metadata = (table.schema.metadata or {}).get(b"huggingface")
    if metadata is None:
        return ()
    feature = json.loads(metadata).get("info", {}).get("features", {}).get(label_column, {})
    return tuple(feature.get("names", ())) if isinstance(feature, dict) else ()


def _require_labels(labels: ClassNumbers, source: str) -> None:
    if not len(labels):
        raise DataError(f"{source} has no rows.", "It needs rows with a text and a label.")
    if (labels == UNLABELLED).all():
        raise DataError(
            f"no row of {source} has a label: the column is empty, or its labels are kept secret.",
            "Judge by another split or file: --set data.test=validation to train, --split validation to evaluate.",
        )


def _without_bad_rows(texts: pa.ChunkedArray, rows: Examples, data: DataConfig, source: str) -> Examples:
    """The rows, which lack their texts as yet, with the texts and without those that lack anything else."""
    blank = pc.fill_null(pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0), True).to_numpy()
    lacks = {"have no text": blank}
    lacks[f"have no label, or none of: {', '.join(rows.label_names)}"] = rows.labels == UNLABELLED
    wanted, lacking = "both a text and a label", "a text or a label"
    if rows.ratings is not None:
        wanted = f"a text, a label and a number in column '{data.rating_column}'"
        lacking = f"a text, a label or a number in column '{data.rating_column}'"
        lacks[f"have no number in column '{data.rating_column}'"] = np.isnan(rows.ratings)
    good = ~np.logical_or.reduce(list(lacks.values()))
    if not good.any():
        raise DataError(f"{source} has no row with {wanted}.", "Is it the right file, and column?")
    for what, bad in lacks.items():
        if bad.any() and data.bad_rows == "error":
            count, first = int(bad.sum()), int(bad.argmax()) + 1
            raise DataError(
                f"{count:,} of {len(bad):,} rows of {source} {what} (the first is row {first:,}).",
                "Mend them, or leave them out with --set data.bad_rows=skip",
            )
    if good.all():
        return replace(rows, texts=texts.to_pylist())
    _log.warning("left out %s rows of %s that lack %s", f"{int((~good).sum()):,}", source, lacking)
    kept = texts.filter(pa.array(good)).to_pylist()
    ratings = None if rows.ratings is None else rows.ratings[good]
    return Examples(kept, rows.labels[good], rows.label_names, ratings)

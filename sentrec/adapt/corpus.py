"""The unlabelled texts to learn vectors from: splits of named datasets, and files.

A .txt file is read line by line, however long it is; a table is read whole.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from sentrec.data.formats import looks_like_file
from sentrec.data.locate import has_split, locate_split, spec_of
from sentrec.data.tables import read_hub, read_table
from sentrec.errors import DataError
from sentrec.hookspecs import DatasetSpec
from sentrec.recipe.sections import DataConfig
from sentrec.text.shorten import shortened

_log = logging.getLogger(__name__)

_PLAIN_SUFFIX = ".txt"
_UNLABELLED_SPLITS = ("train", "unsupervised")
_USUAL_COLUMNS = ("text", "review", "content")
_BATCH = 4096


@dataclass(frozen=True)
class Part:
    """One source of texts.

    Attributes:
        label: What to call it in messages, e.g. ``imdb/unsupervised``.
        location: A file, or the dataset to read from the hub.
        split: The split's name; of a file ``train``.
        columns: Columns that make up a text, the first set that is there; empty for plain text.
    """

    label: str
    location: Path | DatasetSpec
    split: str
    columns: tuple[tuple[str, ...], ...]

    def identity(self) -> list[Any]:
        """What changes when the part's texts do: path, size and time of a file; the name of a hub dataset's split.

        Raises:
            DataError: If the file does not exist.
        """
        if not isinstance(self.location, Path):
            return [self.label, self.location.hub_id, self.split]
        if not self.location.is_file():
            raise DataError(
                f"{self.location} does not exist.", "Check the path; relative ones start at the current folder."
            )
        status = self.location.stat()
        return [str(self.location.resolve()), status.st_size, status.st_mtime_ns, self.columns]


def parts_of(names: Sequence[str], text_columns: Sequence[str] = ()) -> list[Part]:
    """Finds what the user named, without reading it.

    Args:
        names: Each a file (``.txt`` with a text a line, or CSV, TSV, JSONL, Parquet), a dataset such as ``imdb`` (its
            splits train and unsupervised, never test), or one split of it: ``imdb/unsupervised``.
        text_columns: Columns that make up a text, for all parts; empty: as known.

    Raises:
        DataError: If one is not to be found, or is named twice; the hint gives the nearest name.
    """
    parts = [part for name in names for part in _parts(name, tuple(text_columns))]
    labels = [part.label for part in parts]
    if twice := sorted({label for label in labels if labels.count(label) > 1}):
        raise DataError(f"{', '.join(twice)} is named twice.", "Its texts would count double: name it once.")
    return parts


def _parts(name: str, text_columns: tuple[str, ...]) -> list[Part]:
    path = Path(name).expanduser()
    if path.suffix.lower() == _PLAIN_SUFFIX:
        return [Part(name, path, "train", ())]
    if looks_like_file(name):
        usual = tuple((column,) for column in _USUAL_COLUMNS)
        return [Part(name, path, "train", (text_columns,) if text_columns else usual)]
    dataset, _, split = name.partition("/")
    spec = spec_of(dataset)
    data = DataConfig(dataset=dataset)
    splits = [split] if split else [one for one in _UNLABELLED_SPLITS if has_split(data, one)]
    if "test" in splits:
        _log.warning("the vectors learn from the texts of %s: figures measured on it are not of unseen texts", name)
    columns = (text_columns,) if text_columns else (tuple(spec.text_columns), ("text",))
    return [Part(f"{dataset}/{one}", locate_split(data, one), one, columns) for one in splits]


def same_texts(names: Sequence[str], labels: Sequence[str]) -> bool:
    """Whether names, as given to `parts_of`, mean the parts of these labels, as far as that can be told without a look.

    A file is known by its own name, since folders move; a dataset stands for whichever of its splits there were.
    """
    # Where labels are read from a text, one with a comma in it has become two: names are cut in the same way.
    names, labels = (", ".join(one).split(", ") for one in (names, labels))
    return all(any(_means(name, label) for label in labels) for name in names) and all(
        any(_means(name, label) for name in names) for label in labels
    )


def _means(name: str, label: str) -> bool:
    if label in (name, *(f"{name}/{split}" for split in _UNLABELLED_SPLITS)):
        return True
    file = Path(name)
    return bool(file.suffix) and file.name == Path(label).name


def batches(parts: Sequence[Part]) -> Iterator[list[str]]:
    """The texts of all parts in order, some thousand at a time; blank ones are left out.

    Raises:
        DataError: If a part cannot be read or lacks its text column, or all texts are blank.
    """
    found = False
    for part in parts:
        for texts in _plain(part) if not part.columns else _columns(part):
            kept = [shortened(text) for text in texts if text and not text.isspace()]
            found = found or bool(kept)
            if kept:
                yield kept
    if not found:
        raise DataError(f"{', '.join(part.label for part in parts)}: there is no text.", "Is it the right file?")


def _plain(part: Part) -> Iterator[list[str]]:
    assert isinstance(part.location, Path)
    try:
        with part.location.open(encoding="utf-8-sig") as file:
            texts: list[str] = []
            for line in file:
                texts.append(line)
                if len(texts) == _BATCH:
                    yield texts
                    texts = []
            yield texts
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{part.location} cannot be read: {error}", "A .txt file holds a text a line, as UTF-8."
        ) from error


def _columns(part: Part) -> Iterator[list[str]]:
    def select(header: Sequence[str]) -> set[str]:
        return {column for columns in part.columns for column in columns} & set(header)

    location = part.location
    read = read_table(location, select) if isinstance(location, Path) else read_hub(location, part.split)
    table = read.columns
    there = [columns for columns in part.columns if set(columns) <= set(table.column_names)]
    if not there:
        raise DataError(
            f"{part.label} has no column '{part.columns[0][0]}'; it has: {', '.join(read.header)}.",
            "Name the column of the text: --text-column NAME",
        )
    chosen = table.select(list(there[0]))
    for name, kind in zip(chosen.column_names, chosen.schema.types, strict=True):
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            raise DataError(
                f"column '{name}' of {part.label} holds {kind} values, not text.", "Name another: --text-column NAME"
            )
    for batch in chosen.to_batches(max_chunksize=_BATCH):
        columns = [column.to_pylist() for column in batch.columns]
        yield ["\n".join(filter(None, row)) for row in zip(*columns, strict=True)]

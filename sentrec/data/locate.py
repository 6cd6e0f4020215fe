"""Where a split comes from: memory, a file, ``SENTREC_DATA``, a package, or the hub, in this order."""

import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from sentrec import plugins
from sentrec.data.formats import STANDARD_INPUT, looks_like_file
from sentrec.data.tables import mirror_folder, mirrored_datasets
from sentrec.errors import DataError, did_you_mean
from sentrec.files.parse import parsing
from sentrec.files.storage import atomic_path, cache_home
from sentrec.hookspecs import DatasetSpec
from sentrec.recipe.sections import DataConfig
from sentrec.text.vocabulary import fingerprint

_DEFAULT_SHARES = {"validation": 0.1, "test": 0.2}


def spec_of(name: str) -> DatasetSpec:
    """What is known of a dataset; of a file or an unregistered folder, only that it is local."""
    if known := plugins.registry().datasets.get(name):
        return known
    if name == STANDARD_INPUT:
        hint = "Write it to a file first; `predict` and `recommend` read standard input."
        raise DataError("labelled rows are read more than once, standard input can be read once.", hint)
    if looks_like_file(name) or mirror_folder(name) is not None:
        return DatasetSpec(name, None, ())
    with parsing(name, DataError):
        is_folder = any(Path(name).glob("*.parquet"))
    if is_folder:
        raise DataError(f"'{name}' is not a known dataset.", f"The folder of this name is meant? Write ./{name}")
    return plugins.registry().dataset(name, tuple(mirrored_datasets()))


def is_dataset(name: str) -> bool:
    """Whether a dataset has this name; a file has none."""
    return name in plugins.registry().datasets or mirror_folder(name) is not None


def has_split(data: DataConfig, split: str) -> bool:
    """Whether the recipe's dataset offers `split` without holding rows out of train."""
    if looks_like_file(data.dataset):
        return False
    folder = mirror_folder(data.dataset)
    # A mirror of some splits does not take the others away: those are read from where the dataset has them.
    mirrored = folder is not None and (folder / f"{split}.parquet").is_file()
    return mirrored or split in spec_of(data.dataset).split_names


def source_of(data: DataConfig, part: str) -> str | float:
    """Where the rows of ``train``, ``validation`` or ``test`` come from: a split, a file, or a share of train."""
    if part == "train":
        return data.train
    wanted = data.validation if part == "validation" else data.test
    if wanted is not None:
        return wanted
    # Where the validation split stands in for the test, it cannot be selected on as well.
    taken = part == "validation" and data.test == part
    return part if has_split(data, part) and not taken else _DEFAULT_SHARES[part]


def require_different_rows(data: DataConfig) -> None:
    """Raises a `DataError` if two of train, validation and test are the same rows, or one is not to be found."""
    seen: dict[object, str] = {}
    for part in ("train", "validation", "test"):
        source = source_of(data, part)
        if isinstance(source, float):
            continue
        location = locate_split(data, source)
        place = os.path.realpath(location) if isinstance(location, Path) else (location.name, location.splits[source])
        if place in seen:
            raise DataError(
                f"{seen[place]} and {part} would be the same rows: '{source}' of {data.dataset}.",
                f"Name another split or file, or hold out a share of train, e.g. --set data.{part}=0.2",
            )
        seen[place] = part


def is_local(data: DataConfig) -> bool:
    """Whether train, validation and test can be read without asking the hub."""
    sources = (source_of(data, part) for part in ("train", "validation", "test"))
    return all(isinstance(source, float) or isinstance(locate_split(data, source), Path) for source in sources)


def locate_split(data: DataConfig, split: str) -> Path | DatasetSpec:
    """Finds a split without reading it; a dataset that is a file has one, ``train``: all of it.

    Gives the file that holds it (which need not exist if the recipe names it), or the dataset to download it from. A
    `DataError` with the nearest name if there is no such dataset or split.
    """
    if looks_like_file(split):
        return Path(split).expanduser()
    if looks_like_file(data.dataset):
        if split != "train":
            raise DataError(
                f"{data.dataset} is one file and has no split '{split}'.",
                "Name another file, e.g. --set data.test=test.csv, or a share of the rows, e.g. --set data.test=0.2",
            )
        return Path(data.dataset).expanduser()
    spec, folder = spec_of(data.dataset), mirror_folder(data.dataset)
    mirrored = folder / f"{split}.parquet" if folder else None
    if mirrored is not None and mirrored.is_file():
        return mirrored
    if split in spec.packaged:
        return spec.packaged[split]
    if split not in spec.split_names:
        splits = {*spec.split_names, *(file.stem for file in folder.glob("*.parquet"))} if folder else spec.split_names
        raise DataError(f"{folder or f'dataset {spec.name!r}'} has no split '{split}'.", did_you_mean(split, splits))
    return spec


def data_from_memory(data: DataConfig, texts: Iterable[str], labels: Iterable[str | int]) -> DataConfig:
    """A data section that reads these rows; a `DataError` if a text is no string or labels are not as many.

    `data` says what is held out for validation and test (shares; by default 0.1 and 0.2), and how to read labels.
    """
    rows, names = list(texts), [str(label) for label in labels]
    if len(rows) != len(names):
        raise DataError(f"There are {len(rows):,} texts and {len(names):,} labels.", "Give one label for each text.")
    if wrong := next(((number, text) for number, text in enumerate(rows, 1) if not isinstance(text, str)), None):
        raise DataError(f"Text {wrong[0]} is not a string but a {type(wrong[1]).__name__}.")
    path = cache_home() / "rows" / f"{fingerprint(rows, names)}.parquet"
    if not path.is_file():
        table = pa.table({"text": pa.array(rows, pa.string()), "label": pa.array(names, pa.string())})
        with atomic_path(path) as temporary:
            pa.parquet.write_table(table, temporary)
    shares = {name: share for name in ("validation", "test") if isinstance(share := getattr(data, name), float)}
    kept = data.model_dump(include={"label_names", "label_map", "train_rows", "unlabelled", "split_seed", "bad_rows"})
    return DataConfig(dataset=str(path), text_columns=("text",), label_column="label", **kept, **shares)

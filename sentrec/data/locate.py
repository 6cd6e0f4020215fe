"""Where a split comes from: a file named in the recipe, ``SENTREC_DATA``, a package, or the hub, in this order."""

import os
from pathlib import Path

from sentrec import plugins
from sentrec.data.formats import looks_like_file
from sentrec.data.tables import mirror_folder, mirrored_datasets
from sentrec.errors import DataError, did_you_mean
from sentrec.hookspecs import DatasetSpec
from sentrec.recipe.sections import DataConfig

_DEFAULT_SHARES = {"validation": 0.1, "test": 0.2}


def spec_of(name: str) -> DatasetSpec:
    """What is known of a dataset; of a file or an unregistered folder of ``SENTREC_DATA``, only that it is local.

    Raises:
        DataError: If there is no such dataset; the hint gives the nearest name.
    """
    known = plugins.registry().datasets.get(name)
    if known is not None:
        return known
    if looks_like_file(name) or mirror_folder(name) is not None:
        return DatasetSpec(name, None, ())
    return plugins.registry().dataset(name, tuple(mirrored_datasets()))


def is_dataset(name: str) -> bool:
    """Whether a dataset has this name; a file has none."""
    return name in plugins.registry().datasets or mirror_folder(name) is not None


def has_split(data: DataConfig, split: str) -> bool:
    """Whether the recipe's dataset offers `split` without holding rows out of train.

    Raises:
        DataError: If there is no such dataset.
    """
    if looks_like_file(data.dataset):
        return False
    folder = mirror_folder(data.dataset)
    # A mirror of some splits does not take the others away: those are read from where the dataset has them.
    mirrored = folder is not None and (folder / f"{split}.parquet").is_file()
    return mirrored or split in spec_of(data.dataset).split_names


def source_of(data: DataConfig, part: str) -> str | float:
    """Where the rows of ``train``, ``validation`` or ``test`` come from.

    Args:
        data: The recipe's data section.
        part: One of the three.

    Returns:
        A split or a file, or the share of train to hold out.

    Raises:
        DataError: If there is no such dataset.
    """
    if part == "train":
        return data.train
    wanted = data.validation if part == "validation" else data.test
    if wanted is not None:
        return wanted
    # Where the validation split stands in for the test, it cannot be selected on as well.
    taken = part == "validation" and data.test == part
    return part if has_split(data, part) and not taken else _DEFAULT_SHARES[part]


def require_different_rows(data: DataConfig) -> None:
    """Checks that train, validation and test are not the same rows.

    Raises:
        DataError: If two of them are, or one is not to be found.
    """
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
    """Whether train, validation and test can be read without asking the hub.

    Raises:
        DataError: If one of them is not to be found.
    """
    sources = (source_of(data, part) for part in ("train", "validation", "test"))
    return all(isinstance(source, float) or isinstance(locate_split(data, source), Path) for source in sources)


def locate_split(data: DataConfig, split: str) -> Path | DatasetSpec:
    """Finds a split without reading it.

    Args:
        data: The recipe's data section.
        split: A split's name, or the path of a file. A dataset that is a file has one split, ``train``: all of it.

    Returns:
        The file that holds it (which need not exist if the recipe names it), or the dataset to download it from.

    Raises:
        DataError: If there is no such dataset or split; the hint gives the nearest name.
    """
    if looks_like_file(split):
        return Path(split).expanduser()
    if looks_like_file(data.dataset):
        return _whole_file(data.dataset, split)
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


def _whole_file(file: str, split: str) -> Path:
    if split != "train":
        raise DataError(
            f"{file} is one file and has no split '{split}'.",
            "Name another file, e.g. --set data.test=test.csv, or a share of the rows, e.g. --set data.test=0.2",
        )
    return Path(file).expanduser()

"""Where a split comes from: a file named in the recipe, ``SENTREC_DATA``, a package, or the hub, in this order."""

from pathlib import Path

from sentrec import plugins
from sentrec.data.registry import DatasetSpec
from sentrec.data.tables import looks_like_file, mirror_folder
from sentrec.errors import DataError, did_you_mean
from sentrec.recipe.schema import DataConfig


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
    return plugins.registry().dataset(name)


def has_split(data: DataConfig, split: str) -> bool:
    """Whether the recipe's dataset offers `split` without holding rows out of train.

    Raises:
        DataError: If there is no such dataset.
    """
    if looks_like_file(data.dataset):
        return False
    folder = mirror_folder(data.dataset)
    if folder is not None:
        return (folder / f"{split}.parquet").is_file()
    return split in spec_of(data.dataset).split_names


def locate_split(data: DataConfig, split: str) -> Path | DatasetSpec:
    """Finds a split without reading it.

    Args:
        data: The recipe's data section.
        split: A split's name, or the path of a file.

    Returns:
        The file that holds it (which need not exist if the recipe names it), or the dataset to download it from.

    Raises:
        DataError: If there is no such dataset or split; the hint gives the nearest name.
    """
    for name in (split, data.dataset):
        if looks_like_file(name):
            return Path(name).expanduser()
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

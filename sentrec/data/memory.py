"""Rows from memory: kept in the cache folder, named by their content, so that a run can be resumed and evaluated."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet

from sentrec.errors import DataError
from sentrec.files.storage import atomic_path, cache_home
from sentrec.recipe.sections import DataConfig
from sentrec.text.vocabulary import fingerprint


def data_from_memory(data: DataConfig, texts: Iterable[str], labels: Iterable[str | int]) -> DataConfig:
    """A data section that reads these rows.

    Args:
        data: Says what is held out for validation and test (shares; by default 0.1 and 0.2), and how to read labels.
        texts: The texts.
        labels: The class of each of them: names, or numbers.

    Raises:
        DataError: If there are not as many labels as texts, or a text is not a string.
    """
    rows, classes = list(texts), list(labels)
    if len(rows) != len(classes):
        raise DataError(f"There are {len(rows):,} texts and {len(classes):,} labels.", "Give one label for each text.")
    for number, text in enumerate(rows, start=1):
        if not isinstance(text, str):
            raise DataError(f"Text {number} is not a string but a {type(text).__name__}.")
    names = [str(label) for label in classes]
    path = cache_home() / "rows" / f"{fingerprint(rows, names)}.parquet"
    if not path.is_file():
        table = pa.table({"text": pa.array(rows, pa.string()), "label": pa.array(names, pa.string())})
        with atomic_path(path) as temporary:
            pa.parquet.write_table(table, temporary)
    shares = {name: share for name in ("validation", "test") if isinstance(share := getattr(data, name), float)}
    kept = data.model_dump(include={"label_names", "label_map", "train_rows", "unlabelled", "split_seed", "bad_rows"})
    return DataConfig(dataset=str(path), text_columns=("text",), label_column="label", **kept, **shares)

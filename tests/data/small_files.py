"""What the tests of this room share: writing small files, and loading them."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from sentrec.data.examples import Examples, load_examples
from sentrec.errors import DataError
from sentrec.recipe import DataConfig


def put(path: Path, **columns: Any) -> Path:
    """Writes a Parquet file of these columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pa.parquet.write_table(pa.table(columns), path)
    return path


def load(dataset: str | Path, split: str = "train", **data: Any) -> Examples:
    return load_examples(DataConfig(dataset=str(dataset), **data), split)


def refusal(dataset: str | Path, split: str = "train", **data: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        load(dataset, split, **data)
    return caught.value

"""The folder that a benchmark works in: the data cut to size, an empty cache with the shared vectors, the models."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from sentrec.data.splits import stratified_sample
from sentrec.errors import GloveError
from sentrec.files.storage import cache_home
from sentrec.glove.store import open_vectors

from .settings import Settings

_SEED = 1


class NothingToMeasure(Exception):  # noqa: N818 - no mistake of anybody, only a reason to stop
    """What the benchmark needs is not there; the message says what."""


@dataclass(frozen=True)
class Workplace:
    """Where everything lies."""

    folder: Path
    source: Path

    def model(self, key: str) -> Path:
        """The folder of a trained model."""
        return self.folder / "models" / key.replace(":", "-")


@contextmanager
def workplace(settings: Settings) -> Iterator[Workplace]:
    """Makes the folder, and lets ``SENTREC_DATA`` and ``SENTREC_HOME`` point into it."""
    source = _real_data()
    require_vectors()
    with tempfile.TemporaryDirectory(prefix="sentrec-bench-") as name:
        folder = Path(name)
        for split, rows in (("train", settings.train_rows), ("test", settings.test_rows)):
            cut(source / "imdb" / f"{split}.parquet", folder / "data" / "imdb" / f"{split}.parquet", rows)
        unlabelled = source / "imdb" / "unsupervised.parquet"
        if unlabelled.is_file():  # only some recipes read it
            (folder / "data" / "imdb" / unlabelled.name).symlink_to(unlabelled)
        with variable("SENTREC_DATA", folder / "data"), empty_cache():
            yield Workplace(folder, source)


@contextmanager
def empty_cache(with_vectors: bool = True) -> Iterator[None]:
    """Lets this process and its children use a cache in which no earlier training has left anything."""
    vectors = (cache_home() / "glove").resolve()
    with tempfile.TemporaryDirectory(prefix="sentrec-bench-") as name:
        if with_vectors:
            (Path(name) / "glove").symlink_to(vectors, target_is_directory=True)
        with variable("SENTREC_HOME", Path(name)):
            yield


@contextmanager
def variable(name: str, value: Path) -> Iterator[None]:
    """Sets a variable of the environment for this process and its children, for a while."""
    before = os.environ.get(name)
    os.environ[name] = str(value)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def cut(source: Path, target: Path, rows: int) -> None:
    """Copies a labelled Parquet file, or so many of its rows in which every class keeps its share."""
    table = parquet.read_table(source)
    if rows < len(table):
        table = table.take(stratified_sample(table["label"].to_numpy(), rows, _SEED))
    target.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, target)


def read_split(split: str, columns: tuple[str, ...] = ("text", "label")) -> dict[str, list[Any]]:
    """Columns of the train or test rows that this benchmark uses."""
    path = Path(os.environ["SENTREC_DATA"]) / "imdb" / f"{split}.parquet"
    values: dict[str, list[Any]] = parquet.read_table(path, columns=list(columns)).to_pydict()
    return values


def _real_data() -> Path:
    named = os.environ.get("SENTREC_DATA")
    if named and all((Path(named) / "imdb" / f"{split}.parquet").is_file() for split in ("train", "test")):
        return Path(named).resolve()
    raise NothingToMeasure("SENTREC_DATA names no folder with imdb/train.parquet and imdb/test.parquet.")


def require_vectors() -> None:
    """Raises `NothingToMeasure` where GloVe 6B of 50 dimensions is not in the cache."""
    try:
        open_vectors("6B", 50)
    except GloveError as error:
        raise NothingToMeasure(f"{error.message} {error.hint}") from error

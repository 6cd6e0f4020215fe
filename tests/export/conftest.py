"""A small run with an encoder and n-grams, and what is exported from it, for all tests of this room."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from small_runs import cache_in, small_recipe

import sentrec
from sentrec.export.export import Export, export_model
from sentrec.runs.directory import Run


@pytest.fixture(scope="session")
def stacked_run(reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run on `reviews`, with n-grams beside its encoder; not to be changed."""
    recipe = small_recipe(reviews, "model.ngrams={table_bits: 17}", "encoder.hidden=24", "model.embedding_dim=24")
    with cache_in(shared_home):
        return sentrec.train(recipe, tmp_path_factory.mktemp("stacked") / "run")


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of datasets with one that a card is measured on, whose labels are numbers."""
    folder = tmp_path_factory.mktemp("data")
    texts = ["a lovely film", "a superb film", "a dull film", "an awful lovely film", "superb"]
    (folder / "blitzer_dvd").mkdir()
    table = pa.table({"text": texts, "label": [1, 1, 0, 0, 0]})
    pa.parquet.write_table(table, folder / "blitzer_dvd" / "test.parquet")
    pa.parquet.write_table(table.slice(0, 3), folder / "blitzer_dvd" / "train.parquet")
    return folder


@pytest.fixture(scope="session")
def starter(
    stacked_run: Run, films: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Export]:
    """The run as a starter, with its card; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTREC_HOME", str(shared_home))
        patch.setenv("SENTREC_DATA", str(films))
        yield export_model(stacked_run, tmp_path_factory.mktemp("exported") / "starter", with_card=True)

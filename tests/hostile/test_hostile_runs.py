"""Whatever stands in a run directory, opening it is one error, even where its checksums were made to fit."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_cases import BAD_JSON, BAD_PATHS, BAD_TABLES, BAD_YAML, each, require_one_clean_line
from torch import Tensor

import sentrec
from sentrec.data.columns import FieldNames
from sentrec.data.sources import Source
from sentrec.data.tables import read_table
from sentrec.errors import DataError, SentrecError
from sentrec.models.weights import read_tensors, write_tensors
from sentrec.recommend.reviews import read_chunks
from sentrec.runs.directory import ENVIRONMENT, HISTORY, LABELS, METRICS, MODEL, RECIPE, Run, find_model, open_run


@pytest.fixture
def copy(small_run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_run.path, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints")))


def sign(run: Path, name: str) -> None:
    """Makes the environment of a run say that a file of it is as it should be."""
    environment = json.loads((run / ENVIRONMENT).read_text())
    environment["sha256"][name] = hashlib.sha256((run / name).read_bytes()).hexdigest()
    (run / ENVIRONMENT).write_text(json.dumps(environment))


def without(*names: str) -> dict[str, bytes]:
    return {name: case for name, case in BAD_JSON.items() if name not in names}


CASES = {
    ENVIRONMENT: BAD_JSON,
    METRICS: without("lone surrogate"),
    LABELS: BAD_JSON,
    HISTORY: without("empty", "list", "number", "null", "text", "lone surrogate"),
    RECIPE: BAD_YAML,
}


@pytest.mark.parametrize(
    ("name", "content"),
    [pytest.param(name, case, id=f"{name} {what}") for name, cases in CASES.items() for what, case in cases.items()],
)
def test_a_hostile_file_of_a_run_is_one_error(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    if name != ENVIRONMENT:
        sign(copy, name)
    with pytest.raises(SentrecError) as caught:
        _ = open_run(copy).history
    require_one_clean_line(caught.value.message, caught.value.hint)


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda tensor: tensor.fill_(float("nan")), "not finite"),
        (lambda tensor: tensor.fill_(float("inf")), "not finite"),
        (lambda tensor: tensor[:-1].clone(), "not of this recipe's model: size mismatch"),
    ],
    ids=["NaN", "infinity", "a row less"],
)
def test_signed_weights_that_cannot_be_right_are_one_error(
    copy: Path, harm: Callable[[Tensor], Tensor], told: str
) -> None:
    tensors, metadata = read_tensors(copy / MODEL)
    largest = max(tensors, key=lambda name: tensors[name].numel())
    write_tensors(copy / MODEL, tensors | {largest: harm(tensors[largest])}, metadata)
    sign(copy, MODEL)
    with pytest.raises(SentrecError, match=told) as caught:
        sentrec.load(copy)
    require_one_clean_line(caught.value.message, caught.value.hint)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", each(BAD_PATHS))
def test_a_hostile_name_of_a_run_is_one_error(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SentrecError) as caught:
        open_run(find_model(name))
    require_one_clean_line(caught.value.message, caught.value.hint)


def test_a_run_is_found_by_its_name_in_the_folder_runs(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy.parent)
    Path("runs").mkdir()
    copy.rename("runs/mine")
    assert open_run("mine").path == Path("runs/mine")
    Path("mine").mkdir()
    with pytest.raises(SentrecError, match="mine is not a run directory"):
        open_run("mine")


@pytest.mark.parametrize("content", each(BAD_TABLES))
@pytest.mark.parametrize("suffix", ["", ".csv", ".json", ".xlsx"])
def test_a_hostile_table_is_rows_or_one_error(content: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"hostile{suffix}"
    path.write_bytes(content)
    for read in (
        lambda: sum(1 for _ in Source(str(path)).rows()),
        lambda: read_table(path, lambda there: list(there)[:9]),
        lambda: list(read_chunks([Source(str(path))], FieldNames(), 100)),
    ):
        try:
            read()
        except DataError as error:
            require_one_clean_line(error.message, error.hint)

"""Whatever stands in a run directory, opening it is one error, even where its checksums were made to fit."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from hostile_cases import BAD_JSON, BAD_PATHS, BAD_YAML, each, require_one_clean_line

from sentrec.errors import SentrecError
from sentrec.runs.directory import ENVIRONMENT, HISTORY, LABELS, METRICS, RECIPE, Run, find_model, open_run


@pytest.fixture
def copy(small_run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_run.path, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints")))


def replace(run: Path, name: str, content: bytes) -> None:
    """Puts other content into a file of a run, and the checksum of it where that is recorded."""
    (run / name).write_bytes(content)
    environment = json.loads((run / ENVIRONMENT).read_text())
    environment["sha256"][name] = hashlib.sha256(content).hexdigest()
    (run / ENVIRONMENT).write_text(json.dumps(environment))


def require_one_error(run: Path) -> None:
    with pytest.raises(SentrecError) as caught:
        _ = open_run(run).history
    require_one_clean_line(caught.value.message, caught.value.hint)


@pytest.mark.parametrize("content", each(BAD_JSON))
def test_a_hostile_environment_is_one_error(copy: Path, content: bytes) -> None:
    (copy / ENVIRONMENT).write_bytes(content)
    require_one_error(copy)


NO_OBJECT = {name: case for name, case in BAD_JSON.items() if name != "lone surrogate"}


@pytest.mark.parametrize("content", each(NO_OBJECT))
def test_hostile_metrics_are_one_error(copy: Path, content: bytes) -> None:
    replace(copy, METRICS, content)
    require_one_error(copy)


@pytest.mark.parametrize("content", each(BAD_JSON))
def test_hostile_labels_are_one_error(copy: Path, content: bytes) -> None:
    replace(copy, LABELS, content)
    require_one_error(copy)


SEVERAL_LINES = ("empty", "list", "number", "null", "text", "lone surrogate")


@pytest.mark.parametrize("content", each({name: case for name, case in BAD_JSON.items() if name not in SEVERAL_LINES}))
def test_a_hostile_history_is_one_error(copy: Path, content: bytes) -> None:
    replace(copy, HISTORY, content)
    require_one_error(copy)


@pytest.mark.parametrize("content", each(BAD_YAML))
def test_a_hostile_recipe_of_a_run_is_one_error(copy: Path, content: bytes) -> None:
    replace(copy, RECIPE, content)
    require_one_error(copy)


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

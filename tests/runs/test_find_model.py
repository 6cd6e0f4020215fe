"""Which directory the name of a model stands for."""

import shutil
from pathlib import Path

import pytest

import sentrec
from sentrec.errors import RunError
from sentrec.runs import directory as runs
from sentrec.runs.directory import STARTER, Run, find_model, open_run


@pytest.fixture
def starter(small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small run in the place of the starter."""
    place = tmp_path / "installed" / "starter"
    shutil.copytree(small_run.path, place)
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {STARTER: place})
    return place


def test_any_other_name_is_a_directory() -> None:
    assert find_model("runs/imdb") == Path("runs/imdb")
    assert find_model(Path("runs/imdb")) == Path("runs/imdb")


def test_the_name_means_the_built_in_model_whatever_lies_here(
    starter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here" / STARTER).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert find_model("starter") == starter
    assert find_model("./starter").resolve() == (tmp_path / "here" / STARTER).resolve()
    assert find_model(Path("starter")) == Path("starter")


def test_a_run_is_opened_and_loaded_by_the_name(starter: Path, small_run: Run) -> None:
    assert open_run("starter").path == starter
    text = ["the film was lovely and superb"]
    assert sentrec.load("starter", "cpu").predict(text) == sentrec.load(small_run, "cpu").predict(text)


def test_an_installation_without_the_model_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {STARTER: tmp_path / "starter"})
    with pytest.raises(RunError, match="came without the starter model") as caught:
        find_model("starter")
    assert "sentrec export RUN --starter" in str(caught.value.hint)

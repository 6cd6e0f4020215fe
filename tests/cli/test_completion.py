"""Tab completes the names of recipes, models and encoders; names of recipes, folders and removed commands."""

from pathlib import Path

import pytest
from command_line import Invoke, Sentrec

from sentrec.cli.options import default_folder, encoder_names, model_names, recipe_names
from sentrec.errors import SentrecError


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_recipes_are_completed_with_built_in_names_and_files() -> None:
    Path("mine.yaml").touch()
    Path("folder").mkdir()
    Path("folder/inner.yaml").touch()
    assert "imdb-fast" in recipe_names("imdb")
    assert recipe_names("mine") == ["mine.yaml"]
    assert recipe_names("folder/") == ["folder/inner.yaml"]
    assert recipe_names("nothing-like-it") == []


def test_models_are_completed_with_runs_and_the_starter() -> None:
    Path("runs/mine").mkdir(parents=True)
    Path("runs/mine/environment.json").touch()
    Path("runs/empty").mkdir()
    assert {"mine", "starter", "runs/"} <= set(model_names(""))
    assert model_names("mi") == ["mine"]
    assert model_names("runs/") == ["runs/empty/", "runs/mine/"]


def test_encoders_are_completed_with_registered_names() -> None:
    assert encoder_names("bi") == ["bilstm"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [(["train"], "recipes list"), (["transfer", "a", "--recipe", "b"], "two recipes"), (["transfer"], "recipes list")],
)
def test_one_recipe_is_named_as_argument_or_option(sentrec: Sentrec, arguments: list[str], reason: str) -> None:
    code, _, errors = sentrec(*arguments)
    assert code == 2
    assert reason in " ".join(errors.split())


@pytest.mark.parametrize("arguments", [["imdb"], ["--recipe", "imdb"], ["imdb", "--recipe=imdb"]])
def test_both_ways_name_the_same_recipe(sentrec: Sentrec, arguments: list[str]) -> None:
    code, _, errors = sentrec("train", *arguments, "--set", "sed=1", "-q")
    assert code == 1
    assert "'imdb' is not a valid recipe" in errors


@pytest.mark.parametrize(
    ("name", "folder"),
    [("imdb", "imdb"), ("../../up", "-..-up"), ("/etc/x", "-etc-x"), ("..", "unnamed"), ("a\x1b[1mb", "a-[1mb")],
)
def test_a_recipe_cannot_choose_a_folder_outside_of_runs(name: str, folder: str) -> None:
    assert default_folder(name) == Path("runs") / folder
    Path("runs").touch()
    with pytest.raises(SentrecError, match="Cannot write"):
        default_folder(name)


@pytest.mark.parametrize(("command", "instead"), [("adapt-glove", "model.embeddings"), ("learn-regions", "ngrams.lsa")])
def test_a_removed_command_names_its_successor_and_help_does_not_show_it(
    invoke: Invoke, command: str, instead: str
) -> None:
    error = invoke(command, "--name", "x", "--corpus", "imdb").exception
    assert isinstance(error, SentrecError)
    assert error.message == f"`sentrec {command}` was removed."
    assert instead in (error.hint or "")
    assert command not in invoke("--help").stdout

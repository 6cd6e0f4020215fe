"""`sentrec recipes` lists, shows, copies and checks."""

import json
import shlex
from pathlib import Path

import pytest
from command_line import Invoke

from sentrec.errors import RecipeError
from sentrec.recipe.reading import find_recipe


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_list_shows_names_and_summaries(invoke: Invoke) -> None:
    assert "imdb " in invoke("recipes", "list").stdout
    listed = json.loads(invoke("recipes", "list", "--json").stdout)
    assert {"name", "command", "summary"} == set(listed[0])
    assert "imdb" in [recipe["name"] for recipe in listed]


def test_show_prints_the_file_as_it_is(invoke: Invoke) -> None:
    assert invoke("recipes", "show", "imdb").stdout == find_recipe("imdb").read_text(encoding="utf-8")


def test_copy_then_check_the_copy(invoke: Invoke) -> None:
    assert invoke("recipes", "copy", "imdb", "mine.yaml").exit_code == 0
    again = invoke("recipes", "copy", "imdb", "mine.yaml")
    assert isinstance(again.exception, RecipeError)
    assert invoke("recipes", "copy", "imdb", "mine.yaml", "--force").exit_code == 0
    mine = ("--set", "glove=null", "--set", "data.dataset=quickstart")
    without_unlabelled = invoke("recipes", "check", "mine.yaml", *mine)
    assert without_unlabelled.exit_code == 1
    assert "--set data.unlabelled=null" in " ".join(without_unlabelled.stdout.split())
    checked = invoke("recipes", "check", "mine.yaml", *mine, "--set", "data.unlabelled=null")
    assert checked.exit_code == 0
    assert "mine.yaml is a valid recipe" in checked.stdout
    assert "train.jsonl" in checked.stdout


def test_check_of_missing_vectors_exits_with_1_and_names_the_command(invoke: Invoke) -> None:
    result = invoke("recipes", "check", "imdb", "--set", "glove.dim=50", "--set", "data.dataset=quickstart")
    assert result.exit_code == 1
    assert "sentrec fetch-glove 6B --dim 50" in result.stdout


def test_check_reports_all_mistakes_of_a_recipe(invoke: Invoke, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("sed: 1\ntraining: {epochs: many}\nencoder: {name: bilstn}\n", encoding="utf-8")
    error = invoke("recipes", "check", str(wrong)).exception
    assert isinstance(error, RecipeError)
    for mistake in ("did you mean 'seed'?", "training.epochs", "did you mean 'bilstm'?"):
        assert mistake in error.message


def test_the_commands_to_go_on_with_can_be_typed_as_they_stand(invoke: Invoke) -> None:
    copied = invoke("recipes", "copy", "quickstart", "my own.yaml").stderr
    assert shlex.split(copied.partition("Run it: ")[2]) == ["sentrec", "train", "--recipe", "my own.yaml"]
    changes = ["--set", "description=a b", "--set", "data.label_names=[negative, positive]"]
    checked = invoke("recipes", "check", "my own.yaml", *changes).stderr
    words = shlex.split(checked.partition("Ready: ")[2])
    assert words == ["sentrec", "train", "--recipe", "my own.yaml", *changes]


@pytest.mark.parametrize("name", ["ag-news-to-imdb", "rotten-tomatoes-to-imdb"])
def test_a_copied_study_is_run_as_one(invoke: Invoke, name: str) -> None:
    copied = invoke("recipes", "copy", name, "mine.yaml").stderr
    assert shlex.split(copied.partition("Run it: ")[2]) == ["sentrec", "transfer", "--recipe", "mine.yaml"]

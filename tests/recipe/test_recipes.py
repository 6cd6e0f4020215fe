"""Every built-in recipe is valid and says what it shows, how to run it, what to expect and how long it takes."""

import re
from pathlib import Path

import pytest

from sentrec import load_recipe
from sentrec.recipe import Recipe
from sentrec.recipe.reading import BuiltinRecipe, builtin_recipes, command_for, copy_recipe, find_recipe
from sentrec.runs import directory as runs
from sentrec.runs.directory import Run
from sentrec.transfer.loading import load_targets, load_transfer
from sentrec.transfer.schema import TransferRecipe
from sentrec.transfer.target import TargetData

RECIPES = builtin_recipes()


@pytest.fixture(autouse=True)
def some_starter(small_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that goes on from the starter is judged without that of this checkout."""
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {runs.STARTER: small_run.path})


every_recipe = pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)


def load(name: str | Path) -> Recipe | TransferRecipe:
    return load_transfer(name) if command_for(find_recipe(name)) == "transfer" else load_recipe(name)


def test_the_promised_recipes_exist() -> None:
    names = {recipe.name for recipe in RECIPES}
    assert names >= {
        "imdb",
        "imdb-textcnn",
        "imdb-gru",
        "ag-news",
        "quickstart",
        "my-reviews",
        "ag-news-to-imdb",
        "dvd-to-electronics",
    }


@every_recipe
def test_it_validates_under_its_own_name(recipe: BuiltinRecipe) -> None:
    loaded = load(recipe.name)
    assert loaded.name == recipe.name
    assert loaded.description


@every_recipe
def test_a_copy_of_it_makes_a_run_of_its_own(
    recipe: BuiltinRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copied = load(copy_recipe(recipe.name, Path("mine.yaml")))
    assert copied == load(recipe.name).model_copy(update={"name": "mine"})


@every_recipe
def test_its_header_says_what_how_result_and_time(recipe: BuiltinRecipe) -> None:
    assert re.match(r".{15,}[.]$", recipe.summary)
    assert f"sentrec {recipe.command} --recipe {recipe.name}.yaml" in recipe.header
    expected = recipe.header.partition("Expected:")[2]
    assert re.search(r"0\.\d{2,3}|\d{2}(\.\d)? %", expected), "states no expected accuracy"
    assert re.search(r"\d+(\.\d+)? (minutes?|seconds?|s\b)", expected), "states no time"


@every_recipe
def test_a_recipe_with_glove_says_how_to_fetch_it(recipe: BuiltinRecipe) -> None:
    loaded = load(recipe.name)
    for one in load_targets(loaded) if isinstance(loaded, TransferRecipe) else [TargetData("", loaded)]:
        glove = one.recipe.glove
        if glove is None:
            continue
        assert f"sentrec fetch-glove {glove.name} --dim {glove.dim}" in recipe.header


@every_recipe
def test_it_contains_no_unfinished_place(recipe: BuiltinRecipe) -> None:
    assert "TODO" not in recipe.path.read_text(encoding="utf-8")


def test_quickstart_needs_neither_network_nor_vectors() -> None:
    quickstart = load_recipe("quickstart")
    assert quickstart.data.dataset == "quickstart"
    assert quickstart.glove is None

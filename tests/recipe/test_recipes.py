"""Every built-in recipe is valid, trains, and says what it shows, how to run it and what to expect."""

import re
from pathlib import Path

import pytest
from tiny_transformers import write_transformer

import sentrec
from sentrec import load_recipe
from sentrec.recipe import Recipe
from sentrec.recipe.reading import BuiltinRecipe, builtin_recipes, command_for, copy_recipe, find_recipe
from sentrec.recipe.sections import NGRAMS_TEACHER
from sentrec.runs import directory as runs
from sentrec.runs.directory import Run
from sentrec.transfer.loading import load_targets, load_transfer
from sentrec.transfer.schema import TransferRecipe
from sentrec.transfer.target import TargetData

every_recipe = pytest.mark.parametrize("recipe", builtin_recipes(), ids=lambda recipe: recipe.name)
HERE_AND_NOW = (
    *("data.dataset=quickstart", "data.train_rows=64", "data.label_names=[negative,positive]", "glove=null"),
    *("data.mixed_with=[]", "data.test=test", "training.max_steps=2", "training.device=cpu"),
)


@pytest.fixture(autouse=True)
def some_starter(small_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that goes on from the starter is judged without that of this checkout."""
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {runs.STARTER: small_run.path})


def load(name: str | Path) -> Recipe | TransferRecipe:
    return load_transfer(name) if command_for(find_recipe(name)) == "transfer" else load_recipe(name)


def test_the_promised_recipes_exist_and_quickstart_needs_neither_network_nor_vectors() -> None:
    promised = {"imdb", "imdb-textcnn", "imdb-gru", "ag-news", "my-reviews", "ag-news-to-imdb", "dvd-to-electronics"}
    assert {recipe.name for recipe in builtin_recipes()} >= promised
    quickstart = load_recipe("quickstart")
    assert (quickstart.data.dataset, quickstart.glove) == ("quickstart", None)


@every_recipe
@pytest.mark.usefixtures("in_a_folder")
def test_it_validates_under_its_own_name_and_a_copy_of_it_makes_a_run_of_its_own(recipe: BuiltinRecipe) -> None:
    loaded = load(recipe.name)
    assert loaded.name == recipe.name
    assert loaded.description
    assert load(copy_recipe(recipe.name, Path("mine.yaml"))) == loaded.model_copy(update={"name": "mine"})


@every_recipe
def test_its_header_says_what_how_result_and_time(recipe: BuiltinRecipe) -> None:
    text = recipe.path.read_text(encoding="utf-8")
    assert text.startswith(f"# {recipe.summary}\n")
    assert "TODO" not in text
    assert re.match(r".{15,}[.]$", recipe.summary)
    assert f"sentrec {recipe.command} --recipe {recipe.name}.yaml" in recipe.header
    expected = recipe.header.partition("Expected:")[2]
    assert re.search(r"0\.\d{2,3}|\d{2}(\.\d)? %", expected), "states no expected accuracy"
    assert re.search(r"\d+(\.\d+)? (minutes?|seconds?|s\b)", expected), "states no time"
    loaded = load(recipe.name)
    for one in load_targets(loaded) if isinstance(loaded, TransferRecipe) else [TargetData("", loaded)]:
        if glove := one.recipe.glove:
            assert f"sentrec fetch-glove {glove.name} --dim {glove.dim}" in recipe.header


@pytest.mark.parametrize(
    "builtin",
    [one for one in builtin_recipes() if one.command == "train" and not one.name.startswith("tmdb")],
    ids=lambda builtin: builtin.name,
)
@pytest.mark.usefixtures("in_a_folder", "warm_cache")
def test_two_steps_of_it_leave_a_finished_run_that_predicts(builtin: BuiltinRecipe) -> None:
    recipe = sentrec.load_recipe(builtin.name, HERE_AND_NOW)
    unlabelled = ("data.unlabelled=train",) if recipe.data.unlabelled else ()
    # A table of 2^24 weights would mostly keep the disk busy.
    small = ("model.ngrams.table_bits=14",) if recipe.model.ngrams and not recipe.init else ()
    if recipe.encoder["name"] == "transformer":
        small = (*small, f"encoder.pretrained={write_transformer(Path('pretrained').absolute())}")
    if recipe.objective.stars:  # of which these texts have none
        small = (*small, "objective.stars=0", "data.stars_column=null")
    if recipe.objective.sentences:
        small = (*small, "objective.sentences.most=50")
    recipe = sentrec.load_recipe(builtin.name, (*HERE_AND_NOW, *unlabelled, *small))
    sentences = recipe.objective.sentences
    for teacher in {recipe.objective.teacher, sentences.teacher if sentences else None} - {None, NGRAMS_TEACHER}:
        sentrec.train(sentrec.load_recipe("quickstart", HERE_AND_NOW), teacher)
    run = sentrec.train(recipe, "run")
    assert run.recipe.encoder == recipe.encoder
    assert run.metrics["test"]["n"] == 400
    (prediction,) = sentrec.load(run.path).predict(["The shark is superb."])
    assert prediction.label in ("negative", "positive")

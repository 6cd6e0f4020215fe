"""Every built-in recipe trains: two steps of it, on the corpus that comes with sentrec."""

from pathlib import Path

import pytest

import sentrec
from sentrec.recipe.reading import BuiltinRecipe, builtin_recipes
from sentrec.recipe.sections import NGRAMS_TEACHER
from sentrec.runs import directory as runs
from sentrec.runs.directory import Run

HERE_AND_NOW = (
    *("data.dataset=quickstart", "data.train_rows=64", "data.label_names=[negative,positive]", "glove=null"),
    *("data.mixed_with=[]", "data.test=test", "training.max_steps=2", "training.device=cpu"),
)


TRAINED = [recipe for recipe in builtin_recipes() if recipe.command == "train"]


@pytest.mark.parametrize("builtin", TRAINED, ids=lambda builtin: builtin.name)
def test_two_steps_leave_a_finished_run_that_predicts(
    builtin: BuiltinRecipe, tmp_path: Path, small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {runs.STARTER: small_run.path})
    monkeypatch.chdir(tmp_path)
    recipe = sentrec.load_recipe(builtin.name, HERE_AND_NOW)
    unlabelled = ("data.unlabelled=train",) if recipe.data.unlabelled else ()
    recipe = sentrec.load_recipe(builtin.name, (*HERE_AND_NOW, *unlabelled))
    teacher = recipe.objective.teacher
    if teacher not in (None, NGRAMS_TEACHER):
        sentrec.train(sentrec.load_recipe("quickstart", HERE_AND_NOW), teacher)
    run = sentrec.train(recipe, tmp_path / "run")
    assert run.recipe.encoder == recipe.encoder
    assert run.metrics["test"]["n"] == 400
    (prediction,) = sentrec.load(run.path).predict(["The shark is superb."])
    assert prediction.label in ("negative", "positive")

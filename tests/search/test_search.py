"""A search validates its trials, never sees test rows, goes on after kill -9, and writes its best as a recipe."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_runs import small_overrides
from typer.testing import CliRunner

import sentrec
from sentrec.cli.main import app
from sentrec.errors import RecipeError, RunError, SentrecError
from sentrec.search.results import Search
from sentrec.search.search import search
from sentrec.search.space import Parameter, own_values, read_space

optuna = pytest.importorskip("optuna")
pytestmark = pytest.mark.usefixtures("warm_cache")

SPACE = """
encoder.hidden: [4, 8]
training.learning_rate: {low: 1e-3, high: 0.1, log: true}
model.output_dropout: {low: 0, high: 0.6, step: 0.3}
"""
RECIPE = "quickstart"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(SPACE, encoding="utf-8")
    return path


def options(corpus: Path, *more: str) -> dict[str, Any]:
    return {"overrides": small_overrides(corpus, "training.epochs=1", *more), "trials": 3}


def values_of(found: Search) -> list[tuple[Any, ...]]:
    return [(one.number, one.values, one.score, one.state) for one in found.trials]


def test_the_best_trial_is_a_recipe_that_trains_alike(reviews: Path, space: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    found = search(RECIPE, space, tmp_path / "s", on_trial=lambda one: seen.append(one.number), **options(reviews))
    assert seen == [0, 1, 2] == [one.number for one in found.trials]
    assert found.own is not None
    assert found.own.number == 0
    assert found.own.values == {"encoder.hidden": 8, "training.learning_rate": 0.03, "model.output_dropout": 0.3}
    scores = [one.score for one in found.trials if one.score is not None]
    assert found.best.score == max(scores)
    files = {path.name for path in found.path.iterdir()}
    assert files == {"best.yaml", "search.json", "journal.log", "history.png"}
    assert json.loads((found.path / "search.json").read_text())["best"] == found.best.number
    run = sentrec.train(found.path / "best.yaml", tmp_path / "run")
    assert run.recipe.name == "quickstart-search"
    assert run.metrics["validation"]["accuracy"] == found.best.score


def test_test_rows_decide_nothing(reviews: Path, space: Path, tmp_path: Path) -> None:
    other = shutil.copytree(reviews, tmp_path / "other")
    rows = (other / "test.csv").read_text(encoding="utf-8").splitlines()
    (other / "test.csv").write_text("\n".join([*rows[:3], *rows[-2:]]), encoding="utf-8")
    first, second = (search(RECIPE, space, tmp_path / f"of-{one.name}", **options(one)) for one in (reviews, other))
    assert values_of(first) == values_of(second)


def test_it_goes_on_after_a_kill(reviews: Path, space: Path, tmp_path: Path) -> None:
    how = options(reviews)
    arguments = f"{RECIPE!r}, {str(space)!r}, {str(tmp_path / 's')!r}"
    code = (
        "import os, signal\nfrom sentrec.search.search import search\nended = []\n"
        "def die(now):\n    if ended:\n        os.kill(os.getpid(), signal.SIGKILL)\n"
        f"search({arguments}, on_progress=die, on_trial=ended.append, **{how!r})"
    )
    died = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert died.returncode == -9, died.stderr
    found = search(RECIPE, space, tmp_path / "s", **how)
    assert [one.number for one in found.trials] == [0, 2, 3]  # what was killed in its midst is begun anew
    again = search(RECIPE, space, tmp_path / "s", **how)
    assert values_of(again) == values_of(found)


def test_trials_behind_the_others_end_early(reviews: Path, tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text("training.learning_rate: [0.03, 0.02, 1e-9]", encoding="utf-8")
    # With this seed the draws are 0.03, 0.03, 0.03, 0.02, 1e-9, 1e-9; the first five are the others.
    how = options(reviews, "training.epochs=3", "seed=9") | {"trials": 6}
    found = search(RECIPE, path, tmp_path / "s", **how)
    pruned = [one for one in found.trials if one.score is None]
    assert [(one.number, one.values["training.learning_rate"]) for one in pruned] == [(5, 1e-9)]
    assert (found.path / "importance.png").is_file()


def test_other_folders_and_spaces_are_refused(reviews: Path, space: Path, tmp_path: Path) -> None:
    how = options(reviews)
    with pytest.raises(RunError, match="holds something else than a search"):
        search(RECIPE, space, tmp_path, **how)
    search(RECIPE, space, tmp_path / "s", **(how | {"trials": 1}))
    with pytest.raises(RunError, match="holds a search with another metric"):
        search(RECIPE, space, tmp_path / "s", metric="log_loss", **how)
    for text, message in (
        ("data.train: [a]", "data.train: a search cannot change it"),
        ("encoder.hiden: [4]", "encoder.hiden"),
        ("training.learning_rate: {low: 2, high: 1}", "low has to be less"),
        ("[]", "names no keys"),
    ):
        space.write_text(text, encoding="utf-8")
        with pytest.raises(RecipeError, match=message):
            search(RECIPE, space, tmp_path / "t", **how)
    assert not (tmp_path / "t").exists()


def test_a_search_whose_trials_all_fail_ends(reviews: Path, tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text("training.learning_rate: [1e+30, 1e+31]", encoding="utf-8")
    with pytest.raises(SentrecError, match="no longer finite"):
        search(RECIPE, path, tmp_path / "s", **options(reviews, "training.clip_norm=1e+30"))


def test_the_command_says_what_was_best(reviews: Path, space: Path, tmp_path: Path) -> None:
    sets = [part for one in options(reviews)["overrides"] for part in ("--set", one)]
    command = ["search", RECIPE, "--space", str(space), "--trials", "1", "--out", str(tmp_path / "s"), *sets]
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "validation accuracy" in done.output
    assert f"sentrec train --recipe {tmp_path / 's' / 'best.yaml'}" in done.output


def test_a_recipe_outside_the_space_is_not_among_the_trials(space: Path) -> None:
    parameters = read_space(space)
    recipe = sentrec.load_recipe(RECIPE, ["encoder.hidden=8", "model.output_dropout=0.25"])
    assert own_values(recipe, parameters) is None
    assert Parameter("key", low=1, high=5).as_drawn(3) == 3

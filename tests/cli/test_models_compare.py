"""`sentrec models compare`: metrics side by side, and in what recipes differ."""

import json
from pathlib import Path

from command_line import Invoke, Sentrec

from sentrec.runs.directory import Run
from sentrec.training.train import train


def test_two_runs_side_by_side(invoke: Invoke, small_run: Run, reviews: Path, tmp_path: Path) -> None:
    recipe = small_run.recipe.model_copy(update={"seed": 5})
    other = train(recipe, tmp_path / "other")
    shown = invoke("models", "compare", small_run.path, other.path)
    assert shown.exit_code == 0, shown.output
    assert "test accuracy" in shown.output
    found = json.loads(invoke("models", "compare", small_run.path, other.path, "--json").stdout)
    assert found["figures"]["test accuracy"] == [one.metrics["test"]["accuracy"] for one in (small_run, other)]
    assert found["recipes"] == {"seed": [1, 5]}
    assert found["same_test"] is True


def test_a_run_that_is_missing_is_an_error(sentrec: Sentrec, small_run: Run, tmp_path: Path) -> None:
    code, _, errors = sentrec("models", "compare", str(small_run.path), str(tmp_path / "none"))
    assert (code, "There is no run" in errors) == (1, True)

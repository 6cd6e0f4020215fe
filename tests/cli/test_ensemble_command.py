"""`sentrec train --ensemble` and `sentrec ensemble`: what they print, and that the result is a model like any other."""

import json
import re
import shutil
from pathlib import Path

import pytest
from command_line import Sentrec
from small_runs import small_recipe

from sentrec.recipe import to_yaml
from sentrec.runs.directory import Run, open_run

pytestmark = pytest.mark.usefixtures("warm_cache")


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def test_seeds_become_one_model_and_join_others(
    sentrec: Sentrec, reviews: Path, small_run: Run, tmp_path: Path
) -> None:
    recipe, group, joined = tmp_path / "small.yaml", tmp_path / "my group", tmp_path / "joined"
    recipe.write_text(to_yaml(small_recipe(reviews, "name=small", "training.max_steps=4")), encoding="utf-8")
    arguments = ("train", "--recipe", str(recipe), "--out", str(group), "--seeds", "2", "--ensemble", "--quiet")
    code, output, errors = sentrec(*arguments)
    assert (code, errors) == (0, "")
    figures = open_run(group).metrics
    mean, together = figures["members"]["test"]["accuracy"], figures["test"]["accuracy"]
    assert f"test accuracy {mean:.4f} ±" in output
    assert f"their ensemble: test accuracy {together:.4f} (95 % interval" in output
    code, output, _ = sentrec("predict", "--model", str(group), "--json", "the film was lovely and superb")
    assert (code, set(json.loads(output)["probabilities"])) == (0, {"bad", "good"})
    code, output, _ = sentrec("ensemble", str(group), str(small_run.path), "--out", str(joined), "--json")
    assert code == 0
    assert json.loads(output)["test"] == open_run(joined).metrics["test"]
    code, output, _ = sentrec("ensemble", str(group), str(small_run.path), "--out", str(tmp_path / "again"))
    assert code == 0
    assert "again: 3 runs" in output
    assert f"sentrec evaluate {tmp_path / 'again'} --baseline nb-lr" in output


@pytest.mark.parametrize("seeds", [(), ("--seeds", "1")], ids=["none", "one"])
def test_an_ensemble_wants_several_seeds(sentrec: Sentrec, seeds: tuple[str, ...]) -> None:
    code, output, errors = sentrec("train", "--recipe", "quickstart", "--ensemble", *seeds)
    assert (code, output) == (2, "")
    assert "--seeds 3" in re.sub(r"\x1b\[[0-9;]*m", "", errors)


def test_one_run_and_a_taken_folder_are_errors_with_a_hint(sentrec: Sentrec, small_run: Run, tmp_path: Path) -> None:
    code, _, errors = sentrec("ensemble", str(small_run.path), "--out", str(tmp_path / "out"))
    assert code == 1
    assert "at least two runs" in errors
    code, _, errors = sentrec("ensemble", str(small_run.path), "none", "--out", str(small_run.path))
    assert code == 1
    assert "Choose a new folder as --out." in errors


def test_an_ensemble_is_not_exported_and_its_card_can_be_read(sentrec: Sentrec, small_run: Run, tmp_path: Path) -> None:
    copy, pair = shutil.copytree(small_run.path, tmp_path / "copy"), tmp_path / "pair"
    assert sentrec("ensemble", str(small_run.path), str(copy), "--out", str(pair))[0] == 0
    for options in (("--out", str(tmp_path / "small")), ("--starter", "--out", str(tmp_path / "small"))):
        code, output, errors = sentrec("export", str(pair), *options)
        assert (code, output) == (1, "")
        assert "Error: " in errors
        assert "pair is an ensemble, and no single model." in errors
        assert "Hint: Distil it into one, and export that." in errors
    assert not (tmp_path / "small").exists()
    code, output, _ = sentrec("models", "show", str(pair))
    assert (code, output.splitlines()[0]) == (0, "# pair")
    code, output, _ = sentrec("models", "show", str(pair), "--json")
    assert (code, len(json.loads(output)["members"])) == (0, 2)

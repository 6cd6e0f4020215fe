"""`sentrec train` with a recipe that goes on from a model: the real process, on a file of a user's own."""

import json
from pathlib import Path

from small_runs import start_sentrec

from sentrec.runs.directory import Run, open_run


def test_a_model_is_fine_tuned_on_a_file_by_the_real_command(small_run: Run, reviews: Path, tmp_path: Path) -> None:
    names = ("data.text_columns=review", "data.label_column=verdict", f"data.dataset={reviews / 'train.csv'}")
    changes = [word for name in (*names, f"init={small_run.path}") for word in ("--set", name)]
    command = ("train", "--recipe", "my-reviews", *changes, "--out", str(tmp_path / "run"))
    process = start_sentrec(*command)
    output, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    assert f"Starting from {small_run.path}. Its classes: bad, good." in errors
    before = open_run(tmp_path / "run").metrics["init"]["test_accuracy_before"]
    assert f"{small_run.path} as it is, before it saw your texts: {before:.4f}" in output
    assert "calibrated on rows held out in turn with temperature" in output
    again, _ = start_sentrec(*command, "--resume", "--json").communicate(timeout=900)
    assert json.loads(again)["init"]["test_accuracy_before"] == before


def test_a_model_that_is_not_there_is_one_line_and_a_hint(tmp_path: Path) -> None:
    process = start_sentrec("train", "--recipe", "my-reviews", "--set", "init=staarter", "--out", str(tmp_path / "run"))
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 1
    assert "Error: init: there is no run at staarter." in errors
    assert "did you mean 'starter'?" in errors
    assert not (tmp_path / "run").exists()

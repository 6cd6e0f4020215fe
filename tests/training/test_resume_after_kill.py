"""A training that was killed with ``kill -9``, however often, ends as the uninterrupted one, to the last bit."""

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killed import start_training, train_until_end
from processor import IN_BFLOAT16
from small_runs import cache_in, small_overrides, small_recipe, start_sentrec

from sentrec.recipe import to_yaml
from sentrec.runs.directory import open_run, read_environment

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("warm_cache")]

# 48 steps, a checkpoint at each. Validations in mid-epoch, dropout and an embedding table that thaws are on as well.
CHANGES = (
    *("training.batch_size=8", "training.epochs=4", "training.checkpoint_seconds=0", "training.patience=50"),
    *("training.validations_per_epoch=3", "model.unfreeze_epoch=2", "training.precision=float32"),
)


def without_times(directory: Path) -> dict[str, Any]:
    """All that a run tells but how long it took."""
    run = open_run(directory)
    return {
        "metrics": {key: value for key, value in run.metrics.items() if key != "seconds"},
        "history": [{key: value for key, value in row.items() if key != "seconds"} for row in run.history],
        "model": (directory / "model.safetensors").read_bytes(),
        "tokenizer": (directory / "tokenizer.json").read_bytes(),
        "files": sorted(path.name for path in directory.iterdir()),
    }


@pytest.fixture(scope="module")
def recipe(reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "kill.yaml"
    path.write_text(to_yaml(small_recipe(reviews, *CHANGES)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def uninterrupted(recipe: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "run"
    with cache_in(shared_home):
        assert train_until_end(recipe, out) == 0
    return out


def test_killed_once_between_two_rows_of_the_history(recipe: Path, uninterrupted: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train_until_end(recipe, out, die_after=22) == -9
    assert not (out / "metrics.json").exists()
    assert train_until_end(recipe, out, resume=True) == 0
    assert without_times(out) == without_times(uninterrupted)


@IN_BFLOAT16
@pytest.mark.parametrize("die_after", [7, 31])
def test_killed_in_bfloat16_too(reviews: Path, tmp_path: Path, die_after: int) -> None:
    path, whole, killed = tmp_path / "bfloat16.yaml", tmp_path / "whole", tmp_path / "killed"
    path.write_text(to_yaml(small_recipe(reviews, *CHANGES, "training.precision=bfloat16")), encoding="utf-8")
    assert train_until_end(path, whole) == 0
    assert train_until_end(path, killed, die_after=die_after) == -9
    assert train_until_end(path, killed, resume=True) == 0
    assert read_environment(killed)["training_dtype"] == "bfloat16"
    assert without_times(killed) == without_times(whole)


def test_killed_twice_in_one_epoch_and_in_another(recipe: Path, uninterrupted: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train_until_end(recipe, out, die_after=7) == -9
    assert train_until_end(recipe, out, resume=True, die_after=5) == -9
    assert train_until_end(recipe, out, resume=True, die_after=24) == -9
    assert train_until_end(recipe, out, resume=True) == 0
    assert without_times(out) == without_times(uninterrupted)


def test_killed_at_random_moments(recipe: Path, uninterrupted: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for _ in range(4):
        moment = random.uniform(0.0, 0.5)
        process = start_training(recipe, out, resume=True, pause=0.05)
        process.join(moment)
        process.kill()
        process.join()
        assert process.exitcode == -9, f"it should run for 2.4 s, and was to be killed after {moment} s"
    # A kill before the first file leaves nothing; one while starting leaves what --resume starts over from.
    assert train_until_end(recipe, out, resume=True) == 0
    assert without_times(out) == without_times(uninterrupted)


def test_killed_between_the_last_file_and_the_last_cleaning(recipe: Path, uninterrupted: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train_until_end(recipe, out) == 0
    (out / "checkpoints").mkdir()
    (out / "checkpoints" / "last.safetensors").write_bytes(b"")
    assert train_until_end(recipe, out, resume=True) == 0
    assert without_times(out) == without_times(uninterrupted)


def test_the_command_line_killed_from_outside(recipe: Path, reviews: Path, uninterrupted: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    changes = [part for override in small_overrides(reviews, *CHANGES) for part in ("--set", override)]
    arguments = ("train", "--recipe", "quickstart", *changes, "--out", str(out), "--quiet")
    process = start_sentrec(*arguments)
    checkpoint = out / "checkpoints" / "last.safetensors"
    while not checkpoint.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert process.returncode == -9
    assert checkpoint.exists()
    again = start_sentrec(*arguments, "--resume", "--json")
    output, errors = again.communicate(timeout=900)
    assert again.returncode == 0, errors
    assert json.loads(output)["test"] == open_run(uninterrupted).metrics["test"]
    ours, whole = without_times(out), without_times(uninterrupted)
    losses = [row for row in ours.pop("history") if "loss" in row]
    assert [row["step"] for row in losses] == list(range(1, 49))
    first = {row["step"]: row["loss"] for row in whole.pop("history") if "loss" in row}
    assert np.mean([row["loss"] for row in losses[46:]]) == first[48]
    assert ours == whole


def test_half_written_files_of_a_killed_process_are_removed(recipe: Path, uninterrupted: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert train_until_end(recipe, out, die_after=21) == -9
    for leftover in (
        out / ".history.jsonl.abc.part",
        out / ".tmpQ3vBYe",
        out / "checkpoints" / ".last.safetensors.abc.part",
        out / "checkpoints" / ".tmpmVfMwr",
    ):
        leftover.write_bytes(b"half")
    assert train_until_end(recipe, out, resume=True) == 0
    assert without_times(out)["files"] == without_times(uninterrupted)["files"]


@pytest.mark.parametrize("die_after", [20, 70])
def test_a_group_killed_in_any_of_its_seeds_is_resumed(recipe: Path, tmp_path: Path, die_after: int) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert train_until_end(recipe, killed, seeds=2, die_after=die_after) == -9
    first = killed / "seed-1" / "metrics.json"
    assert first.exists() == (die_after > 48)
    before = first.read_bytes() if first.exists() else None
    assert train_until_end(recipe, killed, seeds=2, resume=True) == 0
    assert before in (None, first.read_bytes())  # what was finished is kept, not trained again
    assert train_until_end(recipe, whole, seeds=2) == 0
    for seed in ("seed-1", "seed-2"):
        assert without_times(killed / seed) == without_times(whole / seed)
    shutil.rmtree(whole)

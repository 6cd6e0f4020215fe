"""A training that was killed with ``kill -9``, however often, ends as the uninterrupted one, to the last bit."""

import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killed import start_training, train_until_end
from processor import IN_BFLOAT16
from small_runs import cache_in, give_stars, small_overrides, small_recipe, start_sentrec, write_corpus
from small_unlabelled import OWN_TEACHER

from sentrec.recipe import to_yaml
from sentrec.runs.directory import open_run, read_environment

pytestmark = pytest.mark.usefixtures("warm_cache")

# 48 steps, a checkpoint at each. Validations in mid-epoch, dropout and an embedding table that thaws are on as well.
CHANGES = (
    *("training.batch_size=8", "training.epochs=4", "training.checkpoint_seconds=0", "training.patience=50"),
    *("training.validations_per_epoch=3", "model.unfreeze_epoch=2", "training.precision=float32"),
)
TWO_EPOCHS = ("training.epochs=2", "model.unfreeze_epoch=1")


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


@pytest.mark.parametrize(
    "kind", ["distilled", "stars", pytest.param("bfloat16", marks=[IN_BFLOAT16, pytest.mark.slow])]
)
def test_killed_in_its_second_epoch(tmp_path: Path, unlabelled: Path, kind: str) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    give_stars(corpus, 5)
    changes = {
        "distilled": (*OWN_TEACHER, f"data.unlabelled={unlabelled}"),
        "stars": ("data.rating_column=stars", "objective.ratings=0.7", "model.ngrams.table_bits=10"),
        "bfloat16": ("training.precision=bfloat16",),
    }
    path, whole, killed = tmp_path / "recipe.yaml", tmp_path / "whole", tmp_path / "killed"
    path.write_text(to_yaml(small_recipe(corpus, *CHANGES, *TWO_EPOCHS, *changes[kind])), encoding="utf-8")
    assert train_until_end(path, whole) == 0
    assert train_until_end(path, killed, die_after=14) == -9
    assert train_until_end(path, killed, resume=True) == 0
    assert read_environment(killed)["training_dtype"] == ("bfloat16" if kind == "bfloat16" else "float32")
    assert without_times(killed) == without_times(whole)


@pytest.mark.slow
@pytest.mark.parametrize("deaths", [(22,), (7, 5, 24)], ids=["between two rows of the history", "twice in one epoch"])
def test_killed_so_often(recipe: Path, uninterrupted: Path, tmp_path: Path, deaths: tuple[int, ...]) -> None:
    out = tmp_path / "run"
    for number, steps in enumerate(deaths):
        assert train_until_end(recipe, out, resume=number > 0, die_after=steps) == -9
        assert not (out / "metrics.json").exists()
    for leftover in (".history.jsonl.abc.part", ".tmpQ3vBYe", "checkpoints/.last.safetensors.abc.part"):
        (out / leftover).write_bytes(b"half")
    assert train_until_end(recipe, out, resume=True) == 0
    assert without_times(out) == without_times(uninterrupted)


@pytest.mark.slow
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
    # Killed between the last file and the last cleaning.
    (out / "checkpoints").mkdir()
    (out / "checkpoints" / "last.safetensors").write_bytes(b"")
    assert train_until_end(recipe, out, resume=True) == 0
    assert without_times(out) == without_times(uninterrupted)


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("die_after", [20, 70])
def test_a_group_killed_in_any_of_its_seeds_is_resumed(
    recipe: Path, uninterrupted: Path, tmp_path: Path, die_after: int
) -> None:
    killed = tmp_path / "killed"
    assert train_until_end(recipe, killed, seeds=2, die_after=die_after) == -9
    first = killed / "seed-1" / "metrics.json"
    assert first.exists() == (die_after > 48)
    before = first.read_bytes() if first.exists() else None
    assert train_until_end(recipe, killed, seeds=2, resume=True) == 0
    assert before in (None, first.read_bytes())  # what was finished is kept, not trained again
    assert without_times(killed / "seed-1") == without_times(uninterrupted)
    second = tmp_path / "second.yaml"
    second.write_text(recipe.read_text(encoding="utf-8").replace("\nseed: 1\n", "\nseed: 2\n"), encoding="utf-8")
    assert train_until_end(second, tmp_path / "whole") == 0
    assert without_times(killed / "seed-2") == without_times(tmp_path / "whole")

"""Several seeds of one recipe: a run each, their mean and spread, and groups that are resumed."""

import json
import os
import shutil
import signal
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_runs import cache_in, small_recipe, write_corpus

from sentrec.errors import Interrupted, RunError
from sentrec.runs.directory import Run, open_run
from sentrec.training import seeds as seeds_module
from sentrec.training.finish import summarize
from sentrec.training.loop import Progress
from sentrec.training.seeds import train_seeds
from sentrec.training.train import train

pytestmark = pytest.mark.usefixtures("warm_cache")

SHORT = ("training.max_steps=4", "training.learning_rate=3e-2")


@pytest.fixture(scope="module")
def group(reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished group of three seeds; not to be changed (copy it)."""
    out = tmp_path_factory.mktemp("group") / "runs"
    with cache_in(shared_home):
        train_seeds(small_recipe(reviews, *SHORT), out, seeds=3)
    return out


def test_a_group_holds_a_run_for_each_seed_and_a_summary(group: Path) -> None:
    names = {path.name for path in group.iterdir()}
    assert names == {"seed-1", "seed-2", "seed-3", "metrics.json", "recipe.yaml", "environment.json"}
    summary = json.loads((group / "metrics.json").read_text(encoding="utf-8"))
    runs = [open_run(group / f"seed-{seed}") for seed in (1, 2, 3)]
    assert [run.metrics["seed"] for run in runs] == summary["seeds"] == [1, 2, 3]
    assert len({(run.path / "model.safetensors").read_bytes() for run in runs}) == 3
    for metric in ("accuracy", "macro_f1", "roc_auc", "log_loss", "brier", "ece"):
        values = [run.metrics["test"][metric] for run in runs]
        assert summary["test"][metric] == pytest.approx(sum(values) / 3)
        assert summary["test_sd"][metric] == pytest.approx(statistics.stdev(values))
    assert summary["test_sd"]["log_loss"] > 0
    assert summary["seed"] == 1
    matrices = [run.metrics["test"]["confusion_matrix"] for run in runs]
    assert summary["test"]["confusion_matrix"] == np.sum(matrices, axis=0).tolist()
    assert sum(map(sum, summary["test"]["confusion_matrix"])) == 3 * summary["test"]["n"]
    assert summary["seconds"] == pytest.approx(sum(run.metrics["seconds"] for run in runs), abs=0.01)


def test_a_member_is_the_run_of_its_seed_alone_and_the_group_opens_as_the_one_that_validated_best(
    group: Path, reviews: Path, tmp_path: Path
) -> None:
    alone = train(small_recipe(reviews, *SHORT, "seed=2"), tmp_path / "alone")
    assert (alone.path / "model.safetensors").read_bytes() == (group / "seed-2" / "model.safetensors").read_bytes()
    runs = [open_run(group / f"seed-{seed}") for seed in (1, 2, 3)]
    best = max(runs, key=lambda run: float(run.metrics["validation"]["accuracy"]))
    assert open_run(group).path == best.path


def test_one_seed_has_no_spread_and_a_missing_class_no_mean(small_run: Run) -> None:
    test = small_run.metrics["test"] | {"roc_auc": None}
    lacking = replace(small_run, metrics=small_run.metrics | {"test": test})
    summary = summarize([lacking])
    assert set(summary["test_sd"].values()) == {None}
    assert "roc_auc" not in summary["test"]


def test_a_finished_group_resumes_at_once(group: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds_module, "prepare", lambda _recipe: pytest.fail("it read the data again"))
    before = (group / "metrics.json").read_bytes()
    train_seeds(small_recipe(reviews, *SHORT), group, seeds=3, resume=True)
    assert (group / "metrics.json").read_bytes() == before


def test_a_group_grows_by_resuming_with_more_seeds(group: Path, reviews: Path, tmp_path: Path) -> None:
    grown = shutil.copytree(group, tmp_path / "grown")
    kept = (grown / "seed-3" / "metrics.json").read_bytes()
    runs, summary = train_seeds(small_recipe(reviews, *SHORT), grown, seeds=4, resume=True)
    assert summary["seeds"] == [1, 2, 3, 4]
    assert len(runs) == 4
    assert (grown / "seed-3" / "metrics.json").read_bytes() == kept


def test_a_group_does_not_shrink_by_resuming_with_fewer_seeds(group: Path, reviews: Path) -> None:
    before = (group / "metrics.json").read_bytes(), (group / "environment.json").read_bytes()
    with pytest.raises(RunError, match=r"a group of 3 seeds; this would leave out 2, 3") as caught:
        train_seeds(small_recipe(reviews, *SHORT), group, seeds=1, resume=True)
    assert str(caught.value.hint).endswith("--seeds 3 --resume")
    assert ((group / "metrics.json").read_bytes(), (group / "environment.json").read_bytes()) == before


def test_a_group_is_not_gone_on_with_on_other_rows(tmp_path: Path) -> None:
    corpus, out = write_corpus(tmp_path / "corpus"), tmp_path / "group"
    train_seeds(small_recipe(corpus, *SHORT), out, seeds=1)
    before = (out / "metrics.json").read_bytes()
    path = corpus / "test.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("film", "movie"), encoding="utf-8")
    with pytest.raises(RunError, match=r"the data changed .*seed-1.*: test"):
        train_seeds(small_recipe(corpus, *SHORT), out, seeds=2, resume=True)
    assert (out / "metrics.json").read_bytes() == before
    assert not (out / "seed-2").exists()


def test_a_member_of_another_recipe_is_not_counted_in(
    group: Path, small_run: Run, reviews: Path, tmp_path: Path
) -> None:
    mixed = shutil.copytree(group, tmp_path / "mixed")
    shutil.rmtree(mixed / "seed-1")
    shutil.copytree(small_run.path, mixed / "seed-1")
    with pytest.raises(RunError, match=r"seed-1 was started with another recipe: training.max_steps"):
        train_seeds(small_recipe(reviews, *SHORT), mixed, seeds=4, resume=True)


def test_an_interrupted_group_says_how_to_resume_the_group(reviews: Path, tmp_path: Path) -> None:
    out = tmp_path / "a group"
    calls = 0

    def interrupt(_progress: Progress) -> None:
        nonlocal calls
        calls += 1
        if calls == 6:  # the second step of the second seed
            os.kill(os.getpid(), signal.SIGTERM)

    recipe = small_recipe(reviews, *SHORT)
    with pytest.raises(Interrupted, match="seed 2: stopped at step 2 of 4") as caught:
        train_seeds(recipe, out, seeds=2, on_progress=interrupt)
    command = f"sentrec train --recipe '{out}/recipe.yaml' --out '{out}' --seeds 2 --resume"
    assert str(caught.value.hint).endswith(command)
    with pytest.raises(RunError, match="not finished") as unfinished:
        open_run(out)
    assert str(unfinished.value.hint).endswith(command)
    _, summary = train_seeds(recipe, out, seeds=2, resume=True)
    assert summary["seeds"] == [1, 2]


def test_a_group_and_a_single_run_are_not_resumed_as_each_other(
    group: Path, small_run: Run, reviews: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(group, tmp_path / "copy")
    (copy / "metrics.json").unlink()
    with pytest.raises(RunError, match="holds a group of 3 seeds") as caught:
        train(small_recipe(reviews, *SHORT), copy, resume=True)
    assert str(caught.value.hint).endswith("--seeds 3 --resume")
    assert open_run(copy / "seed-2").metrics["seed"] == 2
    with pytest.raises(RunError, match="holds a single run"):
        train_seeds(small_recipe(reviews), small_run.path, seeds=2, resume=True)


def test_a_finished_group_needs_a_flag_and_its_own_recipe(group: Path, reviews: Path) -> None:
    with pytest.raises(RunError, match="holds a finished run"):
        train_seeds(small_recipe(reviews, *SHORT), group, seeds=3)
    with pytest.raises(RunError, match="seed was 1 and is now 5"):
        train_seeds(small_recipe(reviews, *SHORT, "seed=5"), group, seeds=3, resume=True)


def test_force_puts_a_group_in_the_place_of_a_run_and_back(small_run: Run, reviews: Path, tmp_path: Path) -> None:
    out = shutil.copytree(small_run.path, tmp_path / "out")
    recipe = small_recipe(reviews, *SHORT)
    train_seeds(recipe, out, seeds=1, force=True)
    assert {path.name for path in out.iterdir()} == {"seed-1", "metrics.json", "recipe.yaml", "environment.json"}
    train(recipe, out, force=True)
    assert not (out / "seed-1").exists()
    assert open_run(out).path == out

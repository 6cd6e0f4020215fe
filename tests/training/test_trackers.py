"""Trackers get what `history.jsonl` holds, each row once, and the finished run's metrics."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from accelerate import tracking
from small_runs import small_recipe

from sentrec.errors import Interrupted, RecipeError
from sentrec.training.loop import Progress
from sentrec.training.train import train

pytestmark = pytest.mark.usefixtures("warm_cache")
REPORTED: list[tuple[str, Any]] = []


class ListTracker(tracking.GeneralTracker):
    """Keeps what it is told."""

    name = "list"
    requires_logging_directory = False

    def __init__(self, run_name: str) -> None:
        super().__init__()
        REPORTED.append(("run", run_name))

    @property
    def tracker(self) -> object:
        return REPORTED

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        REPORTED.append(("recipe", values))

    def log(self, values: dict[str, Any], step: int | None = None, **_: Any) -> None:
        REPORTED.append((f"step {step}", values))

    def finish(self) -> None:
        REPORTED.append(("end", None))


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "list", ListTracker)
    yield
    REPORTED.clear()


def test_each_row_of_the_history_is_reported_once_also_by_a_resumed_training(reviews: Path, tmp_path: Path) -> None:
    recipe = small_recipe(reviews, "training.trackers=[list]", "training.checkpoint_seconds=0")

    def stop(now: Progress) -> None:
        if now.step == 8:
            raise KeyboardInterrupt

    with pytest.raises((KeyboardInterrupt, Interrupted)):
        train(recipe, tmp_path / "run", on_progress=stop)
    before = [values for what, values in REPORTED if what.startswith("step")]
    REPORTED.clear()
    run = train(recipe, tmp_path / "run", resume=True)
    assert [what for what, _ in REPORTED[:2]] == ["run", "recipe"]
    assert REPORTED[1][1]["encoder.hidden"] == 8
    rows = [{"step": int(what.split()[1]), **values} for what, values in REPORTED[2:-2]]
    assert before
    assert rows == run.history[-len(rows) :]
    assert len(rows) + len(before) >= len(run.history)
    what, metrics = REPORTED[-2]
    assert what == f"step {run.metrics['steps']}"
    assert metrics["final_test_accuracy"] == run.metrics["test"]["accuracy"]
    assert REPORTED[-1][0] == "end"


def test_unknown_and_missing_trackers_are_errors_before_a_run_gives_way(reviews: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="'tensorbord' is not a known tracker"):
        train(small_recipe(reviews, "training.trackers=[tensorbord]"), tmp_path / "run")
    with pytest.raises(RecipeError, match="clearml is not installed"):
        train(small_recipe(reviews, "training.trackers=[clearml]"), tmp_path / "run")
    assert not (tmp_path / "run").exists()

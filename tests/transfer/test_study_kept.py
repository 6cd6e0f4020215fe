"""What a study keeps, what makes it measure anew, and how two studies share a source."""

import gc
import shutil
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
from corpus_study import measured_again, small_study, study_tree
from small_runs import small_recipe, write_corpus

import sentrec
from sentrec.errors import Interrupted
from sentrec.files.lock import sole_training
from sentrec.files.storage import cache_home
from sentrec.files.versions import code_version
from sentrec.training.interrupt import StopRequest
from sentrec.training.loop import TrainingLoop, make_accelerator
from sentrec.training.prepare import prepare
from sentrec.transfer import cell as cell_module
from sentrec.transfer.cell import target_only_model
from sentrec.transfer.loading import load_sources, transfer_from_dict
from sentrec.transfer.results import CellResult, StudyProgress
from sentrec.transfer.source import Source
from sentrec.transfer.study import transfer

SMALLEST: dict[str, Any] = {"seeds": 1, "budgets": [24]}


def test_a_run_may_move_and_its_cells_stay(tmp_path: Path) -> None:
    run = sentrec.train(small_recipe(write_corpus(tmp_path / "corpus"), "training.epochs=1"), tmp_path / "run")
    source = {"name": "mine", "run": str(run.path)}
    transfer(small_study(tmp_path, source=source, **SMALLEST), tmp_path / "out")
    shutil.move(run.path, tmp_path / "moved")
    source["run"] = str(tmp_path / "moved")
    assert measured_again(small_study(tmp_path, source=source, **SMALLEST), tmp_path / "out") == []
    shutil.rmtree(tmp_path / "moved")
    sentrec.train(small_recipe(tmp_path / "corpus", "training.epochs=1", "seed=9"), tmp_path / "moved")
    assert measured_again(small_study(tmp_path, source=source, **SMALLEST), tmp_path / "out") == ["full"]


def test_how_often_checkpoints_are_saved_changes_no_outcome(tmp_path: Path) -> None:
    transfer(small_study(tmp_path, **SMALLEST), tmp_path / "out")
    (tmp_path / "out" / ".unfinished" / "abc").mkdir(parents=True)  # a killed study left it
    often = small_study(tmp_path, training={"checkpoint_seconds": 0.0}, **SMALLEST)
    assert measured_again(often, tmp_path / "out") == []
    assert not (tmp_path / "out" / ".unfinished").exists()
    assert len(list((tmp_path / "out" / "cells").rglob("cell.json"))) == 2


def test_other_code_measures_anew_and_trains_sources_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small_study(tmp_path, arms=["scratch", "full"], **SMALLEST)
    transfer(recipe, tmp_path / "out")
    assert measured_again(recipe, tmp_path / "out") == []
    monkeypatch.setattr("sentrec.files.versions.metadata.version", lambda name: "99")
    code_version.cache_clear()
    assert measured_again(recipe, tmp_path / "out") == ["scratch", "full"]
    assert len([path for path in (cache_home() / "sources").iterdir() if path.is_dir()]) == 2
    code_version.cache_clear()


def test_a_study_that_is_replaced_leaves_nothing_of_its_report(tmp_path: Path) -> None:
    out = tmp_path / "out"
    transfer(small_study(tmp_path, **SMALLEST), out)
    old = ["report.md", "table.csv", "results.json", "matrix-full-24.png", "convergence-7.png"]
    for name in old:
        (out / name).write_text("old", encoding="utf-8")
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    (out / ".unfinished" / "abc").mkdir(parents=True)

    def stop(_progress: object) -> None:
        assert not [name for name in old if (out / name).exists()]
        assert not list(out.glob(".unfinished/*"))
        assert not (out / "cells").exists()
        raise Interrupted("seen")

    with pytest.raises(Interrupted):
        transfer(small_study(tmp_path, **SMALLEST), out, force=True, on_progress=stop)
    assert (out / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_cell_that_was_stopped_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    recipe = small_study(tmp_path, arms=["scratch"], **SMALLEST)
    whole, steps = transfer(recipe, tmp_path / "whole"), 0

    def stop_at_the_fourth_step(_progress: object) -> None:
        nonlocal steps
        steps += 1
        if steps == 5:  # a cell begins, then takes steps
            raise KeyboardInterrupt

    often = small_study(tmp_path, arms=["scratch"], training={"checkpoint_seconds": 0.0}, **SMALLEST)
    with pytest.raises(KeyboardInterrupt):
        transfer(often, tmp_path / "out", on_progress=stop_at_the_fourth_step)
    (checkpoint,) = (tmp_path / "out" / ".unfinished").glob("*/checkpoints/last.safetensors")
    assert checkpoint.stat().st_size > 0
    told: list[float] = []
    resumed = transfer(often, tmp_path / "out", resume=True, on_progress=lambda progress: told.append(progress.share))
    assert min(share for share in told if share > 0) > 1 / 6
    assert resumed.results[0].predicted.tolist() == whole.results[0].predicted.tolist()


@pytest.fixture
def origin(tmp_path: Path) -> Source:
    (source,) = load_sources(small_study(tmp_path))
    return source


def run_of(origin: Source, stop: StopRequest) -> Path:
    return origin.train(1, make_accelerator("cpu"), stop, lambda _progress: None).path


def test_a_source_that_another_study_trains_is_waited_for_and_then_opened(
    origin: Source, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    elsewhere = run_of(origin, StopRequest())
    unfinished = elsewhere.with_name("unfinished")
    elsewhere.rename(unfinished)

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("it was trained twice")

    monkeypatch.setattr("sentrec.transfer.source.fit", refuse)
    release, held = threading.Event(), threading.Event()

    def train_elsewhere() -> None:
        with sole_training(elsewhere):
            held.set()
            release.wait(20)
            unfinished.rename(elsewhere)

    other = threading.Thread(target=train_elsewhere)
    other.start()
    assert held.wait(20)
    timer = threading.Timer(0.8, release.set)
    timer.start()
    assert run_of(origin, StopRequest()) == elsewhere
    other.join()
    assert caplog.text.count("Waiting for its end") == 1


def test_waiting_for_a_source_can_be_stopped(origin: Source) -> None:
    stop = StopRequest()
    directory = run_of(origin, stop)
    (directory / "metrics.json").unlink()
    stop.requested = True
    with sole_training(directory), pytest.raises(Interrupted, match="while another study trains it"):
        run_of(origin, stop)


@pytest.mark.parametrize("broken", ["cell.json", "predictions.safetensors"])
def test_a_cell_that_was_cut_off_is_measured_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    recipe = small_study(tmp_path, **SMALLEST)
    study = transfer(recipe, tmp_path / "out")
    file = next((study.path / "cells" / "target" / "24" / "scratch").rglob(broken))
    file.write_bytes(file.read_bytes()[:40])
    assert measured_again(recipe, tmp_path / "out") == ["scratch"]
    assert "cut off or altered" in caplog.text
    again = transfer(recipe, tmp_path / "out", resume=True)
    assert [one.predicted.tolist() for one in again.results] == [one.predicted.tolist() for one in study.results]


def test_another_option_measures_only_the_cells_that_depend_on_it(tmp_path: Path) -> None:
    arms = ["scratch", "full", "probe"]
    assert measured_again(small_study(tmp_path, arms=arms, **SMALLEST), tmp_path / "out") == arms
    changed = small_study(tmp_path, arms=arms, probe={"learning_rate_factor": 3.0}, **SMALLEST)
    assert measured_again(changed, tmp_path / "out") == ["probe"]


def test_a_source_is_trained_once_for_all_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("it was trained twice")

    transfer(small_study(tmp_path, **SMALLEST), tmp_path / "first")
    monkeypatch.setattr("sentrec.transfer.source.fit", refuse)
    transfer(small_study(tmp_path, seeds=1, budgets=[48]), tmp_path / "second")


def test_a_study_that_was_stopped_goes_on_where_it_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished: list[CellResult] = []

    def stop_after_two(progress: StudyProgress) -> None:
        if progress.finished is not None:
            finished.append(progress.finished)
        if len(finished) == 2:
            raise Interrupted("stopped")

    recipe = small_study(tmp_path)
    with pytest.raises(Interrupted) as caught:
        transfer(recipe, tmp_path / "out", on_progress=stop_after_two)
    assert "--resume" in str(caught.value.hint)
    counts: list[int] = []
    resumed = transfer(recipe, tmp_path / "out", resume=True, on_progress=lambda progress: counts.append(progress.done))
    assert counts[0] == 2
    assert counts[-1] == len(resumed.results) == 8
    whole = transfer(recipe, tmp_path / "whole")
    assert [one.predicted.tolist() for one in whole.results] == [one.predicted.tolist() for one in resumed.results]


def test_a_loop_that_is_over_leaves_its_model(reviews: Path) -> None:
    recipe = small_recipe(reviews, "training.max_steps=1")
    data = prepare(recipe)
    model = target_only_model("scratch", recipe, data.tokenizer, 2)
    accelerator = make_accelerator("cpu")
    labels = (data.splits.train.labels, data.splits.validation.labels)
    loop = TrainingLoop(recipe, model, data.train, labels[0], data.validation, labels[1], accelerator)
    assert len(list(loop.run())) == 1
    kept = weakref.ref(model)
    del model, loop
    gc.collect()
    assert kept() is None
    assert accelerator.num_processes == 1  # it outlives them


def test_no_cell_keeps_the_model_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models: list[weakref.ref[Any]] = []
    fit_cell = cell_module.fit_cell

    def watch(fitting: cell_module.Fitting, *rest: Any) -> CellResult:
        gc.collect()
        assert [model() for model in models] == [None] * len(models)
        models.append(weakref.ref(fitting.start.model))
        return fit_cell(fitting, *rest)

    monkeypatch.setattr("sentrec.transfer.runner.fit_cell", watch)
    transfer(small_study(tmp_path, budgets=[24], seeds=2), tmp_path / "out")
    assert len(models) == 4


def test_token_ids_go_with_the_last_cell_that_needs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: dict[tuple[str, str | None], weakref.ref[Any]] = {}
    alive: list[set[tuple[str, str | None]]] = []
    fit_cell = cell_module.fit_cell

    def watch(fitting: cell_module.Fitting, *rest: Any) -> CellResult:
        encoded[fitting.cell.target, fitting.cell.source] = weakref.ref(fitting.data.test)
        gc.collect()
        alive.append({key for key, one in encoded.items() if one() is not None})
        return fit_cell(fitting, *rest)

    monkeypatch.setattr("sentrec.transfer.runner.fit_cell", watch)
    tree: dict[str, Any] = study_tree(tmp_path, budgets=[24], seeds=1)
    tree["target"] = [tree["target"] | {"name": name} for name in ("first", "second")]
    transfer(transfer_from_dict(tree), tmp_path / "out")
    assert alive == [{("first", None)}, {("first", "source")}, {("second", None)}, {("second", "source")}]

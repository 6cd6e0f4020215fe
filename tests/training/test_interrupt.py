"""Signals: the first one is a request, the second acts; where nothing is to be saved the first acts too."""

import contextlib
import os
import signal
import threading
from pathlib import Path

import pytest
from small_runs import small_recipe

from sentrec.errors import Interrupted
from sentrec.recipe import Recipe
from sentrec.training.interrupt import stop_on_signals
from sentrec.training.loop import Progress
from sentrec.training.seeds import train_seeds
from sentrec.training.train import train


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as stop:
        assert not stop.requested
        send(number)
        assert stop.requested
        assert signal.getsignal(number) == before
    assert signal.getsignal(number) == before


def test_the_second_ctrl_c_acts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with stop_on_signals():
            send(signal.SIGINT)
            with pytest.raises(KeyboardInterrupt):
                send(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_work_without_anything_to_save_stops_at_once_even_by_a_request_made_before() -> None:
    with stop_on_signals() as stop:
        stop.raise_at_once(Interrupted("so far"))
        with pytest.raises(Interrupted, match="so far"):
            send(signal.SIGTERM)
    with stop_on_signals() as stop:
        send(signal.SIGTERM)
        with pytest.raises(Interrupted, match="so far"):
            stop.raise_at_once(Interrupted("so far"))


def test_deferred_a_request_waits_unless_something_swallowed_one_before() -> None:
    with stop_on_signals() as stop:
        stop.raise_at_once(Interrupted("so far"))
        stop.defer()
        send(signal.SIGTERM)
        assert stop.requested
    with stop_on_signals() as stop:
        stop.raise_at_once(Interrupted("so far"))
        with contextlib.suppress(Interrupted):
            send(signal.SIGTERM)
        with pytest.raises(Interrupted, match="so far"):
            stop.defer()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("options", [{}, {"seeds": 2}], ids=["one", "seeds"])
def test_a_signal_while_the_data_is_read_stops_at_once_and_leaves_nothing(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, options: dict[str, int]
) -> None:
    def prepare(_recipe: Recipe) -> None:
        send(number)
        pytest.fail("it went on")

    module = "seeds" if options else "train"
    monkeypatch.setattr(f"sentrec.training.{module}.prepare", prepare)
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="stopped before the first step; nothing was changed") as caught:
        (train_seeds if options else train)(small_recipe(reviews), tmp_path / "run", **options)
    assert caught.value.hint
    assert not (tmp_path / "run").exists()
    assert signal.getsignal(number) == before


def test_a_signal_between_two_seeds_says_how_to_go_on(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*_arguments: object, **_options: object) -> None:
        send(signal.SIGTERM)

    monkeypatch.setattr("sentrec.training.seeds.fit", fit)
    with pytest.raises(Interrupted, match="seed 1: stopped before its first step") as caught:
        train_seeds(small_recipe(reviews), tmp_path / "group", seeds=2)
    assert str(caught.value.hint).endswith("--seeds 2 --resume")


def test_another_thread_leaves_the_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work() -> None:
        with stop_on_signals() as stop:
            seen.append((stop.requested, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]


def test_a_training_saves_and_says_how_to_go_on(reviews: Path, tmp_path: Path) -> None:
    recipe = small_recipe(reviews)

    def interrupt(progress: Progress) -> None:
        if progress.step == 4:
            send(signal.SIGINT)

    out = tmp_path / "my run"
    with pytest.raises(Interrupted, match="stopped at step 4 of 18") as caught:
        train(recipe, out, on_progress=interrupt)
    assert str(caught.value.hint) == (f"Go on with: sentrec train --recipe '{out}/recipe.yaml' --out '{out}' --resume")
    resumed, whole = train(recipe, out, resume=True), train(recipe, tmp_path / "whole")
    assert (resumed.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_a_signal_while_the_test_split_is_scored_stops_at_once(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe(reviews, "training.max_steps=3")
    with monkeypatch.context() as patch:
        patch.setattr("sentrec.training.train.finish_run", lambda *_arguments: send(signal.SIGTERM))
        with pytest.raises(Interrupted, match="stopped at step 3 of 3"):
            train(recipe, tmp_path / "run")
    assert train(recipe, tmp_path / "run", resume=True).metrics["steps"] == 3

"""Region embeddings that a recipe has learned for it: once, by one process, and from the texts that it names."""

import logging
import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from small_regions import store_regions
from small_runs import small_recipe

from sentrec.adapt import regions as learning
from sentrec.adapt.plan import AdaptProgress
from sentrec.checks.recipe import check_recipe
from sentrec.errors import GloveError, Interrupted
from sentrec.files.lock import sole_training
from sentrec.files.storage import cache_home
from sentrec.glove.store import open_vectors, vectors_path
from sentrec.recipe.sections import RegionsConfig
from sentrec.training import regions as room
from sentrec.training.regions import open_regions, regions_for
from sentrec.training.seeds import train_seeds
from sentrec.training.train import train


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RegionsConfig:
    """What takes no time to learn."""
    monkeypatch.setattr(learning, "_LENGTH", 16)
    texts = np.random.default_rng(1).choice(["good", "bad", "film", "the"], (90, 8)).tolist()
    (tmp_path / "texts.txt").write_text("\n".join(map(" ".join, texts)) + "\n", encoding="utf-8")
    return RegionsConfig(name="mine", corpus=(str(tmp_path / "texts.txt"),), dim=3, window=2, passes=1)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(logging.getLogger("sentrec"), "propagate", True)
    caplog.set_level(logging.INFO, logger="sentrec")
    return caplog


def test_a_recipe_that_names_a_corpus_learns_from_it_once(
    config: RegionsConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = regions_for(config, "cpu")
    assert (learned.info.window, learned.dim, len(learned.words)) == (2, 3, 4)
    monkeypatch.setattr(room, "learn_regions", None)
    assert regions_for(config, "cpu").fingerprint == open_regions(config).fingerprint == learned.fingerprint
    assert open_vectors("mine", 3).info.source.startswith("sentrec learn-regions")


def test_vectors_of_other_texts_than_the_recipe_names_are_refused(config: RegionsConfig, reviews: Path) -> None:
    learned = regions_for(config, "cpu")
    other = config.model_copy(update={"corpus": ("imdb",)})
    with pytest.raises(
        GloveError, match=r"was learned from .*texts\.txt, and model\.regions\.corpus is imdb"
    ) as caught:
        regions_for(other)
    assert "--set model.regions.corpus=null" in str(caught.value.hint)
    recipe = small_recipe(reviews, "model.regions={name: mine, dim: 3, window: 2, corpus: imdb}")
    (finding,) = (one for one in check_recipe(recipe) if one.topic == "regions")
    assert (finding.state, finding.detail) == ("missing", caught.value.message)
    for corpus in (None, ("./texts.txt",)):
        assert regions_for(config.model_copy(update={"corpus": corpus})).fingerprint == learned.fingerprint


@pytest.mark.parametrize("source", ["sentrec learn-regions a9333c0ef21a: imdb/train, imdb/unsupervised", "by hand"])
def test_those_of_the_dataset_and_those_that_say_nothing_are_taken(source: str) -> None:
    stored = store_regions(source=source)
    config = RegionsConfig(name="around", corpus=("imdb",), dim=4, window=3)
    assert regions_for(config).fingerprint == stored.fingerprint


def learned_elsewhere(end: Callable[[], object], config: RegionsConfig) -> threading.Thread:
    """Another one that holds the vectors' lock for a second; what it does at the end."""
    held = threading.Event()

    def learn() -> None:
        with sole_training(cache_home() / "adapting" / f"{config.name}.{config.dim}d"):
            held.set()
            threading.Event().wait(1.0)
            end()

    other = threading.Thread(target=learn)
    other.start()
    assert held.wait(20)
    return other


def test_what_another_process_learns_is_waited_for_and_then_opened(
    config: RegionsConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    learned = regions_for(config, "cpu")
    aside = shutil.move(learned.path, tmp_path / "aside")
    monkeypatch.setattr(learning, "_Learning", None)  # it is not learned twice
    other = learned_elsewhere(lambda: shutil.move(aside, learned.path), config)
    assert regions_for(config, "cpu").fingerprint == learned.fingerprint
    other.join()
    assert log.text.count("mine.3d is being learned by another process. Waiting for its end") == 1


def test_what_another_process_gave_up_is_learned(config: RegionsConfig) -> None:
    other = learned_elsewhere(lambda: None, config)
    assert regions_for(config, "cpu").info.window == 2
    other.join()


@pytest.mark.parametrize(
    ("number", "run"),
    [(signal.SIGINT, train), (signal.SIGTERM, lambda recipe, out: train_seeds(recipe, out, seeds=2))],
    ids=["one", "seeds"],
)
def test_a_stopped_training_says_that_what_was_learned_is_kept(
    config: RegionsConfig,
    reviews: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    run: Callable[..., object],
) -> None:
    seen: list[AdaptProgress] = []

    def tell(_: object, progress: AdaptProgress) -> None:
        seen.append(progress)
        if progress.stage == "learn" and progress.done == 1 and len(seen) < 10:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(learning, "_SAVED_EVERY", 0.0)
    monkeypatch.setattr(learning, "_ROWS", 4)
    monkeypatch.setattr(room._Teller, "tell", tell)
    recipe = small_recipe(reviews, f"model.regions={config.model_dump_json()}", "training.max_steps=1")
    with pytest.raises(Interrupted, match="while region embeddings mine were being learned") as caught:
        run(recipe, tmp_path / "run")
    assert caught.value.hint == "Run the same command again: it goes on there."
    assert not (tmp_path / "run").exists()
    seen.clear()
    monkeypatch.setattr(room._Teller, "tell", lambda _, progress: seen.append(progress))
    run(recipe, tmp_path / "run")
    assert {progress.stage for progress in seen} == {"learn"}  # the texts are not read again
    assert vectors_path("mine", 3).is_dir()


def test_how_far_the_learning_is_and_how_long_it_takes_is_logged(
    monkeypatch: pytest.MonkeyPatch, log: pytest.LogCaptureFixture
) -> None:
    now = [100.0]
    monkeypatch.setattr(room.time, "monotonic", lambda: now[0])
    teller = room._Teller()
    for progress, seconds in (
        (AdaptProgress("read", 4096), 30),
        (AdaptProgress("learn", 1000, 3000), 10),  # resumed
        (AdaptProgress("learn", 1100, 3000), 60),
        (AdaptProgress("learn", 3000, 3000), 60),
    ):
        now[0] += seconds
        teller.tell(progress)
    assert log.messages == ["4,096 texts read", "step 1,100 of 3,000, about 19 min left", "step 3,000 of 3,000"]

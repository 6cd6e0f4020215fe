"""Learning region embeddings: what comes of it, that it can be gone on with, and what it refuses."""

from pathlib import Path

import numpy as np
import pytest
import torch
from adapt_corpus import COMMON, SUBJECTS, Stop, store_pretrained, write_plain

from sentrec.adapt import regions as room
from sentrec.adapt.plan import AdaptProgress, RegionOptions
from sentrec.adapt.regions import learn_regions
from sentrec.errors import DataError, GloveError, Interrupted, SentrecError
from sentrec.files.lock import sole_training
from sentrec.files.storage import cache_home
from sentrec.glove.store import GloveVectors, open_vectors
from sentrec.models.regions import RegionEmbedding


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of which a small corpus has many."""
    monkeypatch.setattr(room, "_ROWS", 8)
    monkeypatch.setattr(room, "_LENGTH", 32)
    monkeypatch.setattr(room, "_WARM_UP", 10)


def plan(folder: Path, **changed: object) -> RegionOptions:
    path = folder / "corpus.txt"
    if not path.exists():
        write_plain(path)
    values = {"name": "mine", "corpus": (str(path),), "dim": 8, "passes": 1, "window": 2, "reach": 3} | changed
    return RegionOptions(**values)  # type: ignore[arg-type]


def regions_of(vectors: GloveVectors, texts: list[list[str]]) -> np.ndarray:
    """The regions of some texts, each a row as long as its window, as a model embeds them; of length 1."""
    assert vectors.info.window == len(texts[0])
    words = sorted({word for text in texts for word in text})
    embedding = RegionEmbedding(len(words), vectors.dim, vectors.info.window)
    embedding.start(words, vectors)
    ids = torch.tensor([[words.index(word) for word in text] for text in texts])
    before = vectors.info.window // 2
    found = embedding(ids, torch.ones_like(ids, dtype=torch.bool))[:, before].numpy()
    return found / np.maximum(1e-9, np.linalg.norm(found, axis=1, keepdims=True))


def test_the_loss_falls_and_regions_of_one_subject_are_near_each_other(tmp_path: Path) -> None:
    seen: list[AdaptProgress] = []
    vectors = learn_regions(plan(tmp_path, passes=4, dim=16), device="cpu", on_progress=seen.append)
    losses = [progress.error for progress in seen if progress.stage == "learn"]
    assert None not in losses
    assert losses[-1] < losses[0] - 0.01  # type: ignore[operator]

    chance = np.random.default_rng(1)
    film, food = (regions_of(vectors, chance.choice(words, (40, 2)).tolist()) for words in SUBJECTS.values())
    others = ~np.eye(40, dtype=bool)
    apart = (film @ food.T).mean()
    assert min((film @ film.T)[others].mean(), (food @ food.T)[others].mean()) > apart + 0.3


def test_they_are_stored_with_their_window_and_scaled(tmp_path: Path) -> None:
    told: list[AdaptProgress] = []
    vectors = learn_regions(plan(tmp_path, passes=3), device="cpu", on_progress=told.append)
    assert (vectors.name, vectors.dim, vectors.info.window) == ("mine", 8, 2)
    assert set(vectors.words.to_pylist()) == {*COMMON, *SUBJECTS["film"], *SUBJECTS["food"]}
    assert vectors.info.source.startswith("sentrec learn-regions ")
    assert vectors.info.source.endswith(str(tmp_path / "corpus.txt"))
    assert not (cache_home() / "adapting" / "mine.8d").exists()
    assert open_vectors("mine", 8).fingerprint == vectors.fingerprint
    last = told[-1]
    assert (last.stage, last.done) == ("learn", last.total)
    texts = [line.split() for line in (tmp_path / "corpus.txt").read_text().splitlines()]
    # A region that begins with the last word of a text holds less, as in the corpus.
    known = [np.array([vectors.matrix[vectors.rows([word])[0]] for word in text]) for text in texts]
    sums = [np.maximum(0, text + np.concatenate([text[1:], np.zeros((1, 8))])) for text in known]
    gaps = len(texts) * (2 + 3 - 1)  # between texts all numbers are zero, but before a text the first word stands alone
    alone = [np.maximum(0, text[:1]) for text in known]
    spread = np.concatenate([*sums, *alone, np.zeros((gaps, 8))]).std(axis=0)
    np.testing.assert_allclose(spread, 1, atol=0.05)


@pytest.mark.parametrize(
    ("stage", "at", "goes_on"),
    [
        ("read", 1, ("read", 400)),
        ("encode", 1, ("read", 400)),
        ("learn", 1, ("learn", 1)),
        ("learn", 40, ("learn", 40)),
    ],
)
def test_resumed_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, at: int, goes_on: tuple[str, int]
) -> None:
    monkeypatch.setattr(room, "_SAVED_EVERY", 0.0)
    options = plan(tmp_path, passes=2)
    whole = np.array(learn_regions(options, device="cpu").matrix)
    with pytest.raises(Interrupted) as stopped:
        learn_regions(options, device="cpu", force=True, on_progress=Stop(stage, at))
    assert "--resume" in (stopped.value.hint or "")
    np.testing.assert_array_equal(open_vectors("mine", 8).matrix, whole)  # the older ones are still there
    seen: list[AdaptProgress] = []
    resumed = learn_regions(options, device="cpu", resume=True, force=True, on_progress=seen.append)
    np.testing.assert_array_equal(resumed.matrix, whole)
    # What was saved is not done again; the step that was interrupted is.
    assert (seen[0].stage, seen[0].done) == goes_on


def test_what_was_learned_since_the_last_time_it_was_saved_is_learned_again(tmp_path: Path) -> None:
    whole = np.array(learn_regions(plan(tmp_path), device="cpu").matrix)
    with pytest.raises(Interrupted, match="what was saved so far is kept"):
        learn_regions(plan(tmp_path), device="cpu", force=True, on_progress=Stop("learn", 20))
    seen: list[AdaptProgress] = []
    resumed = learn_regions(plan(tmp_path), device="cpu", resume=True, force=True, on_progress=seen.append)
    assert (seen[0].stage, seen[0].done) == ("learn", 1)  # the texts are not read again
    np.testing.assert_array_equal(resumed.matrix, whole)


def test_it_is_saved_every_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, saved = [0.0], []
    monkeypatch.setattr(room.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(room._Learning, "_save", lambda work, model, optimizer, step: saved.append(step))

    def tell(progress: AdaptProgress) -> None:
        clock[0] += 25.0 if progress.stage == "learn" else 0.0

    learn_regions(plan(tmp_path), device="cpu", on_progress=tell)
    assert saved[:3] == [3, 6, 9]


def test_another_seed_gives_other_vectors(tmp_path: Path) -> None:
    one, other = (learn_regions(plan(tmp_path, name=f"n{seed}", seed=seed), device="cpu") for seed in (1, 2))
    assert not np.allclose(one.matrix, other.matrix)


def test_resuming_takes_the_same_options_and_texts_or_begins_anew(tmp_path: Path) -> None:
    with pytest.raises(SentrecError, match="nothing to resume"):
        learn_regions(plan(tmp_path), device="cpu", resume=True)
    with pytest.raises(Interrupted):
        learn_regions(plan(tmp_path), device="cpu", on_progress=Stop("learn", 2))
    for changed in ({"window": 3}, {"passes": 2}, {"learning_rate": 0.1}):
        with pytest.raises(SentrecError, match="other options or texts"):
            learn_regions(plan(tmp_path, **changed), device="cpu", resume=True)
    seen: list[AdaptProgress] = []
    learn_regions(plan(tmp_path, window=3), device="cpu", resume=None, on_progress=seen.append)
    assert seen[0].stage == "read"


def test_where_it_is_left_open_an_interrupted_work_is_gone_on_with(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        learn_regions(plan(tmp_path), device="cpu", on_progress=Stop("learn", 2))
    seen: list[AdaptProgress] = []
    learn_regions(plan(tmp_path), device="cpu", resume=None, on_progress=seen.append)
    assert {progress.stage for progress in seen} == {"learn"}


def test_a_taken_or_published_name_is_refused_before_any_work(tmp_path: Path) -> None:
    store_pretrained("mine", 8)
    for name, said in (("mine", "is there already"), ("6B", "of published vectors"), ("a/b", "cannot name vectors")):
        with pytest.raises(GloveError, match=said):
            learn_regions(plan(tmp_path, name=name), device="cpu")
    assert learn_regions(plan(tmp_path), device="cpu", force=True).info.window == 2


def test_what_is_being_learned_is_left_alone(tmp_path: Path) -> None:
    with (
        sole_training(cache_home() / "adapting" / "mine.8d"),
        pytest.raises(GloveError, match=r"mine\.8d is being learned right now"),
    ):
        learn_regions(plan(tmp_path), device="cpu")


def test_texts_too_few_for_a_row_of_regions_are_told(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("the soup and the bread\n", encoding="utf-8")
    short = plan(tmp_path, corpus=(str(tmp_path / "short.txt"),), min_count=1)
    with pytest.raises(DataError, match="too little text for regions"):
        learn_regions(short, device="cpu")

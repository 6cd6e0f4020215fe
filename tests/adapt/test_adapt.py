from pathlib import Path

import numpy as np
import pytest
from adapt_corpus import COMMON, SUBJECTS, Stop, store_pretrained, write_plain

from sentrec.adapt import adapt as room
from sentrec.adapt import cooccurrence
from sentrec.adapt.adapt import adapt_glove
from sentrec.adapt.plan import AdaptOptions
from sentrec.errors import DataError, GloveError, Interrupted, SentrecError
from sentrec.files.lock import sole_training
from sentrec.files.storage import cache_home
from sentrec.glove.store import GloveVectors, open_vectors


def plan(folder: Path, **changed: object) -> AdaptOptions:
    path = folder / "corpus.txt"
    if not path.exists():
        write_plain(path)
    values = {"name": "mine", "corpus": (str(path),), "glove": "base.4d", "passes": 3, "window": 4} | changed
    return AdaptOptions(**values)  # type: ignore[arg-type]


def vector(vectors: GloveVectors, word: str) -> np.ndarray:
    [row] = vectors.rows([word])
    assert row >= 0, word
    return np.asarray(vectors.matrix[row])


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_adapted_vectors_are_a_superset_and_words_outside_of_the_corpus_keep_theirs(tmp_path: Path) -> None:
    store_pretrained()
    base = open_vectors("base", 4)
    adapted = adapt_glove(plan(tmp_path))
    vectors = open_vectors("mine", 4)
    assert vectors.words.to_pylist()[: len(base.words)] == base.words.to_pylist()
    new = set(SUBJECTS["food"][3:])
    assert set(vectors.words.to_pylist()[len(base.words) :]) == new
    assert adapted.new_words == len(new)
    assert adapted.corpus_words == len(COMMON) + sum(map(len, SUBJECTS.values()))
    for word in ("unseen", "elsewhere"):
        np.testing.assert_array_equal(vector(vectors, word), vector(base, word))
    assert not np.allclose(vector(vectors, "actor"), vector(base, "actor"))
    assert adapted.mean_cosine is not None
    assert adapted.mean_cosine < 0.999
    assert vectors.info.source.endswith(str(tmp_path / "corpus.txt"))
    assert not (cache_home() / "adapting" / "mine.4d").exists()


def test_a_strong_pull_keeps_every_pretrained_vector(tmp_path: Path) -> None:
    store_pretrained()
    adapted = adapt_glove(plan(tmp_path, pull=1e7))
    assert adapted.mean_cosine == pytest.approx(1, abs=1e-4)
    np.testing.assert_allclose(vector(adapted.vectors, "plot"), vector(open_vectors("base", 4), "plot"), atol=1e-2)


def test_vectors_from_scratch_know_which_words_belong_together(tmp_path: Path) -> None:
    vectors = adapt_glove(plan(tmp_path, glove=None, dim=6, passes=6, pull=0.1)).vectors
    assert vectors.dim == 6
    assert len(vectors.words) == len(COMMON) + sum(map(len, SUBJECTS.values()))
    film, food = ([vector(vectors, word) for word in words] for words in SUBJECTS.values())
    together = np.mean([cosine(one, other) for one in film for other in film if one is not other])
    apart = np.mean([cosine(one, other) for one in film for other in food])
    assert together > apart + 0.3


@pytest.mark.parametrize(("stage", "at"), [("read", 1), ("encode", 1), ("count", 1), ("fit", 3)])
def test_resumed_ends_with_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, at: int) -> None:
    monkeypatch.setattr(cooccurrence, "_CELLS", 40)  # two rows at a time, so that some are left to count
    store_pretrained()
    whole = np.array(adapt_glove(plan(tmp_path)).vectors.matrix)
    with pytest.raises(Interrupted) as stopped:
        adapt_glove(plan(tmp_path), force=True, on_progress=Stop(stage, at), threads=1)
    assert "--resume" in (stopped.value.hint or "")
    np.testing.assert_array_equal(open_vectors("mine", 4).matrix, whole)  # the older ones are still there
    seen: list[str] = []
    resumed = adapt_glove(
        plan(tmp_path), resume=True, force=True, threads=3, on_progress=lambda progress: seen.append(progress.stage)
    )
    np.testing.assert_array_equal(resumed.vectors.matrix, whole)
    # What was whole is not done again.
    assert {"read": "read", "encode": "read", "count": "count", "fit": "fit"}[stage] == seen[0]
    assert seen.count("fit") == (3 if stage == "fit" else 6)


def test_resuming_with_other_options_or_texts_is_refused(tmp_path: Path) -> None:
    store_pretrained()
    with pytest.raises(Interrupted):
        adapt_glove(plan(tmp_path), on_progress=Stop("fit", 1))
    with pytest.raises(SentrecError, match="other options or texts"):
        adapt_glove(plan(tmp_path, window=3), resume=True)
    write_plain(tmp_path / "corpus.txt", 300)
    with pytest.raises(SentrecError, match="other options or texts"):
        adapt_glove(plan(tmp_path), resume=True)


def test_without_resume_an_interrupted_work_begins_anew(tmp_path: Path) -> None:
    store_pretrained()
    with pytest.raises(Interrupted):
        adapt_glove(plan(tmp_path), on_progress=Stop("fit", 1))
    seen: list[str] = []
    adapt_glove(plan(tmp_path, window=3), on_progress=lambda progress: seen.append(progress.stage))
    assert seen[0] == "read"


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    store_pretrained()
    with pytest.raises(SentrecError, match="nothing to resume"):
        adapt_glove(plan(tmp_path), resume=True)


def test_a_taken_or_published_name_is_refused_before_any_work(tmp_path: Path) -> None:
    store_pretrained()
    with pytest.raises(GloveError, match="is there already") as error:
        adapt_glove(plan(tmp_path, name="base"))
    assert "--name, or add --force" in (error.value.hint or "")
    with pytest.raises(GloveError, match="6B is the name of published vectors") as error:
        adapt_glove(plan(tmp_path, name="6B"), force=True)
    assert error.value.hint == "Choose another --name."
    with pytest.raises(GloveError, match="cannot name vectors"):
        adapt_glove(plan(tmp_path, name="a/b"))


def test_vectors_that_are_being_learned_are_left_alone(tmp_path: Path) -> None:
    store_pretrained()
    with (
        sole_training(cache_home() / "adapting" / "mine.4d"),
        pytest.raises(GloveError, match=r"mine\.4d is being learned right now") as error,
    ):
        adapt_glove(plan(tmp_path))
    assert "another --name" in (error.value.hint or "")


@pytest.mark.parametrize(
    ("changed", "message", "hint"),
    [
        ({"glove": "base"}, "'base' names no vectors", "6B.50d"),
        ({"glove": "6B.50d"}, "not in the cache", "sentrec fetch-glove 6B --dim 50"),
        ({"dim": 5}, "cannot have 5", "--from-scratch --dim 5"),
        ({"glove": None}, "need a number of dimensions", "--dim 100"),
        ({"min_count": 10_000}, "0 occur 10000 times or more", "--min-count"),
        ({"corpus": ("/no/such/file.txt",)}, "does not exist", "Check the path"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_do(
    tmp_path: Path, changed: dict[str, object], message: str, hint: str
) -> None:
    store_pretrained()
    with pytest.raises(SentrecError, match=message) as error:
        adapt_glove(plan(tmp_path, **changed))
    assert isinstance(error.value, DataError | GloveError | SentrecError)
    assert hint in (error.value.hint or "")


def test_the_vocabulary_holds_the_most_frequent_words(tmp_path: Path) -> None:
    vectors = adapt_glove(plan(tmp_path, glove=None, dim=2, vocabulary=len(COMMON))).vectors
    assert set(vectors.words.to_pylist()) == set(COMMON)


def test_threads_are_by_default_as_many_as_processors() -> None:
    assert room._processors() >= 1

"""A word is known if it has a vector or occurs often enough; the learned vocabulary is cached, and never stale."""

import logging
from pathlib import Path

import pytest

from sentrec.files.storage import cache_home
from sentrec.glove.fetch import fetch_glove
from sentrec.glove.store import GloveVectors, open_vectors
from sentrec.recipe.sections import TextConfig
from sentrec.text import tokenizer as rules
from sentrec.text.tokenizer import words_of
from sentrec.text.vocabulary import fingerprint, folds_case, learn_tokenizer

TEXTS = ["good film good film", "good Shark odd odd rare", "unseen"]


@pytest.fixture
def vectors(tmp_path: Path) -> GloveVectors:
    lines = [f"{word} 1.0 2.0" for word in ("the", "film", "shark", "rare")]
    (tmp_path / "mine.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    fetch_glove("mine", 2, from_file=tmp_path / "mine.txt")
    return open_vectors("mine", 2)


def learned(vectors: GloveVectors | None = None, **text: object) -> list[str]:
    """The learned words without the special tokens."""
    return words_of(learn_tokenizer(TEXTS, TextConfig.model_validate(text), vectors))[2:]


def test_without_vectors_a_word_must_occur_often_enough() -> None:
    assert learned(min_frequency=2) == ["good", "film", "odd"]
    assert learned(min_frequency=3) == ["good"]
    assert learned(min_frequency=1) == ["good", "film", "odd", "rare", "shark", "unseen"]


def test_a_word_with_a_vector_need_not_be_frequent(vectors: GloveVectors) -> None:
    assert learned(vectors, min_frequency=2) == ["good", "film", "odd", "rare", "shark"]
    assert learned(vectors, min_frequency=3) == ["good", "film", "rare", "shark"]


def test_the_most_frequent_words_fill_a_small_vocabulary(vectors: GloveVectors) -> None:
    assert learned(vectors, vocabulary_size=4) == ["good", "film"]
    assert learned(vocabulary_size=5) == ["good", "film", "odd"]


def test_case_is_folded_as_the_vectors_were_trained() -> None:
    assert folds_case(TextConfig(), "6B")
    assert folds_case(TextConfig(), None)
    assert not folds_case(TextConfig(), "840B")
    assert folds_case(TextConfig(lowercase=True), "840B")
    assert "Shark" in learned(lowercase=False, min_frequency=1)


def test_it_is_learned_once(vectors: GloveVectors, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert learned(vectors) == learned(vectors)
    assert caplog.text.count("Learning the vocabulary") == 1
    learned(None)
    learned(vectors, min_frequency=1)
    learned(vectors, lowercase=False)
    assert caplog.text.count("Learning the vocabulary") == 4


def test_new_rules_do_not_meet_an_old_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "film" in learned()
    monkeypatch.setattr(rules, "TOKEN", r"\w")
    assert "film" not in learned()


@pytest.mark.parametrize("content", ["", "{", '{"version": "1.0"}', "\x00"])
def test_a_broken_cache_file_is_learned_anew(content: str, caplog: pytest.LogCaptureFixture) -> None:
    expected = learned()
    [file] = (cache_home() / "tokenizers").iterdir()
    file.write_text(content, encoding="utf-8")
    assert learned() == expected
    assert f"{file} cannot be read" in caplog.text
    assert learned() == expected


def test_texts_without_any_known_word_still_give_a_tokenizer() -> None:
    tokenizer = learn_tokenizer(["once"], TextConfig(), None)
    assert tokenizer.encode("once").tokens == ["<unk>"]


def test_a_fingerprint_tells_texts_and_their_borders_apart() -> None:
    names = {fingerprint(texts, *rest) for texts, *rest in ((["ab"],), (["a", "b"],), ([], "ab"), (["ab"], 1))}
    assert len(names) == 4
    assert fingerprint(["ab"], 1) == fingerprint(["ab"], 1)

"""The quickstart corpus is what its generator makes, and is neither trivial nor unlearnable."""

import json
import string
from pathlib import Path
from typing import Any

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from sentrec.quickstart import LABEL_NAMES, SPLITS, corpus_file, generate
from sentrec.quickstart.grammar import FILMS, RULES


def rows(split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in corpus_file(split).read_text(encoding="utf-8").splitlines()]


def test_the_generator_reproduces_the_committed_files_byte_for_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "corpus_file", lambda split: tmp_path / split)
    generate.write_corpus()
    for split in SPLITS:
        assert (tmp_path / split).read_bytes() == corpus_file(split).read_bytes()


def test_another_seed_gives_other_reviews() -> None:
    assert generate.make_corpus(1)["train"] != generate.make_corpus(2)["train"]


def test_no_text_occurs_twice() -> None:
    texts = [row["text"] for split in SPLITS for row in rows(split)]
    assert len(texts) == len(set(texts)) == sum(generate.ROWS.values())


@pytest.mark.parametrize("split", SPLITS)
def test_rows_are_well_formed_and_ratings_agree_with_labels(split: str) -> None:
    for row in rows(split):
        assert set(row) == {"movie", "text", "label", "rating"}
        assert row["movie"] in FILMS
        assert 1 <= row["rating"] <= 10
        assert row["label"] == LABEL_NAMES[row["rating"] >= 6]
        assert 5 <= len(row["text"].split()) <= 80
        assert "{" not in row["text"]


@pytest.mark.parametrize("split", SPLITS)
def test_the_classes_are_nearly_balanced(split: str) -> None:
    positive = sum(row["label"] == "positive" for row in rows(split)) / len(rows(split))
    assert 0.45 <= positive <= 0.55


def test_every_symbol_that_the_grammar_uses_has_alternatives() -> None:
    used = {
        name
        for alternatives in RULES.values()
        for template in alternatives
        for _, name, _, _ in string.Formatter().parse(template)
        if name
    }
    assert used <= RULES.keys() | {"movie", "motif"}


def test_some_phrases_occur_in_the_test_reviews_only() -> None:
    train, test = (" ".join(row["text"].lower() for row in rows(split)) for split in SPLITS)
    held_out = RULES["good"][7]
    assert held_out not in train
    assert held_out in test


def test_a_linear_model_is_good_but_not_perfect() -> None:
    train, test = rows("train"), rows("test")
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    features = vectorizer.fit_transform([row["text"] for row in train])
    model = LogisticRegression(C=10, max_iter=1000).fit(features, [row["label"] for row in train])
    accuracy = model.score(vectorizer.transform([row["text"] for row in test]), [row["label"] for row in test])
    assert 0.8 <= accuracy <= 0.92


def test_the_files_are_small() -> None:
    assert sum(corpus_file(split).stat().st_size for split in SPLITS) < 500_000


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="train, test"):
        corpus_file("validation")

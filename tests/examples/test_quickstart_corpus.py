"""The quickstart corpus is what its generator makes, and is neither trivial nor unlearnable."""

import json
import string
from pathlib import Path
from typing import Any

import pytest
from grammar import FILMS, RULES
from make_corpus import FOLDER, ROWS, make_corpus, write_corpus
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[dict[str, Any]]]:
    files = {split: (FOLDER / f"{split}.jsonl").read_text(encoding="utf-8") for split in ROWS}
    return {split: [json.loads(line) for line in text.splitlines()] for split, text in files.items()}


def test_the_generator_reproduces_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    write_corpus(tmp_path)
    files = [f"{split}.jsonl" for split in ROWS]
    assert [(tmp_path / name).read_bytes() for name in files] == [(FOLDER / name).read_bytes() for name in files]
    assert sum((FOLDER / name).stat().st_size for name in files) < 500_000
    assert make_corpus(1)["train"] != make_corpus(2)["train"]


@pytest.mark.parametrize("split", ROWS)
def test_rows_are_well_formed_balanced_and_rated_as_they_are_labelled(
    corpus: dict[str, list[dict[str, Any]]], split: str
) -> None:
    rows = corpus[split]
    assert len(rows) == len({row["text"] for row in rows}) == ROWS[split]
    for row in rows:
        assert set(row) == {"movie", "text", "label", "rating"}
        assert row["movie"] in FILMS
        assert 1 <= row["rating"] <= 10
        assert row["label"] == ("positive" if row["rating"] >= 6 else "negative")
        assert 5 <= len(row["text"].split()) <= 80
        assert "{" not in row["text"]
    assert 0.45 <= sum(row["label"] == "positive" for row in rows) / len(rows) <= 0.55


def test_every_symbol_that_the_grammar_uses_has_alternatives() -> None:
    templates = [template for alternatives in RULES.values() for template in alternatives]
    used = {name for template in templates for _, name, _, _ in string.Formatter().parse(template) if name}
    assert used <= RULES.keys() | {"movie", "motif"}


def test_the_test_reviews_are_new_in_texts_and_in_phrases(corpus: dict[str, list[dict[str, Any]]]) -> None:
    train, test = ([row["text"] for row in corpus[split]] for split in ("train", "test"))
    assert not set(train) & set(test)
    held_out = RULES["good"][7]
    assert held_out not in " ".join(train).lower()
    assert held_out in " ".join(test).lower()


def test_a_linear_model_is_good_but_not_perfect(corpus: dict[str, list[dict[str, Any]]]) -> None:
    train, test = corpus["train"], corpus["test"]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    features = vectorizer.fit_transform([row["text"] for row in train])
    model = LogisticRegression(C=10, max_iter=1000).fit(features, [row["label"] for row in train])
    accuracy = model.score(vectorizer.transform([row["text"] for row in test]), [row["label"] for row in test])
    assert 0.8 <= accuracy <= 0.92

"""What the tests of this room share: a scorer that needs no model, and reviews files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentrec.recommend import stream
from sentrec.recommend.chunks import OneWorker, Scores

GOOD, BAD = ("lovely", "superb", "moving"), ("dull", "awful", "tedious")


@pytest.fixture(autouse=True)
def in_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHUNK", 10)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return write_reviews(tmp_path / "reviews.jsonl", sample_rows())


class WordScorer(OneWorker):
    """Positive is the share of good words among the good and bad ones; about what a text is, tells its length."""

    def __init__(self) -> None:
        self.scored = 0

    def fingerprint(self) -> str:
        return "words"

    def score(self, texts: Sequence[str]) -> Scores:
        self.scored += len(texts)
        good = np.array([sum(text.count(word) for word in GOOD) for text in texts], dtype=np.float64)
        bad = np.array([sum(text.count(word) for word in BAD) for text in texts], dtype=np.float64)
        embeddings = np.array([[len(text), text.count("e"), text.count("space")] for text in texts], dtype=np.float16)
        return Scores((good + 0.01) / (good + bad + 0.02), embeddings.reshape(-1, 3))


def write_reviews(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def sample_rows(items: int = 12, reviews: int = 7) -> list[dict[str, Any]]:
    """Reviews of items whose quality rises with their number; every review different."""
    generator = np.random.default_rng(5)
    rows = []
    for item in range(items):
        for number in range(reviews):
            is_good = generator.random() < (item + 0.5) / items
            words = " and ".join(generator.choice(GOOD if is_good else BAD, 3))
            text = f"I found item number {item} rather {words}. That was showing {number} of it."
            rows.append({"id": f"{item}-{number}", "movie": f"m{item}", "text": text, "rating": 1 + 9 * is_good})
    return [rows[place] for place in generator.permutation(len(rows))]

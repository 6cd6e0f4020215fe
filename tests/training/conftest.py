"""Texts without labels, for the tests of what learns from them."""

import json
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
from small_runs import WORDS


@pytest.fixture(scope="module")
def unlabelled(reviews: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """70 texts of their own, three of them blank, and two of the test split; there is no column for labels."""
    generator = np.random.default_rng(9)
    words = [*WORDS["bad"], *WORDS["good"], "so-so", "plain"]
    texts = [f"i found it {' '.join(generator.choice(words, 1 + row % 9))} {row}" for row in range(70)]
    test = pyarrow.csv.read_csv(reviews / "test.csv").column("review").to_pylist()
    path = tmp_path_factory.mktemp("unlabelled") / "texts.jsonl"
    rows: list[str | None] = [*texts, "", "  \n", None, *test[:2]]
    path.write_text("".join(json.dumps({"review": text, "row": 1}) + "\n" for text in rows), encoding="utf-8")
    return path

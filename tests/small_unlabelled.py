"""Recipes that read unlabelled texts, and such texts."""

import json
from pathlib import Path

import numpy as np
import pyarrow.csv
import pytest
from small_runs import WORDS, small_recipe

from sentrec.recipe import Recipe

NGRAMS = ("model.ngrams.table_bits=10",)
DISTIL = ("objective.distil=1.0", "objective.unlabelled_tokens=64")
OWN_TEACHER = (*NGRAMS, *DISTIL, "objective.teacher=ngrams")


def recipe_with(reviews: Path, unlabelled: Path, *changes: str) -> Recipe:
    return small_recipe(reviews, f"data.unlabelled={unlabelled}", *changes)


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

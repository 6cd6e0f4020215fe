"""Region embeddings for the words of `small_runs`, made up, and one run with them that many tests look at."""

from pathlib import Path

import numpy as np
import pytest
from small_runs import WORDS, cache_in, small_recipe

import sentrec
from sentrec.glove.made import store_made_vectors
from sentrec.glove.store import GloveVectors
from sentrec.runs.directory import Run

REGIONS = "model.regions={name: around, dim: 4, window: 3}"
"""What makes a recipe use them."""


def store_regions(
    name: str = "around", dim: int = 4, window: int | None = 3, seed: int = 1, source: str = "a test"
) -> GloveVectors:
    """Stores vectors of regions, or with a window of None of words."""
    words = ["the", "film", "was", "and", *(word for words in WORDS.values() for word in words)]
    matrix = np.random.default_rng(seed).standard_normal((len(words), dim))
    return store_made_vectors(name, words, matrix.astype(np.float32), source, window)


@pytest.fixture(scope="session")
def region_run(reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run with region embeddings on `reviews`; not to be changed (copy it)."""
    with cache_in(shared_home):
        store_regions()
        return sentrec.train(small_recipe(reviews, REGIONS), tmp_path_factory.mktemp("regions") / "run")

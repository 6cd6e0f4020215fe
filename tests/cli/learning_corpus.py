"""A small corpus for the commands that learn vectors from texts."""

import json
from pathlib import Path

import numpy as np
import pytest

WORDS = ["good", "bad", "film", "plot", "the"]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A file of 60 texts in the column `body`."""
    chance = np.random.default_rng(1)
    path = tmp_path / "reviews.jsonl"
    path.write_text("".join(json.dumps({"body": " ".join(chance.choice(WORDS, 9))}) + "\n" for _ in range(60)))
    return path

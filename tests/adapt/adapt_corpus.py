"""A corpus of two subjects with words of their own, for tests that learn vectors."""

import json
import random
from pathlib import Path

import numpy as np

from sentrec.adapt.plan import AdaptProgress
from sentrec.glove.made import store_made_vectors

SUBJECTS = {
    "film": ["actor", "scene", "plot", "director", "camera", "script"],
    "food": ["soup", "bread", "cheese", "salt", "oven", "spoon"],
}
COMMON = ["the", "a", "of", "and"]


def texts(count: int = 400, seed: int = 1) -> list[str]:
    """Texts of 12 words, most of them of one subject: GloVe learns from how often words meet, not from never."""
    chance = random.Random(seed)
    subjects = list(SUBJECTS.values())
    found = []
    for _ in range(count):
        mine, other = chance.sample(subjects, 2)
        kinds = chance.choices([COMMON, mine, other], weights=[4, 5, 1], k=12)
        found.append(" ".join(map(chance.choice, kinds)))
    return found


def write_plain(path: Path, count: int = 400) -> Path:
    """The texts as a file with one a line."""
    path.write_text("\n".join(texts(count)) + "\n", encoding="utf-8")
    return path


def write_jsonl(path: Path, column: str, count: int = 400) -> Path:
    """The texts as JSON lines."""
    path.write_text("".join(json.dumps({column: text, "n": 1}) + "\n" for text in texts(count)), encoding="utf-8")
    return path


def store_pretrained(name: str = "base", dim: int = 4) -> None:
    """Vectors for some of the corpus's words and for two that it lacks."""
    words = ["unseen", *COMMON, *SUBJECTS["film"], *SUBJECTS["food"][:3], "elsewhere"]
    matrix = np.random.default_rng(0).standard_normal((len(words), dim)).astype(np.float32)
    store_made_vectors(name, words, matrix, "a test")


class Stop:
    """Interrupts at the given call of a stage."""

    def __init__(self, stage: str, at: int) -> None:
        self.stage, self.left = stage, at

    def __call__(self, progress: AdaptProgress) -> None:
        self.left -= progress.stage == self.stage
        if self.left == 0:
            raise KeyboardInterrupt

"""Reviews whose words tell their class, as CSV files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

WORDS = {"bad": ("dull", "tedious", "awful", "boring"), "good": ("lovely", "superb", "moving", "funny")}


def write_reviews(path: Path, labels: Sequence[object], words: Sequence[str], seed: int = 0) -> Path:
    """Writes reviews with the columns ``review`` and ``verdict``; the class of each one's words is given apart."""
    generator = np.random.default_rng(seed)
    texts = [
        f"the film was {' and '.join(generator.choice(WORDS[word], 3))}, row {row}" for row, word in enumerate(words)
    ]
    pa.csv.write_csv(pa.table({"review": texts, "verdict": pa.array(labels)}), path)
    return path

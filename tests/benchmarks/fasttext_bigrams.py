"""fastText with bigrams (Joulin et al. 2017), and the choice of its options."""

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet

from .contender import Contender, Labels, Probabilities, Trained
from .measure import all_cores
from .settings import Settings
from .table import Column, Section
from .workplace import NothingToMeasure, Workplace

_LABEL = "__label__"
_MODEL = "model.bin"
_PUNCTUATION = re.compile(r"([.!?,'/()])")
OPTIONS = {"lr": 1.0, "epoch": 5, "wordNgrams": 2, "dim": 50, "bucket": 200_000}
"""Those of fastText's tutorial, but for its 25 epochs, which gain nothing on held-out films (`measure_options`)."""
TRIED: tuple[tuple[bool, dict[str, Any]], ...] = (
    (False, {"lr": 0.5, "thread": 1}),
    (False, {"lr": 0.5}),
    (True, {"lr": 0.5, "thread": 1}),
    (True, {"lr": 0.25, "thread": 1}),
    (True, {"lr": 0.5, "epoch": 25}),
    (True, {"lr": 1.0, "epoch": 25}),
    (True, {"lr": 1.0}),
)
"""Whether rows are shuffled, and what differs from `OPTIONS`."""


class FastText(Contender):
    """As its documentation recommends: lower case, punctuation apart, bigrams, rows in random order.

    fastText does not shuffle: each thread reads on from its own place in the file. From rows that are sorted by label,
    what is learned depends on how the threads happen to be scheduled.
    """

    title = "fastText, bigrams"
    needs = ("fasttext",)
    _model: Any = None

    def __init__(self, shuffled: bool = True, **options: Any) -> None:
        self.shuffled = shuffled
        self.options = OPTIONS | {"thread": all_cores()} | options

    def train(self, texts: Sequence[str], labels: Labels, folder: Path) -> Trained:
        import fasttext

        lines = folder / "train.txt"
        order = np.random.default_rng(1).permutation(len(texts)) if self.shuffled else range(len(texts))
        with lines.open("w", encoding="utf-8") as file:
            for row in order:
                file.write(f"{_LABEL}{labels[row]} {plain_line(texts[row])}\n")
        self._model = fasttext.train_supervised(str(lines), **self.options, verbose=0)
        lines.unlink()
        self._model.save_model(str(folder / _MODEL))
        return Trained()

    def load(self, folder: Path) -> None:
        import fasttext

        self._model = fasttext.load_model(str(folder / _MODEL))

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        names, values = self._model.predict([plain_line(text) for text in texts], k=2)
        result = np.zeros((len(texts), 2))
        for row, (found, probabilities) in enumerate(zip(names, values, strict=True)):
            result[row, [int(name.removeprefix(_LABEL)) for name in found]] = probabilities
        result /= result.sum(axis=1, keepdims=True)
        return result


def plain_line(text: str) -> str:
    """A text as one line of fastText's input."""
    lowered = text.replace("<br />", " ").lower()
    return " ".join(_PUNCTUATION.sub(r" \1 ", lowered).split())


def measure_options(place: Workplace, settings: Settings, tell: Callable[[str], None]) -> list[Section]:
    """Accuracy of several options on a fifth of the films of train, held out."""
    table = parquet.read_table(place.source / "imdb" / "train.parquet")
    if FastText().missing() or "movie_id" not in table.column_names:
        raise NothingToMeasure("fastText is not installed, or imdb/train.parquet has no column movie_id.")
    texts, labels = table["text"].to_pylist(), np.array(table["label"])
    held_out = np.array(
        [int(hashlib.md5(film.encode()).hexdigest(), 16) % 5 == 0 for film in table["movie_id"].to_pylist()]
    )
    rows = []
    for shuffled, options in TRIED:
        tell(f"fastText with {options}")
        model = FastText(shuffled, **options)
        train, judged = np.flatnonzero(~held_out), np.flatnonzero(held_out)
        model.train([texts[row] for row in train], labels[train], place.folder)
        right = model.predict_proba([texts[row] for row in judged]).argmax(axis=1) == labels[judged]
        told = ", ".join(f"{name} {value}" for name, value in model.options.items())
        rows.append({"rows": "shuffled" if shuffled else "sorted", "options": told, "accuracy": float(right.mean())})
    columns = (Column("rows", "rows"), Column("options", "options"), Column("accuracy", "accuracy", ".3f"))
    return [Section(f"fastText on {len(judged):,} reviews of held-out films", columns, rows)]

"""fastText with bigrams (Joulin et al. 2017)."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .contender import Contender, Labels, Probabilities, Trained
from .measure import all_cores

_LABEL = "__label__"
_MODEL = "model.bin"
_PUNCTUATION = re.compile(r"([.!?,'/()])")


class FastText(Contender):
    """fastText's own tutorial: lower case, punctuation apart, bigrams; the learning rate was chosen on train rows."""

    title = "fastText, bigrams"
    needs = ("fasttext",)
    _model: Any = None

    def train(self, texts: Sequence[str], labels: Labels, folder: Path) -> Trained:
        import fasttext

        lines = folder / "train.txt"
        with lines.open("w", encoding="utf-8") as file:
            for text, label in zip(texts, labels, strict=True):
                file.write(f"{_LABEL}{label} {plain_line(text)}\n")
        options = {"lr": 0.5, "epoch": 5, "wordNgrams": 2, "dim": 50, "bucket": 200_000}
        self._model = fasttext.train_supervised(str(lines), **options, thread=all_cores(), verbose=0)
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

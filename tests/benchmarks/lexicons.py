"""Peers that learn next to nothing: lists of words with a sentiment, and rules for negation and emphasis."""

import json
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.data.splits import stratified_sample

from .contender import Contender, Labels, Probabilities, Trained, two_columns

_BORDER = "border.json"
_JUDGED = 4_000


class Lexicon(Contender):
    """A text is positive if its score lies above a border, the best one for some rows of train."""

    border = 0.0

    @abstractmethod
    def score(self, text: str) -> float:
        """How positive a text is, from -1 to 1."""

    def train(self, texts: Sequence[str], labels: Labels, folder: Path) -> Trained:
        rows = stratified_sample(labels, _JUDGED, 1) if len(labels) > _JUDGED else np.arange(len(labels))
        scores, wanted = self._scores([texts[row] for row in rows]), np.asarray(labels)[rows] == 1
        borders = np.unique(np.append(np.quantile(scores, np.linspace(0.01, 0.99, 99)), 0.0))
        self.border = float(max(borders, key=lambda border: ((scores > border) == wanted).mean()))
        (folder / _BORDER).write_text(json.dumps(self.border), encoding="utf-8")
        return Trained()

    def load(self, folder: Path) -> None:
        self.border = json.loads((folder / _BORDER).read_text(encoding="utf-8"))

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        return two_columns((self._scores(texts) > self.border).astype(np.float64))

    def _scores(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        return np.array([self.score(text) for text in texts], dtype=np.float64)


class Vader(Lexicon):
    """Hutto and Gilbert 2014."""

    title = "VADER"
    needs = ("vaderSentiment",)

    @cached_property
    def _analyzer(self) -> Any:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        return SentimentIntensityAnalyzer()

    def score(self, text: str) -> float:
        return float(self._analyzer.polarity_scores(text)["compound"])


class TextBlobPolarity(Lexicon):
    """The lexicon of `pattern`, as TextBlob brings it."""

    title = "TextBlob"
    needs = ("textblob",)

    def score(self, text: str) -> float:
        from textblob import TextBlob

        return float(TextBlob(text).sentiment.polarity)

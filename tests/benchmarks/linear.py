"""Linear peers: n-grams, and the mean of static word vectors; and lists of words with a sentiment."""

import json
from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .contender import Contender, Labels, Probabilities, Trained, two_columns

_MODEL = "model.joblib"
_BORDER = "border.json"
_JUDGED = 4_000


class _Stored(Contender):
    """A contender whose model is one Python object; kept with joblib, as scikit-learn's own documents advise."""

    model: Any = None

    def load(self, folder: Path) -> None:
        import joblib

        self.model = joblib.load(folder / _MODEL)

    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        return np.asarray(self.model.predict_proba(texts), dtype=np.float64)

    def _keep(self, model: Any, folder: Path) -> Trained:
        import joblib

        self.model = model
        joblib.dump(model, folder / _MODEL)
        return Trained()


class TfidfPipeline(_Stored):
    """What scikit-learn's users write: TF-IDF over words and bigrams, and logistic regression."""

    title = "TF-IDF (1,2) + LR, scikit-learn"

    def train(self, texts: Sequence[str], labels: Labels, folder: Path) -> Trained:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        features = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        return self._keep(make_pipeline(features, LogisticRegression(C=10.0, max_iter=300)).fit(texts, labels), folder)


class NaiveBayesNgrams(_Stored):
    """The strongest linear model: sentrec's own baseline after Wang and Manning 2012."""

    title = "NB-weighted (1,3) + LR"

    def train(self, texts: Sequence[str], labels: Labels, folder: Path) -> Trained:
        from sentrec.ngrams.baselines import make_baseline

        return self._keep(make_baseline("nb-lr").fit(texts, labels, 2), folder)

    def load(self, folder: Path) -> None:
        import sentrec.ngrams.baselines  # noqa: F401 - joblib would import it too; here it is seen

        super().load(folder)


class GloveMeans(_Stored):
    """Logistic regression on the mean of a text's GloVe vectors, rare words counting more.

    What model2vec does with its own vectors, which must be downloaded: static vectors, weighted by their rank (smooth
    inverse frequency with Zipf's law), and averaged.
    """

    title = "mean of GloVe 50d + LR (as model2vec pools)"

    def train(self, texts: Sequence[str], labels: Labels, folder: Path) -> Trained:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        pooling = MeanVectors(*_known_words(texts))
        return self._keep(make_pipeline(pooling, StandardScaler(), LogisticRegression()).fit(texts, labels), folder)


class MeanVectors:
    """Turns texts into weighted means of word vectors, as a step of a scikit-learn pipeline."""

    def __init__(self, words: Sequence[str], vectors: Any) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        share = 1.0 / (np.arange(1, len(words) + 1) * (np.log(len(words)) + np.euler_gamma))
        self.vectors = np.asarray(vectors * (1e-3 / (1e-3 + share))[:, None], dtype=np.float32)
        self.counts = CountVectorizer(vocabulary=list(words), token_pattern=r"\w+|[^\w\s]", dtype=np.float32)

    def fit(self, texts: Sequence[str], labels: object = None) -> "MeanVectors":
        """Learns nothing."""
        return self

    def transform(self, texts: Sequence[str]) -> Any:
        """The mean of every text, shape ``(texts, dim)``."""
        counts = self.counts.transform(texts)
        lengths = np.asarray(counts.sum(axis=1)).reshape(-1, 1)
        return (counts @ self.vectors) / np.maximum(lengths, 1.0)


def _known_words(texts: Sequence[str]) -> tuple[list[str], Any]:
    """Words of the texts that have a vector, the most frequent first, and their vectors."""
    from sklearn.feature_extraction.text import CountVectorizer

    from sentrec.glove.store import open_vectors

    counter = CountVectorizer(token_pattern=r"\w+|[^\w\s]")
    frequency = np.asarray(counter.fit_transform(texts).sum(axis=0)).ravel()
    words = counter.get_feature_names_out()[np.argsort(-frequency, kind="stable")]
    stored = open_vectors("6B", 50)
    rows = stored.rows(words.tolist())
    return words[rows >= 0].tolist(), np.asarray(stored.matrix[rows[rows >= 0]])


class Lexicon(Contender):
    """A text is positive if its score lies above a border, the best one for some rows of train."""

    border = 0.0

    @abstractmethod
    def score(self, text: str) -> float:
        """How positive a text is, from -1 to 1."""

    def train(self, texts: Sequence[str], labels: Labels, folder: Path) -> Trained:
        from sentrec.data.splits import stratified_sample  # which the others need not wait for

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

"""Linear n-gram classifiers as baselines.

Their options were chosen on held-out parts of training sets (IMDB and Rotten Tomatoes), never on a test set.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression

from sentrec.errors import DataError, SentrecError, did_you_mean

_HASH_SIZE = 2**24
_WORD = r"(?u)\b\w+\b"
_FEWEST_TEXTS = 2

Texts: TypeAlias = Sequence[str] | sparse.csr_matrix
"""Texts, or the n-grams that `Baseline.count` found in them."""


class Baseline(ABC):
    """A classifier of texts by logistic regression over the n-grams of words that occur in two training texts.

    Hashing instead of a vocabulary is four times faster and takes a fraction of the memory; with 2^24 places, few of
    the millions of trigrams share one. `longest` are the words of the longest n-gram; a `binary` one counts once in a
    text.
    """

    def __init__(self, longest: int, binary: bool) -> None:
        self._hashing = HashingVectorizer(
            n_features=_HASH_SIZE,
            ngram_range=(1, longest),
            token_pattern=_WORD,
            preprocessor=_plain,
            binary=binary,
            norm=None,
            alternate_sign=False,
        )

    def count(self, texts: Texts) -> sparse.csr_matrix:
        """The n-grams of texts, one row each, for `fit` and `predict_proba` of many trainings on the same texts."""
        return texts if sparse.issparse(texts) else self._hashing.transform(texts)

    @abstractmethod
    def fit(self, texts: Texts, labels: npt.NDArray[np.int64], n_classes: int) -> "Baseline":
        """Trains on labelled texts, and gives itself.

        Args:
            texts: The texts, or what `count` made of them.
            labels: Class numbers of shape ``(texts,)``, of at least two classes.
            n_classes: Number of classes; one that no text has gets probability 0.

        Raises:
            DataError: If the texts hold no word, or all have the same label.
        """

    @abstractmethod
    def predict_proba(self, texts: Texts) -> npt.NDArray[np.float64]:
        """The probability of each class, ``(texts, n_classes)``, of texts or of what `count` made of them."""

    def _fit_counts(self, texts: Texts, labels: npt.NDArray[np.int64], n_classes: int) -> sparse.csr_matrix:
        """Chooses classes and n-grams by the training texts, and gives the counts of these n-grams."""
        self._classes, self._n_classes = np.unique(labels), n_classes
        if len(self._classes) < 2:
            raise DataError("A baseline needs training rows of at least two classes.")
        counts = self.count(texts)
        occurrences = np.bincount(counts.indices, minlength=_HASH_SIZE)
        self._kept = np.flatnonzero(occurrences >= min(_FEWEST_TEXTS, occurrences.max()))
        if not occurrences.any():
            raise DataError("The training texts hold no words that a baseline could learn from.")
        return counts[:, self._kept]

    def _in_columns(self, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Probabilities of the classes that had training rows, and 0 for the others."""
        result = np.zeros((len(probabilities), self._n_classes))
        result[:, self._classes] = probabilities
        return result


_OFFSET_SCALE = 3.0
"""Makes the penalty on the weight of the offset so small that it does not matter."""


class NaiveBayesLogisticRegression(Baseline):
    """Logistic regression over 1- to 3-grams, each weighted by its naive Bayes log-count ratio.

    Wang and Manning 2012, "Baselines and Bigrams"; with logistic regression and trigrams as in Mesnil et al. 2014. Two
    classes are modelled directly, more of them one against the rest. An intercept that is fitted compensates the sum of
    n-grams of a text of usual length, which misjudges short texts; else it is the log odds of the class, and the
    weights are fitted as if classes were of equal size (prior correction: King and Zeng 2001).
    """

    def __init__(self, fit_intercept: bool = True) -> None:
        super().__init__(longest=3, binary=True)
        self._fit_intercept = fit_intercept

    def fit(
        self, texts: Texts, labels: npt.NDArray[np.int64], n_classes: int, offset: npt.NDArray[np.float32] | None = None
    ) -> "NaiveBayesLogisticRegression":
        """Trains on labelled texts; see `Baseline.fit`.

        With another model's margins of each text as `offset`, as of `linear_weights`, the n-grams are fitted beside
        them, and `offset_weights` gives their factors.
        """
        counts = self._fit_counts(texts, labels, n_classes)
        positives = self._classes[1:] if len(self._classes) == 2 else self._classes
        offsets = [None] * len(positives) if offset is None else list(offset.T)
        pairs = zip(positives, offsets, strict=True)
        self._models = [self._fit_one(counts, labels == positive, given) for positive, given in pairs]
        return self

    def predict_proba(self, texts: Texts) -> npt.NDArray[np.float64]:
        """The probability of each class, ``(texts, n_classes)``."""
        counts = self.count(texts)[:, self._kept]
        scores = np.column_stack([model.predict_proba(_weighted(counts, ratio))[:, 1] for ratio, model in self._models])
        if len(self._models) == 1:
            scores = np.column_stack([1.0 - scores, scores])
        return self._in_columns(scores / scores.sum(axis=1, keepdims=True))

    def linear_weights(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The fitted model as a plain linear one: columns of `count`, their weights ``(n, margins)``, and the bias.

        There is one margin of two classes, of the second; else one for each class. A `DataError` if a class had no
        rows.
        """
        if len(self._classes) < self._n_classes:
            raise DataError("A linear model needs training rows of every class.")
        weights = np.column_stack([ratio * model.coef_[0, : len(ratio)] for ratio, model in self._models])
        return self._kept, weights, np.concatenate([model.intercept_ for _, model in self._models])

    def offset_weights(self) -> npt.NDArray[np.float64]:
        """What the offset margins of `fit` are multiplied by, shape ``(margins,)``."""
        return np.array([model.coef_[0, -1] * _OFFSET_SCALE for _, model in self._models])

    def _fit_one(
        self, counts: sparse.csr_matrix, positive: npt.NDArray[np.bool_], offset: npt.NDArray[np.float32] | None
    ) -> tuple[npt.NDArray[np.float64], LogisticRegression]:
        inside, outside = (1.0 + counts.T @ chosen.astype(np.float64) for chosen in (positive, ~positive))
        ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
        features = _weighted(counts, ratio)
        if offset is not None:
            features = sparse.hstack([features, sparse.csr_matrix(offset[:, None] * _OFFSET_SCALE)], format="csr")
        # Far more n-grams than texts: the dual problem is the small one.
        model = LogisticRegression(
            solver="liblinear",
            dual=True,
            C=1.0,
            tol=0.1,
            max_iter=1000,
            random_state=0,
            fit_intercept=self._fit_intercept,
            class_weight=None if self._fit_intercept else "balanced",
        ).fit(features, positive)
        if not self._fit_intercept:
            share = positive.mean()
            model.intercept_ = np.array([np.log(share / (1.0 - share))])
        return ratio, model


class TfidfLogisticRegression(Baseline):
    """Logistic regression over TF-IDF weighted words and bigrams, with sublinear term frequency."""

    def __init__(self) -> None:
        super().__init__(longest=2, binary=False)

    def fit(self, texts: Texts, labels: npt.NDArray[np.int64], n_classes: int) -> "TfidfLogisticRegression":
        """Trains on labelled texts; see `Baseline.fit`."""
        self._weights = TfidfTransformer(sublinear_tf=True)
        features = self._weights.fit_transform(self._fit_counts(texts, labels, n_classes))
        self._model = LogisticRegression(C=10.0, max_iter=1000).fit(features, labels)
        return self

    def predict_proba(self, texts: Texts) -> npt.NDArray[np.float64]:
        """The probability of each class, ``(texts, n_classes)``."""
        features = self._weights.transform(self.count(texts)[:, self._kept])
        return self._in_columns(self._model.predict_proba(features))


BASELINES: Mapping[str, Callable[[], Baseline]] = MappingProxyType(
    {"nb-lr": NaiveBayesLogisticRegression, "tfidf-lr": TfidfLogisticRegression}
)
"""The baselines by the names that the command line uses."""


def make_baseline(name: str) -> Baseline:
    """A baseline that is not trained yet; a `SentrecError` if no baseline has that name."""
    if name not in BASELINES:
        raise SentrecError(f"'{name}' is not a known baseline.", did_you_mean(name, BASELINES))
    return BASELINES[name]()


def _plain(text: str) -> str:
    # Reviews scraped from web pages carry line breaks as tags.
    return text.replace("<br />", " ").lower()


def _weighted(counts: sparse.csr_matrix, ratio: npt.NDArray[np.float64]) -> sparse.csr_matrix:
    # All but the values is the same array: millions of n-grams occur in every few thousand texts.
    weights = ratio[counts.indices]
    weights *= counts.data
    return sparse.csr_matrix((weights, counts.indices, counts.indptr), shape=counts.shape)

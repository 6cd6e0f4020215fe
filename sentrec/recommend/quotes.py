"""The most telling sentences of an item: from its most positive and most negative reviews, scored by the model."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Literal

import numpy as np
import numpy.typing as npt

from sentrec.errors import DataError
from sentrec.inference.prediction import UNSURE_MARGIN
from sentrec.recommend.catalogue import identity
from sentrec.recommend.chunks import ExplainingScorer, Scorer
from sentrec.recommend.reviews import Review
from sentrec.text.sentences import sentences

Side = Literal["positive", "negative"]

_KEPT = 3
"""Reviews of an item whose sentences are scored, on either side."""
_LONGEST_REVIEW = 20_000
_WORDS = (5, 35)
_NOT_QUOTABLE = 10.0
"""What a review without a sentence of such a length is set back by: of many short raves none would be quoted."""
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")


@dataclass(frozen=True)
class Quote:
    """One sentence of a review."""

    text: str  # the sentence, without HTML tags
    start: int  # where it begins in the review's text, in characters
    end: int  # where it ends
    probability: float  # how positive the model finds it
    review: str  # the review's id, or ``line N`` of its file


class ExtremeReviews:
    """Keeps the most positive and the most negative reviews of each item; memory holds six numbers an item.

    Args:
        database: Where their texts are kept.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        columns = "movie TEXT, side TEXT, place INTEGER, name TEXT, text TEXT, PRIMARY KEY (movie, side, place)"
        database.execute(f"CREATE TABLE kept ({columns}) WITHOUT ROWID")
        self._database = database
        self._extremes: dict[tuple[str, str], list[float]] = {}

    def offer(
        self, reviews: Sequence[Review], probabilities: npt.NDArray[np.float64], counts: npt.NDArray[np.bool_]
    ) -> None:
        """Keeps those reviews that count and are among the most extreme of their item so far."""
        self._database.execute("BEGIN")
        for review, probability, is_counted in zip(reviews, probabilities, counts, strict=True):
            if is_counted:
                # A review on the wrong side of 1/2 may still be the item's best: sentences decide.
                self._keep(review, "positive", float(probability))
                self._keep(review, "negative", -float(probability))
        self._database.execute("COMMIT")

    def texts(self, movie: str, side: Side) -> list[tuple[str, str]]:
        """Names and texts of an item's most extreme reviews on one side."""
        query = "SELECT name, text FROM kept WHERE movie = ? AND side = ? ORDER BY place"
        return self._database.execute(query, (identity(movie), side)).fetchall()

    def _keep(self, review: Review, side: Side, extremity: float) -> None:
        movie = identity(review.movie)
        kept = self._extremes.setdefault((movie, side), [])
        if len(kept) == _KEPT and extremity <= min(kept):
            return
        if not any(_is_quotable(review.text, span) for span in sentences(review.text[:_LONGEST_REVIEW])):
            extremity -= _NOT_QUOTABLE
        if len(kept) < _KEPT:
            place = len(kept)
            kept.append(extremity)
        else:
            place = min(range(_KEPT), key=kept.__getitem__)
            if extremity <= kept[place]:
                return
            kept[place] = extremity
        name = review.id or f"line {review.line}"
        row = (movie, side, place, name, review.text[:_LONGEST_REVIEW])
        self._database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)", row)


def choose_quotes(
    movies: Sequence[str], reviews: ExtremeReviews, scorer: Scorer
) -> Mapping[str, Mapping[Side, Quote | None]]:
    """The most telling positive and negative sentence of each item; None where the model is sure of none."""
    places: list[tuple[str, Side, str, str, int, int]] = []
    sides: tuple[Side, Side] = ("positive", "negative")
    for movie in movies:
        for side in sides:
            for name, text in reviews.texts(movie, side):
                places += [(movie, side, name, text, *span) for span in sentences(text) if _is_quotable(text, span)]
    plain = [_plain(text[start:end]) for _, _, _, text, start, end in places]
    scores = scorer.score(plain).positive if plain else np.zeros(0)
    chosen: dict[str, dict[Side, Quote | None]] = {movie: dict.fromkeys(sides) for movie in movies}
    for (movie, side, name, _, start, end), sentence, score in zip(places, plain, scores, strict=True):
        best = chosen[movie][side]
        sign = 1.0 if side == "positive" else -1.0
        if sign * (score - 0.5) > (sign * (best.probability - 0.5) if best else UNSURE_MARGIN):
            chosen[movie][side] = Quote(sentence, start, end, float(score), name)
    return chosen


_MOST_WORDS = 6


def telling_words(movies: Sequence[str], reviews: ExtremeReviews, scorer: Scorer) -> Mapping[str, Mapping[str, float]]:
    """The words that decide what the model says of each item's most extreme reviews; the strongest first.

    With each stands what it adds to the log-odds of a positive review, on average over these reviews.

    Raises:
        DataError: If the scorer cannot tell why.
    """
    if not isinstance(scorer, ExplainingScorer):
        raise DataError("this scorer does not tell which words decide.", "It needs a method `explain`.")
    sides: tuple[Side, Side] = ("positive", "negative")
    told: dict[str, dict[str, float]] = {}
    for movie in movies:
        texts = list({text for side in sides for _, text in reviews.texts(movie, side)})
        sums: dict[str, float] = {}
        for words in scorer.explain([_plain(text) for text in texts]):
            for word, value in words.items():
                sums[word] = sums.get(word, 0.0) + value / len(texts)
        told[movie] = {word: sums[word] for word in sorted(sums, key=lambda one: -abs(sums[one]))[:_MOST_WORDS]}
    return told


def _is_quotable(text: str, span: tuple[int, int]) -> bool:
    return _WORDS[0] <= len(_plain(text[slice(*span)]).split()) <= _WORDS[1]


def _plain(text: str) -> str:
    return unescape(_TAG.sub("", text)).strip() if "<" in text or "&" in text else text

"""The most telling sentences of an item: from its most positive and most negative reviews, scored by the model."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sentrec.errors import DataError
from sentrec.recommend.catalogue import identity
from sentrec.recommend.chunks import ExplainingScorer, Scorer, Scores
from sentrec.recommend.reviews import Review
from sentrec.text.tokenizer import sentences

Side = Literal["positive", "negative"]

_KEPT = 3
"""Reviews of an item that are kept, on either side."""
_SURE_REVIEW, _SURE = 0.7, 0.985
"""How probably a review and its sentence must be on a side to be quoted there. Sad stories and opinions of others stand
in reviews that praise, too: of the sentences of these that the model finds negative, half are no complaints."""
_SURE_RATED = 0.85
"""The same of a sentence whose review has stars that say so; what the model thinks of the review is less telling."""
_STARS = 0.55
"""What share of the scale is praise, and of the rest of it blame; between them is neither."""
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
    probability: float  # how probably it is positive
    review: str  # the review's id, or ``line N`` of its file


_SLACK = 1e-4
"""More than a probability changes with the texts beside it in a batch."""


class ExtremeTexts:
    """Tells of the reviews of one shard which `ExtremeReviews` might keep, so that no other texts need be sent to it.

    What three other reviews of the shard surpass is none of the three most extreme of all either.
    """

    def __init__(self) -> None:
        self._extremes: dict[tuple[str, str], dict[bytes, float]] = {}

    def among(self, reviews: Sequence[Review], probabilities: npt.NDArray[np.float64]) -> list[tuple[int, Review]]:
        """Those among some reviews, with their places."""
        found = []
        for place, (review, probability) in enumerate(zip(reviews, probabilities.tolist(), strict=True)):
            sides = [self._may_be_kept(review, "positive", probability)]
            sides.append(self._may_be_kept(review, "negative", probability))
            found += [(place, review)] if any(sides) else []
        return found

    def _may_be_kept(self, review: Review, side: Side, probability: float) -> bool:
        extremity = _towards(side, probability)
        kept = self._extremes.setdefault((identity(review.movie), side), {})
        if review.digest in kept:  # a copy
            return False
        least = min(kept, key=kept.__getitem__) if len(kept) == _KEPT else None
        if least is not None and extremity <= kept[least] - _SLACK:
            return False
        extremity -= 0.0 if _has_quotable(review.text) else _NOT_QUOTABLE
        if least is not None and extremity <= kept[least]:
            return extremity > kept[least] - _SLACK
        if least is not None:
            del kept[least]
        kept[review.digest] = extremity
        return True


class ExtremeReviews:
    """Keeps the most positive and most negative reviews of each item: texts in `database`, six numbers in memory."""

    def __init__(self, database: sqlite3.Connection) -> None:
        columns = "movie TEXT, side TEXT, place INTEGER, name TEXT, text TEXT, positive REAL, rating REAL, scale REAL"
        database.execute(f"CREATE TABLE kept ({columns}, PRIMARY KEY (movie, side, place)) WITHOUT ROWID")
        self._database = database
        self._extremes: dict[tuple[str, str], list[float]] = {}
        self._range = (np.inf, -np.inf)
        self._sums = np.zeros(4)

    def offer(self, table: pa.Table, telling: Sequence[tuple[int, Review]], counts: npt.NDArray[np.bool_]) -> None:
        """Keeps those reviews that count and are among the most extreme of their item so far.

        `telling` are reviews of a `scored_table` by their places, all others being less extreme (see `ExtremeTexts`);
        `counts` says which are no copies.
        """
        probabilities, *rated = (
            table.column(name).to_numpy().astype(np.float64) for name in ("probability", "rating", "rating_scale")
        )
        has_stars = np.isfinite(rated[0]) & np.isnan(rated[1])
        if has_stars.any():
            stars, values = rated[0][has_stars], probabilities[has_stars]
            self._range = (min(self._range[0], stars.min()), max(self._range[1], stars.max()))
            self._sums += [len(stars), stars.sum(), values.sum(), stars @ values]
        self._database.execute("BEGIN")
        for place, review in telling:
            if counts[place]:
                self._keep(review, "positive", float(probabilities[place]))
                self._keep(review, "negative", float(probabilities[place]))
        self._database.execute("COMMIT")

    def texts(self, movie: str) -> list[str]:
        """The texts of an item's most extreme reviews, each once."""
        query = "SELECT DISTINCT text FROM kept WHERE movie = ? ORDER BY side DESC, place"
        return [text for (text,) in self._database.execute(query, (identity(movie),))]

    def quotable(self, movie: str, side: Side) -> list[tuple[str, str, float]]:
        """Names and texts of the reviews of one side, and how probably a sentence must be on that side, too."""
        query = "SELECT name, text, positive, rating, scale FROM kept WHERE movie = ? AND side = ? ORDER BY place"
        found = []
        for name, text, positive, rating, scale in self._database.execute(query, (identity(movie), side)):
            share = self._share(rating, scale)
            if share is None and _towards(side, positive) >= _SURE_REVIEW:
                found.append((name, text, _SURE))
            elif share is not None and _towards(side, positive) >= 0.5 and _towards(side, share) > _STARS:
                found.append((name, text, _SURE_RATED))
        return found

    def _share(self, rating: float | None, scale: float | None) -> float | None:
        """Where stars lie on their scale, 0 to 1; None where that is unknown, or the most stars are for the worst."""
        if rating is None or scale is not None:
            return rating and scale and rating / scale
        (low, high), (count, stars, positive, products) = self._range, self._sums
        return (rating - low) / (high - low) if low < high and products * count > stars * positive else None

    def _keep(self, review: Review, side: Side, probability: float) -> None:
        movie, extremity = identity(review.movie), _towards(side, probability)
        kept = self._extremes.setdefault((movie, side), [])
        if len(kept) == _KEPT and extremity <= min(kept):
            return
        extremity -= 0.0 if _has_quotable(review.text) else _NOT_QUOTABLE
        if len(kept) < _KEPT:
            place = len(kept)
            kept.append(extremity)
        else:
            place = min(range(_KEPT), key=kept.__getitem__)
            if extremity <= kept[place]:
                return
            kept[place] = extremity
        name = review.id or f"line {review.line}"
        row = (movie, side, place, name, review.text[:_LONGEST_REVIEW], probability, review.rating, review.rating_scale)
        self._database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def choose_quotes(
    movies: Sequence[str], reviews: ExtremeReviews, scorer: Scorer
) -> Mapping[str, Mapping[Side, Quote | None]]:
    """The most telling positive and negative sentence of each item; None where the model is sure of none."""
    places: list[tuple[str, Side, str, str, float, int, int]] = []
    sides: tuple[Side, Side] = ("positive", "negative")
    for movie in movies:
        for side in sides:
            for name, text, sure in reviews.quotable(movie, side):
                spans = (span for span in sentences(text) if _is_quotable(text, span))
                places += [(movie, side, name, text, sure, *span) for span in spans]
    plain = [_plain(text[start:end]) for _, _, _, text, _, start, end in places]
    scored = scorer.score(plain) if plain else Scores(np.zeros(0), np.zeros((0, 0), np.float16))
    scores = scored.positive if scored.polarity is None else scored.polarity
    chosen: dict[str, dict[Side, Quote | None]] = {movie: dict.fromkeys(sides) for movie in movies}
    for (movie, side, name, _, sure, start, end), sentence, score in zip(places, plain, scores, strict=True):
        best = chosen[movie][side]
        if _towards(side, score) > max(sure, _towards(side, best.probability) if best else 0.0):
            chosen[movie][side] = Quote(sentence, start, end, float(score), name)
    return chosen


_MOST_WORDS = 6


def telling_words(movies: Sequence[str], reviews: ExtremeReviews, scorer: Scorer) -> Mapping[str, Mapping[str, float]]:
    """The words that decide what the model says of each item's most extreme reviews; the strongest first.

    With each stands what it adds to the log-odds of a positive review, on average over these reviews.
    """
    if not isinstance(scorer, ExplainingScorer):
        raise DataError("this scorer does not tell which words decide.", "It needs a method `explain`.")
    told: dict[str, dict[str, float]] = {}
    for movie in movies:
        texts = reviews.texts(movie)
        sums: dict[str, float] = {}
        for words in scorer.explain([_plain(text) for text in texts]):
            for word, value in words.items():
                sums[word] = sums.get(word, 0.0) + value / len(texts)
        told[movie] = {word: sums[word] for word in sorted(sums, key=lambda one: -abs(sums[one]))[:_MOST_WORDS]}
    return told


def _towards(side: Side, positive: float) -> float:
    return positive if side == "positive" else 1.0 - positive


def _has_quotable(text: str) -> bool:
    return any(_is_quotable(text, span) for span in sentences(text[:_LONGEST_REVIEW]))


def _is_quotable(text: str, span: tuple[int, int]) -> bool:
    return _WORDS[0] <= len(_plain(text[slice(*span)]).split()) <= _WORDS[1]


def _plain(text: str) -> str:
    return unescape(_TAG.sub("", text)).strip() if "<" in text or "&" in text else text

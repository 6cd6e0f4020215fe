"""Makes the quickstart corpus that comes with sentrec; the same seed gives the same files, byte for byte.

Run ``python examples/quickstart/make_corpus.py`` after a change of the grammar. The films are real, every opinion of
them is invented. A part of the phrases is kept out of the training reviews, so that the test reviews also say things in
words that a model has not seen.
"""

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from grammar import FILMS, RULES, expand

FOLDER = Path(__file__).parents[2] / "sentrec" / "quickstart"

SEED = 20
ROWS = {"train": 1600, "test": 400}
WORDS = (5, 80)
"""The shortest and the longest review, in words."""

_HELD_OUT_EVERY = 8
_MIXED_SHARE = 0.2


class Review(TypedDict):
    """One row of the corpus; `rating` is 1 to 10, and the label is positive from 6 on."""

    movie: str
    text: str
    label: str
    rating: int


def write_corpus(folder: Path = FOLDER) -> None:
    """Writes ``train.jsonl`` and ``test.jsonl``."""
    for split, reviews in make_corpus(SEED).items():
        lines = (json.dumps(review, ensure_ascii=False) for review in reviews)
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_corpus(seed: int) -> dict[str, list[Review]]:
    """The reviews by split; no text occurs twice, not even across the splits."""
    chance = random.Random(seed)
    seen: set[str] = set()
    return {split: list(_distinct_reviews(split, rows, chance, seen)) for split, rows in ROWS.items()}


def _distinct_reviews(split: str, rows: int, chance: random.Random, seen: set[str]) -> Iterator[Review]:
    while rows:
        review = _review(split, chance)
        if review["text"] not in seen and WORDS[0] <= len(review["text"].split()) <= WORDS[1]:
            seen.add(review["text"])
            rows -= 1
            yield review


def _review(split: str, chance: random.Random) -> Review:
    movie = chance.choice(list(FILMS))
    label = "positive" if chance.random() < FILMS[movie][0] else "negative"
    mixed = chance.random() < _MIXED_SHARE
    return {
        "movie": movie,
        "text": _text(movie, label + "_mixed" * mixed, split, chance),
        "label": label,
        "rating": _rating(label, mixed, chance),
    }


def _rating(label: str, mixed: bool, chance: random.Random) -> int:
    distance = chance.choice((0, 1) if mixed else (2, 3, 4))
    return 6 + distance if label == "positive" else 5 - distance


def _text(movie: str, symbol: str, split: str, chance: random.Random) -> str:
    rules = RULES | {"movie": (movie,), "motif": FILMS[movie][1]}

    def choose(symbol: str) -> str:
        alternatives = rules[symbol]
        return chance.choice(_without_held_out(alternatives) if split == "train" else alternatives)

    return _typed(_spelled(expand(choose(symbol), choose)), chance)


def _without_held_out(alternatives: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(words for position, words in enumerate(alternatives, start=1) if position % _HELD_OUT_EVERY)


def _spelled(text: str) -> str:
    """Puts "an" before vowels and capitals at the beginnings of sentences."""
    text = re.sub(r"\ba (?=[aeiou]|honest)", "an ", text)
    return re.sub(r"(^|[.!?] )([a-z])", lambda match: match[1] + match[2].upper(), text)


def _typed(text: str, chance: random.Random) -> str:
    """Types the text as people do: some without capitals, some with more exclamation marks or no full stop."""
    habit = chance.random()
    if habit < 0.12:
        return text.lower()
    if habit < 0.2:
        return text.rstrip(".").replace(". ", "! ") + "!!"
    return text.rstrip(".") if habit < 0.3 else text


if __name__ == "__main__":
    write_corpus()

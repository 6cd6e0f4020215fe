"""What labels mean: words of sentiment, stars, fractions and grades become negative, neutral and positive."""

import re
from collections.abc import Mapping, Sequence

NEUTRAL = "neutral"
POLARITIES = ("negative", NEUTRAL, "positive")

_WORDS = {
    "negative": "negative neg bad poor unfavorable unfavourable rotten dislike disliked negativ négatif negativo",
    "neutral": "neutral neu mixed average okay ok middling",
    "positive": "positive pos good great favorable favourable fresh like liked positiv positif positivo",
}
_ANSWERS = {"negative": "0 -1 false no n", "neutral": "", "positive": "1 true yes y"}
"""What means something beside words of sentiment, or as the answer to a question that the column's name asks."""

_MEANING = {word: meaning for meaning, words in _WORDS.items() for word in words.split()}
_ANSWER = {word: meaning for meaning, words in _ANSWERS.items() for word in words.split()}
_NUMBER = re.compile(
    r"(?:rated\s+)?(\d{1,3}(?:[.,]\d+)?)(?:\s*(?:/|out of|of)\s*(\d{1,3})|\s*(%))?(?:\s*stars?)?", re.IGNORECASE
)
_GLYPHS = re.compile("([★⭐✭✯🌟*]+)(½?)([☆✩]*)")
_GRADES = {"A": 11, "B": 8, "C": 5, "D": 2, "F": 0}
_BEST_GRADE = 12
_BORDER = 1 / 3
"""A rating is negative in the lowest third of its scale and positive in the highest: up to 2 and from 4 of 5 stars."""


def word_polarities(words: Sequence[str], answers: bool = False) -> dict[str, str] | None:
    """The meaning of each label; None unless all are words of sentiment, or numbers and truth values among such.

    `answers` says that truth values, yes and no may stand alone.
    """
    folded = {word: word.strip().casefold() for word in words}
    known = _MEANING | _ANSWER | ({"0": "neutral"} if "-1" in folded.values() else {})
    is_told = any(word in _MEANING for word in folded.values())
    is_told |= answers and ("-1" in folded.values() or not any(word.isdecimal() for word in folded.values()))
    if not is_told or not all(word in known for word in folded.values()):
        return None
    return {word: known[one] for word, one in folded.items()}


def star_polarities(words: Sequence[str], plain: bool = True) -> dict[str, str | None] | None:
    """The meaning of each rating; None for one in the middle of its scale, or that cannot be read.

    The highest number says what they are counted from: 5, 10 or 100. `plain`: numbers alone may be ratings; else a
    fraction, a star or a grade must be among them.

    Returns:
        None where the labels are no ratings.
    """
    read = {word: read_rating(word) for word in words}
    found = [one for one in read.values() if one is not None]
    numbers = [value for value, scale in found if scale is None]
    highest = max(numbers, default=5.0)
    scale = next((scale for scale in (5, 10, 100) if highest <= scale), None)
    has_marks = any(scale is not None for _, scale in found)
    if len(found) < 0.8 * len(words) or scale is None or (numbers and not has_marks and (not plain or highest < 4)):
        return None
    return {word: None if one is None else _polarity(one[0], one[1] or scale) for word, one in read.items()}


def is_rating(word: str) -> bool:
    """Whether a label is a rating that is not just a number: ``4/5``, ``B+``, ``★★★½``."""
    found = read_rating(word)
    return found is not None and found[1] is not None


def describe_meanings(meanings: Mapping[str, str | None]) -> str:
    """Which labels were taken for what, in words."""
    groups: dict[str, list[str]] = {}
    for word, meaning in meanings.items():
        groups.setdefault(meaning or "", []).append(word)
    parts = [f"{_few(groups[meaning])} = {meaning}" for meaning in sorted(groups) if meaning]
    return "; ".join([*parts, *([f"{_few(groups[''])} left out"] if "" in groups else [])])


def _few(words: Sequence[str]) -> str:
    return ", ".join(words[:8]) + (f" and {len(words) - 8:,} more" if len(words) > 8 else "")


def read_rating(word: str) -> tuple[float, float | None] | None:
    """A rating and the highest that it is counted from, where it says so: ``4/5``, ``85%``, ``★★★½``, ``B+``."""
    word = word.strip().replace("\ufe0f", "")
    if number := _NUMBER.fullmatch(word):
        value, scale = float(number[1].replace(",", ".")), float(number[2] or 100) if number[2] or number[3] else None
        return (value, scale) if scale is None or 0 <= value <= scale != 0 else None
    if glyphs := _GLYPHS.fullmatch(word):
        return len(glyphs[1]) + (0.5 if glyphs[2] else 0), float(max(len(glyphs[1] + glyphs[3]), 5))
    if grade := re.fullmatch(r"([A-DF])([+\u2212-]?)", word):
        return max(_GRADES[grade[1]] + {"": 0, "+": 1}.get(grade[2], -1), 0), _BEST_GRADE
    return None


def _polarity(value: float, scale: float) -> str | None:
    lowest = 1 if scale in (5, 10) else 0
    place = (value - lowest) / (scale - lowest)
    if place <= _BORDER + 1e-9:
        return "negative"
    return "positive" if place >= 1 - _BORDER - 1e-9 else None

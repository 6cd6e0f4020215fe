"""What labels mean: words of sentiment, stars, fractions and grades become negative, neutral and positive."""

import re
from collections.abc import Mapping, Sequence

NEUTRAL = "neutral"
POLARITIES = ("negative", NEUTRAL, "positive")

_SPELLINGS = {
    "negative": "negative neg bad poor unfavorable unfavourable rotten dislike disliked negativ négatif negativo "
    "negatif негативный отрицательный 负面 消极",
    "neutral": "neutral neu mixed average okay ok middling neutre neutro netral нейтральный 中性",
    "positive": "positive pos good great favorable favourable fresh like liked positiv positif positivo pozitif "
    "позитивный положительный 正面 积极",
}
_OPINIONS = {
    "negative": "terrible horrible awful worst hate hated unhappy dissatisfied unsatisfied schlecht mauvais malo ruim "
    "差评 👎 😞 😠 😡 🙁 ☹",
    "neutral": "fair 中评 😐",
    "positive": "excellent love loved happy satisfied recommend recommended gut bon bueno bom 好评 👍 😀 😊 🙂 😍",
}
"""Words of sentiment that may be classes of their own beside others."""
_ANSWERS = {
    "negative": "0 -1 false no n nein non não нет down - f",
    "neutral": "",
    "positive": "1 true yes y ja oui sí si sim да up + p t",
}
"""What means something beside words of sentiment, or as the answer to a question that the column's name asks."""
_DEGREE = re.compile(
    r"(?:very|extremely|highly|strongly|mostly|overwhelmingly|somewhat|slightly|thumbs|sehr|très|muy)[\s_-]+"
)
_DENIAL = re.compile("(?:not|non|nicht|no|(?:do|did|would)(?: not|n?['\u2019]?t))[\\s_-]+")

_SPELLING, _OPINION, _ANSWER = (
    {word: meaning for meaning, words in one.items() for word in words.split()}
    for one in (_SPELLINGS, _OPINIONS, _ANSWERS)
)
_OPPOSITE = {"negative": "positive", "positive": "negative"}
_SCALES = (5, 7, 10, 20, 100)
_NUMBER_WORDS = {word: float(number) for number, word in enumerate(["one", "two", "three", "four", "five"], 1)}
_OF = r"/|out\s+of|of|von|sur|de|su|van|av|из"
_STARS = r"stars?(?:\s+ratings?)?|sterne?n?|étoiles?|estrellas?|estrelas?|stelle|points?|punkte|pts?\.?"
_NUMBER = re.compile(
    rf"(?:rat(?:ed|ing):?\s+)?(\d{{1,3}}(?:\.\d+|,\d{{1,2}})?)"
    rf"(?:\s*(?:{_OF})\s*(\d{{1,3}})(?:[.,]0+)?|\s*\(\s*(?:{_OF})\s*(\d{{1,3}})\s*\)|\s*(%))?(?:[\s-]*(?:{_STARS}))?!*",
    re.IGNORECASE,
)
_BELOW_ZERO = re.compile(r"-\d+([.,]\d+)?")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")
_GLYPHS = re.compile(r"([★⭐✭✯🌟*]+)(½?)([☆✩]*)(?:\s*\([\d.,/ ]+\))?")
_GRADES = {"A": 11, "B": 8, "C": 5, "D": 2, "E": 0, "F": 0}
_BEST_GRADE = 12
_BORDER = 1 / 3
"""A rating is negative in the lowest third of its scale and positive in the highest: up to 2 and from 4 of 5 stars."""


def word_polarities(words: Sequence[str], answers: bool = False, spellings: bool = False) -> dict[str, str] | None:
    """The meaning of each label; None unless all are words of sentiment, or numbers and truth values among such.

    `answers` says that truth values, yes and no may stand alone; `spellings` that degrees (very good) mean nothing.
    """
    folded = {word: word.strip().replace("\ufe0f", "").casefold() for word in words}
    known = _ANSWER | ({"0": "neutral"} if "-1" in folded.values() else {})
    meant = {word: _SPELLING.get(one) if spellings else _meaning(one) for word, one in folded.items()}
    is_told = any(meant.values())
    is_told |= answers and ("-1" in folded.values() or not any(word.isdecimal() for word in folded.values()))
    found = {word: meant[word] or known.get(one) for word, one in folded.items()}
    return {word: one for word, one in found.items() if one} if is_told and all(found.values()) else None


def _meaning(word: str) -> str | None:
    """What a word of sentiment means, with its degree (very good) and denial (not recommended)."""
    plain = _DEGREE.sub("", word)
    denied = _DENIAL.match(plain)
    bare = plain[denied.end() :] if denied else plain
    meaning = _SPELLING.get(bare) or _OPINION.get(bare)
    if plain != word and meaning is None:  # thumbs up
        meaning = _ANSWER.get(plain)
    return _OPPOSITE.get(meaning or "") if denied else meaning


def star_polarities(words: Sequence[str], plain: bool = True) -> dict[str, str | None] | None:
    """The meaning of each rating; None for one in the middle of its scale, or that cannot be read.

    The highest number says what they are counted from: 5, 10 or 100. `plain`: numbers alone may be ratings; else a
    fraction, a star or a grade must be among them. Gives None where the labels are no ratings.
    """
    read = {word: read_rating(word) for word in words}
    found = [one for one in read.values() if one is not None]
    numbers = {value for value, scale in found if scale is None}
    highest = max(numbers, default=5.0)
    # Seven is the highest where five numbers occur but none above; zero makes four the highest, else it is five.
    scale = next((one for one in _SCALES if highest <= one and (one != 7 or len(numbers) >= 5)), None)
    lowest = 0 if 0 in numbers else 1
    if highest == 4 and 0 in numbers:
        scale = 4
    has_marks = any(scale is not None for _, scale in found)
    if any(map(_BELOW_ZERO.fullmatch, words)):
        return None  # votes, or a balance
    if len(found) < 0.8 * len(words) or scale is None or (numbers and not has_marks and (not plain or highest < 4)):
        return None
    places = {
        word: one and _place(one[0], one[1] or scale, lowest if one[1] is None else 1) for word, one in read.items()
    }
    return {word: None if place is None else _polarity(place) for word, place in places.items()}


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
    word = word.strip().removeprefix("'").replace("\ufe0f", "")  # an apostrophe makes a number text in a spreadsheet
    if _THOUSANDS.fullmatch(word):
        return float(word.replace(",", "")), None
    if word.casefold() in _NUMBER_WORDS:
        return _NUMBER_WORDS[word.casefold()], None
    if number := _NUMBER.fullmatch(word):
        of = number[2] or number[3] or (number[4] and 100)
        value, scale = float(number[1].replace(",", ".")), float(of) if of else None
        return (value, scale) if scale is None or 0 <= value <= scale != 0 else None
    if glyphs := _GLYPHS.fullmatch(word):
        return len(glyphs[1]) + (0.5 if glyphs[2] else 0), float(max(len(glyphs[1] + glyphs[3]), 5))
    if grade := re.fullmatch(r"([A-F])([+\u2212-]?)", word):
        return max(_GRADES[grade[1]] + {"": 0, "+": 1}.get(grade[2], -1), 0), _BEST_GRADE
    return None


def _place(value: float, scale: float, lowest: int) -> float:
    """From 0 to 1, where on its scale a rating is."""
    low = lowest if scale <= 10 else 0
    return (value - low) / (scale - low)


def _polarity(place: float) -> str | None:
    if place <= _BORDER + 1e-9:
        return "negative"
    return "positive" if place >= 1 - _BORDER - 1e-9 else None

"""Which languages texts seem to be in: by the script of their letters, and by the share of words that a model knows."""

import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

import numpy as np

from sentrec.inference.lines import CHUNK, UNKNOWN_SHARE, RowResult
from sentrec.inference.prediction import Classifier
from sentrec.text.tokenizer import UNKNOWN_ID

_LETTERS = 200


@dataclass(frozen=True)
class LanguageGroup:
    """Texts of one script of which the model knows most words, or does not.

    Attributes:
        script: Of most letters, e.g. ``Latin``.
        is_known: Whether the model knows the words: all but `UNKNOWN_SHARE` of them.
        rows: How many texts.
        known: Share of words that the model knows, the mean of the texts.
        line: Where the first of them stands.
        example: The first of them.
    """

    script: str
    is_known: bool
    rows: int
    known: float
    line: int
    example: str


def language_groups(predictor: Classifier, results: Iterable[RowResult]) -> list[LanguageGroup]:
    """Groups texts, the largest group first; results without a text are left out."""
    rows: Counter[tuple[str, bool]] = Counter()
    known: Counter[tuple[str, bool]] = Counter()
    first: dict[tuple[str, bool], tuple[int, str]] = {}
    found = ((one.line, one.text) for one in results if one.text is not None)
    while chunk := list(islice(found, CHUNK)):
        encoded = predictor.encode([text for _, text in chunk])[0]
        unknown = np.add.reduceat(encoded.token_ids == UNKNOWN_ID, encoded.offsets[:-1], dtype=np.float64)
        for (line, text), share in zip(chunk, (unknown / encoded.lengths()).tolist(), strict=True):
            group = script_of(text), share < UNKNOWN_SHARE
            rows[group] += 1
            known[group] += 1 - share
            first.setdefault(group, (line, text))
    return [LanguageGroup(*group, count, known[group] / count, *first[group]) for group, count in rows.most_common()]


def script_of(text: str) -> str:
    """The script of most of a text's first letters, e.g. ``Cyrillic``; ``none`` where there are no letters."""
    letters = islice((mark for mark in text if mark.isalpha()), _LETTERS)
    scripts = Counter(unicodedata.name(mark, "UNKNOWN").partition(" ")[0].capitalize() for mark in letters)
    return scripts.most_common(1)[0][0] if scripts else "none"

"""Contrast sets (Gardner et al. 2020) made by rules: sentences whose sentiment a few added words turn round.

They are made of short labelled texts, by negating a predicate or a noun phrase and by joining two texts with "but", and
of phrases alone. The rules are the project's own; what they bring is measured on sentences that they did not make.
"""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from sentrec.data.examples import Examples

_LONGEST = 20
"""Most words of a text that a contrast is made of."""
_WORDS = {
    "good": "good great excellent amazing awesome wonderful fantastic perfect nice funny interesting beautiful "
    "brilliant fun entertaining enjoyable delicious fresh friendly helpful clean comfortable easy useful reliable "
    "fast impressive charming clever moving engaging memorable original convincing worth satisfying happy pleased "
    "special tasty",
    "bad": "bad terrible awful horrible boring dull poor disappointing annoying stupid slow bland cheap dirty rude "
    "ugly predictable tedious weak lame mediocre confusing useless painful overpriced noisy difficult flawed silly "
    "disappointed uncomfortable unfunny pointless clumsy broken wrong",
    "noun": "film movie story acting script ending book plot music cast phone camera battery screen price product "
    "hotel room food service staff place app game update design quality sound value experience trip",
}
_GOOD, _BAD, _NOUNS = (words.split() for words in _WORDS.values())
_ADJECTIVES = "|".join((*_GOOD, *_BAD))
_COPULA = re.compile(rf"\b(is|was|are|were)( (?:very|really|so|quite|pretty|absolutely))? ({_ADJECTIVES})\b", re.I)
_PHRASE = re.compile(rf"^(an?) ({_ADJECTIVES}) (?=[a-z])", re.I)
_VERB = re.compile(r"\b(i|we|you|they)( (?:really|absolutely))? (love|like|enjoy|recommend|hate)((?:e?d)?)\b", re.I)
_NEGATED_COPULA = ("{0} not {1}", "{0}n't {1}", "{0} not {1} at all", "{0} never {1}", "{0} anything but {1}")
_NEGATED_PHRASE = ("not {0} {1}", "hardly {0} {1}", "by no means {0} {1}", "this is not {0} {1}")
_NEGATED_VERB = ("{0} {1}n't {2}", "{0} {1} not {2}", "{0} never {3}")
_PHRASES: tuple[tuple[str, int], ...] = (
    ("not a {bad} {noun} at all", 1),
    ("not {bad} at all", 1),
    ("nothing {bad} about the {noun}", 1),
    ("there is nothing wrong with the {noun}", 1),
    ("far better than the {bad} first one", 1),
    ("much better than the last {noun}", 1),
    ("i expected a {bad} {noun} and was surprised how {good} it was", 1),
    ("the {noun} could not be better", 1),
    ("i cannot say anything bad about the {noun}", 1),
    ("not a {good} {noun}", 0),
    ("not {good} at all", 0),
    ("nothing {good} about the {noun}", 0),
    ("far worse than the {good} first one", 0),
    ("much worse than the last {noun}", 0),
    ("i expected a {good} {noun} and got a {bad} one", 0),
    ("the {noun} could not be worse", 0),
    ("i cannot say anything good about the {noun}", 0),
    ("the first {noun} was {good} , this one is not", 0),
    ("the {noun} is never {good}", 0),
    ("the {noun} is never {bad}", 1),
)


def contrast_sentences(rows: Examples, most: int, seed: int) -> tuple[list[str], list[int]]:
    """Makes sentences and their classes of labelled texts, as many of either class.

    Args:
        rows: Texts of two classes, the second of which is positive.
        most: How many to make, at most.
        seed: Sets what is drawn.

    Returns:
        The sentences, all different, and the class of each.
    """
    if not most:
        return [], []
    draw = np.random.default_rng(seed)
    short = [row for row, text in enumerate(rows.texts) if len(text.split()) <= _LONGEST]
    made: dict[str, int] = dict(_made_of_phrases(draw, most // 4))
    for row in draw.permutation(short):
        made |= dict(_turned(rows.texts[row].strip(), int(rows.labels[row]), draw))
    made |= dict(_joined(rows, short, draw, most // 4))
    known = set(rows.texts)
    by_class = [[text for text, label in made.items() if label == one and text not in known] for one in (0, 1)]
    each = min(most // 2, *map(len, by_class))
    drawn = [(text, label) for label in (0, 1) for text in draw.permutation(by_class[label])[:each].tolist()]
    return [text for text, _ in drawn], [label for _, label in drawn]


def _turned(text: str, label: int, draw: np.random.Generator) -> Iterator[tuple[str, int]]:
    """A text with its predicate negated, where that is a word of its own class."""
    if re.search(r"\b(?:not|never|no|hardly|but)\b|n't\b", text, re.I):
        return
    own = (_BAD, _GOOD)[label]
    if (found := _COPULA.search(text)) and found[3].lower() in own:
        yield _replaced(text, found, _one(_NEGATED_COPULA, draw).format(found[1], found[3])), 1 - label
    elif (found := _PHRASE.search(text)) and found[2].lower() in own:
        yield _replaced(text, found, _one(_NEGATED_PHRASE, draw).format(found[1].lower(), found[2]) + " "), 1 - label
    elif (found := _VERB.search(text)) and (found[3].lower() == "hate") == (label == 0):
        auxiliary = "did" if found[4] else "do"
        negated = _one(_NEGATED_VERB, draw).format(found[1], auxiliary, found[3], found[3] + found[4])
        yield _replaced(text, found, negated), 1 - label


def _joined(rows: Examples, short: Sequence[int], draw: np.random.Generator, most: int) -> Iterator[tuple[str, int]]:
    """Two short texts of unlike classes, joined by a word after which the second one counts."""
    brief = [row for row in short if 3 <= len(rows.texts[row].split()) <= _LONGEST // 2]
    if not brief:
        return
    for first, second in draw.choice(brief, (most, 2)).tolist():
        if rows.labels[first] != rows.labels[second]:
            parts = (rows.texts[first].strip().rstrip(".!? "), rows.texts[second].strip())
            yield f"{parts[0]} , but {parts[1]}", int(rows.labels[second])


def _made_of_phrases(draw: np.random.Generator, most: int) -> Iterator[tuple[str, int]]:
    for _ in range(most):
        phrase, label = _PHRASES[int(draw.integers(len(_PHRASES)))]
        yield phrase.format(good=_one(_GOOD, draw), bad=_one(_BAD, draw), noun=_one(_NOUNS, draw)), label


def _replaced(text: str, found: re.Match[str], by: str) -> str:
    return text[: found.start()] + by + text[found.end() :]


def _one(choices: Sequence[str], draw: np.random.Generator) -> str:
    return choices[int(draw.integers(len(choices)))]

"""Which words and sentences of a text decided: their shares of the logit, or what happens without them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sentrec.metrics.calibration import softmax
from sentrec.text.encoding import shortened
from sentrec.text.tokenizer import clean_text, sentences

if TYPE_CHECKING:
    from sentrec.inference.predictor import Predictor
    from sentrec.models.attribution import TokenContributions

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")
_PUNCTUATION = re.compile(r"""[-.,;:'"`()\[\]/]+""")
_FAINT, _STRONG = 0.1, 1.0
_MOST_OCCLUDED = 256
"""Words that are left out one by one; of a longer text, runs of words are."""


@dataclass(frozen=True)
class Span:
    """A part of a text and what it adds to the log-odds of the label; negative: it speaks against it.

    Attributes:
        start: Where it begins in the text, in characters.
        end: Where it ends.
        text: What stands there.
        contribution: What it adds.
    """

    start: int
    end: int
    text: str
    contribution: float


@dataclass(frozen=True)
class Token(Span):
    """A token of a text.

    Attributes:
        read: Whether the encoder reads it: of long texts, it reads a part.
    """

    read: bool


@dataclass(frozen=True)
class Explanation:
    """Why a model says what it says of a text.

    Attributes:
        text: The text as the model reads it: HTML entities decoded, the middle of an over-long one left out.
        label: The likeliest class.
        probability: Its calibrated probability.
        log_odds: The label's logit less the mean of the others', over the temperature; of two classes, the log-odds of
            `probability`.
        base: The part of `log_odds` that is of no word: what the model says of nothing.
        method: ``gradients``: shares of the logit, exact for n-grams, else integrated gradients; ``occlusion``: what
            the log-odds lose when a word is left out, which need not add up.
        tokens: What each token adds.
        sentences: What each sentence adds.
    """

    text: str
    label: str
    probability: float
    log_odds: float
    base: float
    method: str
    tokens: tuple[Token, ...]
    sentences: tuple[Span, ...]

    def shares(self) -> list[tuple[Token, float]]:
        """Each token with its contribution as a share of the strongest one, or of 1 if none is so strong.

        A share below a tenth counts as 0, and so does that of a full stop or the like. A text that the model makes
        nothing of has no strong words.
        """
        whole = max((abs(token.contribution) for token in self.tokens), default=0.0)
        whole = max(whole, _STRONG)
        found = ((token, token.contribution / whole if _is_word(token) else 0.0) for token in self.tokens)
        return [(token, share if abs(share) >= _FAINT else 0.0) for token, share in found]

    def top(self, count: int = 5, least: float = _FAINT) -> list[Token]:
        """The words that add or take most, the strongest first; full stops and the like are none.

        Left out are those with less than `least` of the strongest.
        """
        words = sorted(filter(_is_word, self.tokens), key=lambda token: -abs(token.contribution))[:count]
        return [token for token in words if abs(token.contribution) >= least * abs(words[0].contribution)]

    def reasons(self, count: int = 5) -> dict[str, float]:
        """The words of `top`, and what each adds; of one that stands there twice, the stronger place."""
        found: dict[str, float] = {}
        for token in self.top(count):
            found.setdefault(token.text, round(token.contribution, 4))
        return found

    def to_dict(self) -> dict[str, Any]:
        """The same in plain JSON types."""
        return asdict(self)


def _is_word(token: Token) -> bool:
    return not _PUNCTUATION.fullmatch(token.text)


def explain(predictor: "Predictor", texts: Sequence[str]) -> list[Explanation]:
    """Explains what a model says of texts: one explanation a text, in their order; see `sentrec.load`."""
    read = [clean_text(shortened(text)) if isinstance(text, str) else text for text in texts]
    logits = predictor.logits(read)
    probabilities = softmax(logits, predictor.run.temperature)
    return [
        _explained(predictor, text, row.astype(np.float64), chances)
        for text, row, chances in zip(read, logits, probabilities, strict=True)
    ]


def _explained(
    predictor: "Predictor", text: str, logits: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64]
) -> Explanation:
    target = int(logits.argmax())
    found = _by_gradients(predictor, text, target)
    method = "occlusion" if found is None else "gradients"
    spans, values, read = _by_occlusion(predictor, text, target) if found is None else found
    tokens = tuple(
        Token(int(start), int(end), text[start:end], float(value), bool(was_read))
        for (start, end), value, was_read in zip(spans, values, read, strict=True)
    )
    log_odds = float(_margins(logits[None], target)[0] / predictor.run.temperature)
    starts = np.array([start for start, _ in spans], dtype=np.int64)
    parts = tuple(
        Span(start, end, text[start:end], float(values[(starts >= start) & (starts < end)].sum()))
        for start, end in sentences(text)
    )
    base = log_odds - float(values.sum()) if found is not None else 0.0
    label, probability = predictor.label_names[target], float(probabilities[target])
    return Explanation(text, label, probability, log_odds, base, method, tokens, parts)


_Values = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.bool_]]


def _by_gradients(predictor: "Predictor", text: str, target: int) -> _Values | None:
    """The sum over an ensemble's members, if each of them can tell and they read the same tokens."""
    parts: list[tuple[float, TokenContributions]] = []
    for member in predictor.members:
        found = member.model.contributions(text, target)
        if found is None or (parts and not np.array_equal(found.spans, parts[0][1].spans)):
            return None
        parts.append((member.weight / predictor.run.temperature, found))
    values = sum((weight * one.values for weight, one in parts), start=np.zeros(len(parts[0][1].spans)))
    read = reduce(np.logical_or, [one.read for _, one in parts])
    return parts[0][1].spans, values, read


def _by_occlusion(predictor: "Predictor", text: str, target: int) -> _Values:
    """What the log-odds lose without each word (Zeiler and Fergus 2014); of long texts, without runs of words."""
    words = np.array([match.span() for match in _WORD.finditer(text)], dtype=np.int64).reshape(-1, 2)
    groups = np.array_split(np.arange(len(words)), min(len(words), _MOST_OCCLUDED)) if len(words) else []
    spans = np.array([(words[group[0], 0], words[group[-1], 1]) for group in groups], dtype=np.int64).reshape(-1, 2)
    margins = _margins(predictor.logits([text, *(without(text, [(start, end)]) for start, end in spans)]), target)
    values = (margins[0] - margins[1:]).astype(np.float64) / predictor.run.temperature
    return spans, values, np.ones(len(spans), dtype=bool)


def without(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """A text without some parts, which are ascending and do not overlap; a space stands for each."""
    kept, place = [], 0
    for start, end in spans:
        kept.append(text[place:start])
        place = end
    return " ".join([*kept, text[place:]])


def _margins(logits: npt.NDArray[Any], target: int) -> npt.NDArray[np.float64]:
    import torch

    from sentrec.models.attribution import margin

    found: npt.NDArray[np.float64] = margin(torch.from_numpy(np.asarray(logits, dtype=np.float64)), target).numpy()
    return found

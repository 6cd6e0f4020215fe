"""Whether explanations tell the truth about the model: what it says without the words that they name.

Measures of DeYoung et al. (2020, ERASER): comprehensiveness is how much probability the label loses without its most
important words, sufficiency how much it loses when only these are left. Words drawn at random are the yardstick.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sentrec.errors import DataError
from sentrec.explain.explanation import Explanation, explain, without

if TYPE_CHECKING:
    from sentrec.inference.predictor import Predictor

SHARES = (0.1, 0.2, 0.3, 0.5)
"""How many of a text's tokens are taken: a tenth, a fifth, …"""


@dataclass(frozen=True)
class Faithfulness:
    """How much probability labels lose, on average over texts; for each of `SHARES`, and the mean of all."""

    texts: int  # how many texts were explained
    comprehensiveness: Mapping[str, float]  # lost without the most important tokens: the deletion curve. More is better
    sufficiency: Mapping[str, float]  # lost when only these are left. Less is better
    random: Mapping[str, float]  # lost without as many tokens drawn at random
    random_sufficiency: Mapping[str, float]  # lost when only such are left

    def to_dict(self) -> dict[str, Any]:
        """The same in plain JSON types."""
        return asdict(self)


def faithfulness(predictor: "Predictor", texts: Sequence[str], seed: int = 0) -> Faithfulness:
    """Measures explanations of texts of two tokens at least, or raises a `DataError`; `seed` draws random tokens."""
    explained = [one for one in explain(predictor, texts) if len(one.tokens) > 1]
    if not explained:
        raise DataError("no text has words to explain.", "Give texts of several words.")
    generator = np.random.default_rng(seed)
    important = [np.argsort([-token.contribution for token in one.tokens], kind="stable") for one in explained]
    drawn = [generator.permutation(len(one.tokens)) for one in explained]
    return Faithfulness(
        len(explained),
        _curve(predictor, explained, important, keep=False),
        _curve(predictor, explained, important, keep=True),
        _curve(predictor, explained, drawn, keep=False),
        _curve(predictor, explained, drawn, keep=True),
    )


def _curve(
    predictor: "Predictor", explained: Sequence[Explanation], orders: Sequence[npt.NDArray[np.int64]], keep: bool
) -> dict[str, float]:
    columns = [predictor.label_names.index(one.label) for one in explained]
    before = np.array([one.probability for one in explained])
    curve = {}
    for share in SHARES:
        texts = []
        for one, order in zip(explained, orders, strict=True):
            count = max(1, round(share * len(order)))
            removed = np.sort(order[count:] if keep else order[:count])
            texts.append(without(one.text, [(one.tokens[place].start, one.tokens[place].end) for place in removed]))
        after = predictor.predict_proba(texts)[np.arange(len(texts)), columns]
        curve[f"{share:.0%}"] = float((before - after).mean())
    return {**curve, "mean": float(np.mean(list(curve.values())))}

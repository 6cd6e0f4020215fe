"""Single predictions worth a look: a random few, and the mistakes that the model was surest of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_LONGEST_TEXT = 160


@dataclass(frozen=True)
class SamplePrediction:
    """The prediction for one text: its row from 1, its beginning, its class, the predicted one, and how sure it is."""

    row: int
    text: str
    label: str
    predicted: str
    confidence: float


def sample_predictions(
    texts: Sequence[str],
    labels: npt.NDArray[Any],
    probabilities: npt.NDArray[np.float64],
    label_names: Sequence[str],
    count: int = 5,
    seed: int = 1,
) -> list[SamplePrediction]:
    """Predictions for `count` random texts at most, in the order of the rows.

    Labels are class numbers of shape ``(texts,)``, probabilities ``(texts, classes)``.
    """
    rows = np.sort(np.random.default_rng(seed).choice(len(texts), min(count, len(texts)), replace=False))
    return _predictions_for(rows, texts, labels, probabilities, label_names)


def confident_mistakes(
    texts: Sequence[str],
    labels: npt.NDArray[Any],
    probabilities: npt.NDArray[np.float64],
    label_names: Sequence[str],
    count: int = 5,
) -> list[SamplePrediction]:
    """The wrong predictions with the highest confidence, the surest first; arguments as in `sample_predictions`."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")[:count]]
    return _predictions_for(surest, texts, labels, probabilities, label_names)


def shortened(text: str, longest: int = _LONGEST_TEXT) -> str:
    """The beginning of a text on one line, cut between words, without control characters."""
    printable = "".join(character if character.isprintable() else " " for character in text.replace("<br />", " "))
    line = " ".join(printable.split())
    if len(line) <= longest:
        return line
    head = line[: longest - 1]
    if line[longest - 1] != " " and " " in head:
        head = head.rpartition(" ")[0]
    return head.rstrip() + "…"


def _predictions_for(
    rows: npt.NDArray[np.int64],
    texts: Sequence[str],
    labels: npt.NDArray[Any],
    probabilities: npt.NDArray[np.float64],
    names: Sequence[str],
) -> list[SamplePrediction]:
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return [
        SamplePrediction(
            row + 1, shortened(texts[row]), names[int(labels[row])], names[predicted[row]], float(sure[row])
        )
        for row in rows.tolist()
    ]

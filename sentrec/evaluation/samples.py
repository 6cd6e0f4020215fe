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


def random_rows(count: int, most: int = 5, seed: int = 1) -> npt.NDArray[np.int64]:
    """At most so many rows of `count`, in their order."""
    return np.sort(np.random.default_rng(seed).choice(count, min(most, count), replace=False))


def surest_mistakes(
    labels: npt.NDArray[Any], probabilities: npt.NDArray[np.float64], most: int = 5
) -> npt.NDArray[np.int64]:
    """The rows of the wrong predictions with the highest confidence, the surest first."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    return wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")[:most]]


def predictions_for(
    rows: npt.NDArray[np.int64],
    texts: Sequence[str],
    labels: npt.NDArray[Any],
    probabilities: npt.NDArray[np.float64],
    names: Sequence[str],
) -> tuple[SamplePrediction, ...]:
    """The predictions for some rows; labels are class numbers, probabilities of shape ``(texts, classes)``."""
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return tuple(
        SamplePrediction(
            row + 1, shortened(texts[row]), names[int(labels[row])], names[predicted[row]], float(sure[row])
        )
        for row in rows.tolist()
    )


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

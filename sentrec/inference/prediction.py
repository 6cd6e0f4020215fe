"""What classifies texts, whatever computes it: from texts to logits, calibrated probabilities and labels."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.errors import DataError
from sentrec.metrics.calibration import softmax
from sentrec.text.encoding import EncodedTexts, shortened


@dataclass(frozen=True)
class Prediction:
    """The likeliest class of a text, its calibrated probability, and those of all classes by name."""

    label: str
    probability: float
    probabilities: dict[str, float]


class Classifier(ABC):
    """Classifies texts. Methods raise a `DataError` if something in their `texts` is not a string.

    Args:
        label_names: Names of the classes in the order of their numbers.
        temperature: What logits are divided by before the softmax.
    """

    def __init__(self, label_names: Sequence[str], temperature: float) -> None:
        self.label_names = tuple(label_names)
        self.temperature = temperature

    @property
    @abstractmethod
    def key(self) -> str:
        """Changes with all that the answers depend on."""

    @abstractmethod
    def encode(self, texts: Sequence[str]) -> list[EncodedTexts]:
        """Token ids of texts as each model reads them."""

    @abstractmethod
    def logits_of(self, encoded: Sequence[EncodedTexts]) -> npt.NDArray[np.float32]:
        """What `logits` gives, of texts that `encode` has turned into token ids."""

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Scores of each class before the temperature, shape ``(len(texts), classes)``, columns as in `label_names`."""
        return self.logits_of(self.encode(texts))

    def predict_proba(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities of each class, shape ``(len(texts), classes)``, columns as in `label_names`."""
        return softmax(self.logits(texts), self.temperature)

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """The likeliest class of each text, in their order."""
        predictions = []
        for row in self.predict_proba(texts):
            by_name = {name: float(value) for name, value in zip(self.label_names, row, strict=True)}
            label = self.label_names[int(row.argmax())]
            predictions.append(Prediction(label, by_name[label], by_name))
        return predictions


def readable(texts: Sequence[str]) -> list[str]:
    """Texts as models read them: the ends of very long ones, a question mark for half a surrogate pair.

    Raises:
        DataError: If one is not a string.
    """
    if isinstance(texts, str):
        raise DataError("texts must be a list of strings, not one string.", 'Write predict(["..."]).')
    texts = list(texts)  # a generator can be read only once
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {position + 1} is not a string but a {type(text).__name__}.")
    return [shortened(text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")) for text in texts]

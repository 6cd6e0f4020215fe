"""What classifies texts, whatever computes it: from texts to logits, calibrated probabilities and labels."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.data.polarity import NEUTRAL
from sentrec.errors import DataError, RunError
from sentrec.metrics.calibration import softmax
from sentrec.text.encoding import EncodedTexts, shortened

UNSURE_MARGIN = 0.1
"""A prediction is called unsure if its probability is less than that above chance: under 0.6 with two classes."""


@dataclass(frozen=True)
class Prediction:
    """What a model says of a text.

    Attributes:
        label: The likeliest class.
        probability: Its calibrated probability.
        probabilities: Those of all classes, by name.
        star_probabilities: Those of one to five stars; empty where the model has no star head.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    star_probabilities: tuple[float, ...] = ()

    @property
    def stars(self) -> float | None:
        """The expected number of stars, from 1 to 5; None where the model has no star head."""
        return sum(number * one for number, one in enumerate(self.star_probabilities, start=1)) or None

    @property
    def is_unsure(self) -> bool:
        """Whether the probability is hardly above chance, see `UNSURE_MARGIN`."""
        return self.probability < 1 / len(self.probabilities) + UNSURE_MARGIN

    def to_dict(self) -> dict[str, Any]:
        """In plain JSON types, with the expected stars in place of their probabilities."""
        stars = {} if self.stars is None else {"stars": round(self.stars, 3)}
        by_class = {"label": self.label, "probability": self.probability, "probabilities": self.probabilities}
        return by_class | stars | {"unsure": self.is_unsure}

    def in_classes(self, classes: int) -> "Prediction":
        """The same in so many classes, see `in_classes`."""
        if classes == len(self.probabilities):
            return self
        names, (row,) = in_classes(np.array([self.star_probabilities]), classes, tuple(self.probabilities))
        by_name = dict(zip(names, row.tolist(), strict=True))
        label = max(by_name, key=lambda name: by_name[name])
        return replace(self, label=label, probability=by_name[label], probabilities=by_name)


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

    @property
    def tells_stars(self) -> bool:
        """Whether it has a star head."""
        return False

    def predict_stars(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Probabilities as of `predict_proba`, and those of one to five stars, ``(len(texts), 5)``.

        Without a star head, the latter have no columns.
        """
        return self.stars_of(self.encode(texts))

    def stars_of(self, encoded: Sequence[EncodedTexts]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """What `predict_stars` gives, of texts that `encode` has turned into token ids."""
        return softmax(self.logits_of(encoded), self.temperature), np.empty((len(encoded[0]), 0))

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """The likeliest class of each text, in their order."""
        predictions = []
        for row, stars in zip(*self.predict_stars(readable(texts)), strict=True):
            by_name = {name: float(value) for name, value in zip(self.label_names, row, strict=True)}
            label = self.label_names[int(row.argmax())]
            predictions.append(Prediction(label, by_name[label], by_name, tuple(stars.tolist())))
        return predictions


def in_classes(
    stars: npt.NDArray[np.float64], classes: int, names: Sequence[str]
) -> tuple[tuple[str, ...], npt.NDArray[np.float64]]:
    """Probabilities of three classes, the middle one neutral, or of five, named ``1`` to ``5``; names and these.

    `stars` are probabilities of one to five stars, shape ``(texts, 5)``, `names` the model's two classes. Raises a
    `RunError` if the model has no star head.
    """
    if stars.shape[1] != 5:
        hint = "The starter has one; a recipe asks for it with objective.stars."
        raise RunError(f"the model knows {len(names)} classes and has no star head.", hint)
    if classes == 5:
        return ("1", "2", "3", "4", "5"), stars
    merged = np.stack([stars[:, :2].sum(axis=1), stars[:, 2], stars[:, 3:].sum(axis=1)], axis=1)
    return (names[0], NEUTRAL, names[1]), merged


def readable(texts: Sequence[str]) -> list[str]:
    """Texts, else a `DataError`, as models read them: without middles of long ones and halves of surrogate pairs."""
    if isinstance(texts, str):
        raise DataError("texts must be a list of strings, not one string.", 'Write predict(["..."]).')
    texts = list(texts)  # a generator can be read only once
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {position + 1} is not a string but a {type(text).__name__}.")
    return [shortened(text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")) for text in texts]

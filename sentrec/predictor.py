"""A finished run, ready to classify texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from sentrec.errors import DataError
from sentrec.evaluation.calibration import softmax
from sentrec.model.classifier import TextClassifier, restore_classifier
from sentrec.model.device import find_device
from sentrec.model.inference import predict_logits
from sentrec.runs import MODEL, TOKENIZER, Run, open_run
from sentrec.text.encoding import EncodedTexts, TextEncoder
from sentrec.text.shorten import shortened


@dataclass(frozen=True)
class Prediction:
    """What the model says of one text.

    Attributes:
        label: The likeliest class.
        probability: Its calibrated probability.
        probabilities: The calibrated probability of every class.
    """

    label: str
    probability: float
    probabilities: dict[str, float]


class Predictor:
    """Classifies texts with a run's weights, tokenizer and temperature.

    Args:
        run: The finished run.
        model: Its model with its weights, on the device that is to compute.
        tokenizer: Its tokenizer.
    """

    def __init__(self, run: Run, model: TextClassifier, tokenizer: Tokenizer) -> None:
        self.run = run
        self.model = model
        self.tokenizer = tokenizer
        self.label_names = run.label_names
        text = run.recipe.text
        self._encoder = TextEncoder(tokenizer, text.max_tokens, text.keep)

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Uncalibrated scores of each class, shape ``(len(texts), classes)``.

        Raises:
            DataError: If something in `texts` is not a string.
        """
        return predict_logits(self.model, self.encode(texts))

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Token ids of texts as the model reads them.

        Raises:
            DataError: If something in `texts` is not a string.
        """
        return self._encoder.encode([shortened(text) for text in _checked(texts)])

    def predict_proba(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities of each class, shape ``(len(texts), classes)``, columns as in `label_names`.

        Raises:
            DataError: If something in `texts` is not a string.
        """
        return softmax(self.logits(texts), self.run.temperature)

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """The likeliest class of each text, in their order.

        Raises:
            DataError: If something in `texts` is not a string.
        """
        predictions = []
        for row in self.predict_proba(texts):
            by_name = {name: float(value) for name, value in zip(self.label_names, row, strict=True)}
            label = self.label_names[int(row.argmax())]
            predictions.append(Prediction(label, by_name[label], by_name))
        return predictions


def load(run: str | Path | Run, device: str | None = None) -> Predictor:
    """Opens a finished run for prediction; needs neither GloVe nor the training data.

    Args:
        run: The run, or its directory.
        device: Where to compute, e.g. ``cpu``; by default CUDA, else MPS, else the CPU.

    Returns:
        The predictor.

    Raises:
        RunError: If the run is missing, unfinished or altered.
        SentrecError: If there is no such device.
    """
    where = find_device(device)
    run = run if isinstance(run, Run) else open_run(run)
    model = restore_classifier(run.recipe, run.path / MODEL, len(run.label_names))
    tokenizer: Tokenizer = Tokenizer.from_file(str(run.path / TOKENIZER))
    return Predictor(run, model.to(where).eval(), tokenizer)


def _checked(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise DataError("texts must be a list of strings, not one string.", 'Write predict(["..."]).')
    texts = list(texts)  # a generator can be read only once
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {position + 1} is not a string but a {type(text).__name__}.")
    # Half a surrogate pair is legal in a Python string but is no text; it becomes a question mark.
    return [text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8") for text in texts]

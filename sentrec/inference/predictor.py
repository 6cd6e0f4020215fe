"""A finished run or an ensemble, ready to classify texts: the one place where a directory becomes logits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from sentrec.errors import DataError
from sentrec.inference.logits import predict_logits
from sentrec.metrics.calibration import softmax
from sentrec.models.classifier import TextClassifier, restore_classifier
from sentrec.models.device import find_device
from sentrec.runs.directory import MODEL, TOKENIZER, Run, open_run, read_environment
from sentrec.text.encoding import EncodedTexts, TextEncoder
from sentrec.text.shorten import shortened
from sentrec.text.tokenizer import load_tokenizer
from sentrec.text.vocabulary import fingerprint


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


@dataclass(frozen=True)
class Member:
    """One set of weights of a predictor, and what it reads texts with.

    Attributes:
        run: The run that the weights are from; no ensemble.
        model: The run's model with its weights, on the device that is to compute.
        encoder: What turns texts into its token ids; members that read alike share one.
        share: What its logits are multiplied by before they are added to those of the others.
    """

    run: Run
    model: TextClassifier
    encoder: TextEncoder
    share: float


class Predictor:
    """Classifies texts with a run's weights, tokenizer and temperature, or with those of all members of an ensemble.

    An ensemble's logits are the mean of its members' calibrated logits: a member's logits divided by its temperature,
    so that members of different architectures speak in the same units. That is a geometric mean of their probabilities
    (a logarithmic opinion pool: Heskes 1998), which the ensemble's own temperature then calibrates.

    Args:
        run: The finished run or ensemble.
        members: What to compute its logits with, at least one.
    """

    def __init__(self, run: Run, members: Sequence[Member]) -> None:
        self.run = run
        self.members = tuple(members)
        self.label_names = run.label_names

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.members[0].model.device

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Scores of each class before the temperature, shape ``(len(texts), classes)``, columns as in `label_names`.

        Raises:
            DataError: If something in `texts` is not a string.
        """
        return self.logits_of(self.encode(texts))

    def encode(self, texts: Sequence[str]) -> list[EncodedTexts]:
        """Token ids of texts as each of `members` reads them; those that read alike have one object in common.

        Raises:
            DataError: If something in `texts` is not a string.
        """
        short = [shortened(text) for text in _checked(texts)]
        encoded = {encoder: encoder.encode(short) for encoder in {member.encoder for member in self.members}}
        return [encoded[member.encoder] for member in self.members]

    def logits_of(self, encoded: Sequence[EncodedTexts]) -> npt.NDArray[np.float32]:
        """What `logits` gives, of texts that `encode` has turned into token ids."""
        parts = zip(self.members, encoded, strict=True)
        first, *others = (np.float32(member.share) * predict_logits(member.model, ids) for member, ids in parts)
        return sum(others, start=first)

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
    """Opens a finished run or an ensemble for prediction; needs neither GloVe nor the training data.

    Args:
        run: The run, or its directory, or ``starter``: the model that comes with sentrec.
        device: Where to compute, e.g. ``cpu``; by default CUDA, else MPS, else the CPU.

    Returns:
        The predictor.

    Raises:
        RunError: If the run is missing, unfinished or altered.
        SentrecError: If there is no such device.
    """
    where = find_device(device)
    run = run if isinstance(run, Run) else open_run(run)
    encoders: dict[tuple[object, ...], TextEncoder] = {}
    return Predictor(run, [_load_member(one, share, encoders, where) for one, share in _shares(run)])


def fingerprint_of(run: Run) -> str:
    """A short name that changes with all that a run's or an ensemble's answers depend on.

    That is its weights and words, how it reads texts and what it is built of, its classes and its temperature; of an
    ensemble, all of that for every member.

    Raises:
        RunError: If its environment is missing or broken.
    """
    if run.members:
        return fingerprint([fingerprint_of(member) for member in run.members], run.temperature)
    checksums = read_environment(run.path)["sha256"]
    built = run.recipe.model_dump_json(include={"text", "encoder", "model"})
    return fingerprint([checksums[MODEL], checksums[TOKENIZER], built, *run.label_names], run.temperature)


def _shares(run: Run) -> Iterator[tuple[Run, float]]:
    """The runs whose logits make up those of a run, and what each of them is multiplied by."""
    if not run.members:
        yield run, 1.0
    for member in run.members:
        yield member, 1.0 / (len(run.members) * member.temperature)


def _load_member(
    run: Run, share: float, encoders: dict[tuple[object, ...], TextEncoder], device: torch.device
) -> Member:
    """Reads a run's weights; its encoder is taken from `encoders` where one reads as it does, else added there."""
    model = restore_classifier(run.recipe, run.path / MODEL, len(run.label_names))
    tokenizer, text = (run.path / TOKENIZER).read_bytes(), run.recipe.text
    key = (tokenizer, run.recipe.tokens_read, text.keep)
    if key not in encoders:
        encoders[key] = TextEncoder(load_tokenizer(tokenizer), run.recipe.tokens_read, text.keep)
    return Member(run, model.to(device).eval(), encoders[key], share)


def _checked(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise DataError("texts must be a list of strings, not one string.", 'Write predict(["..."]).')
    texts = list(texts)  # a generator can be read only once
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"text {position + 1} is not a string but a {type(text).__name__}.")
    # Half a surrogate pair is legal in a Python string but is no text; it becomes a question mark.
    return [text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8") for text in texts]

"""A finished run or an ensemble, ready to classify texts: the one place where a directory becomes logits."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from sentrec.errors import RunError
from sentrec.files.parse import read_text
from sentrec.inference.prediction import Classifier, readable
from sentrec.metrics.calibration import softmax
from sentrec.models.base import TextModel, predict_logits
from sentrec.models.contracts import TextReader
from sentrec.models.device import find_device
from sentrec.models.kinds import restore_model
from sentrec.models.star_scores import predict_with_stars
from sentrec.models.stars import star_probabilities
from sentrec.runs.directory import MODEL, TOKENIZER, Run, open_run
from sentrec.text.encoding import EncodedTexts
from sentrec.text.vocabulary import fingerprint


@dataclass(frozen=True)
class Member:
    """One model of a predictor."""

    run: Run  # the run that its weights are from; no ensemble
    model: TextModel  # the run's model, on the device that is to compute
    reader: TextReader  # what encodes texts for it; members that read alike share one
    weight: float  # what its logits are multiplied by before they are added to those of the others


class Predictor(Classifier):
    """Classifies texts with a run's weights, tokenizer and temperature, or with those of all members of an ensemble.

    An ensemble's logits are the mean of its members' calibrated logits: a member's logits divided by its temperature,
    so that members of different architectures speak in the same units. That is a geometric mean of their probabilities
    (a logarithmic opinion pool: Heskes 1998), which the ensemble's own temperature then calibrates.

    Args:
        run: The finished run or ensemble.
        members: What to compute its logits with, at least one.
    """

    def __init__(self, run: Run, members: Sequence[Member]) -> None:
        super().__init__(run.label_names, run.temperature)
        self.run = run
        self.members = tuple(members)

    @property
    def key(self) -> str:
        """Changes with the model and the device."""
        return f"{fingerprint_of(self.run)} {self.device}"

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.members[0].model.device

    def encode(self, texts: Sequence[str]) -> list[EncodedTexts]:
        """Token ids of texts as each of `members` reads them; those that read alike have one object in common."""
        short = readable(texts)
        readers = {member.reader.key: member.reader for member in self.members}
        encoded = {key: reader.encode(short) for key, reader in readers.items()}
        return [encoded[member.reader.key] for member in self.members]

    def logits_of(self, encoded: Sequence[EncodedTexts]) -> npt.NDArray[np.float32]:
        """What `logits` gives, of texts that `encode` has turned into token ids."""
        parts = zip(self.members, encoded, strict=True)
        first, *others = (np.float32(member.weight) * predict_logits(member.model, ids) for member, ids in parts)
        return sum(others, start=first)

    @property
    def tells_stars(self) -> bool:
        """Whether it is a single model with a star head."""
        return len(self.members) == 1 and self.members[0].model.stars is not None

    def stars_of(self, encoded: Sequence[EncodedTexts]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """See `Classifier.stars_of`."""
        if not self.tells_stars:
            return super().stars_of(encoded)
        logits, decisions = predict_with_stars(self.members[0].model, encoded[0])
        probabilities = softmax(logits, self.temperature)
        return probabilities, star_probabilities(probabilities[:, 1], decisions)


def load(run: str | Path | Run, device: str | None = None) -> Predictor:
    """Opens a finished run or an ensemble for prediction; needs neither GloVe nor the training data.

    Args:
        run: The run, or its directory, or ``starter``: the model that comes with sentrec.
        device: Where to compute, e.g. ``cpu``; by default CUDA, else MPS, else the CPU.

    Raises:
        RunError: If the run is missing, unfinished or altered.
        SentrecError: If there is no such device.
    """
    where, run = find_device(device), run if isinstance(run, Run) else open_run(run)
    readers: dict[str, TextReader] = {}  # members that read alike share one
    members = []
    for one in run.members or (run,):
        model = model_of(one)
        reader = readers.setdefault(model.text_reader.key, model.text_reader)
        weight = 1.0 / (len(run.members) * one.temperature) if run.members else 1.0
        members.append(Member(one, model.to(where).eval(), reader, weight))
    return Predictor(run, members)


def model_of(run: Run) -> TextModel:
    """The model of a run that is no ensemble, on the CPU; a `RunError` if it rates by facts, or a file was altered."""
    if run.recipe.data.facts is not None:
        hint = f"Rate a table: sentrec rate {run.place} FILE"
        raise RunError(f"{run.place} rates items by their facts, and classifies no texts.", hint)
    return restore_model(run.recipe, read_text(run.path / TOKENIZER, RunError), len(run.label_names), run.path / MODEL)


def fingerprint_of(run: Run) -> str:
    """A short name that changes with all that the answers of a run or an ensemble depend on."""
    if run.members:
        return fingerprint([fingerprint_of(member) for member in run.members], run.temperature)
    checksums = run.environment["sha256"]
    built = run.recipe.model_dump_json(include={"text", "encoder", "model"})
    return fingerprint([checksums[MODEL], checksums[TOKENIZER], built, *run.label_names], run.temperature)


def _compute_in_one_thread() -> None:
    # The OpenMP threads that torch started do not exist in a forked process, which would wait for them for ever.
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_compute_in_one_thread)

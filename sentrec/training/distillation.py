"""Batches of texts beside the labelled ones; distillation: a teacher's probabilities of texts without labels."""

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentrec import __version__
from sentrec.errors import RecipeError
from sentrec.files.storage import cached_array
from sentrec.inference.predictor import fingerprint_of, load
from sentrec.metrics.calibration import fit_temperature, softmax
from sentrec.models.base import ClosedFormModel, TextModel, predict_logits
from sentrec.models.contracts import ClosedFormData
from sentrec.recipe.schema import Recipe
from sentrec.runs.directory import Run
from sentrec.runs.references import match_teacher
from sentrec.text.encoding import EncodedTexts
from sentrec.text.padding import plan_batches
from sentrec.text.vocabulary import fingerprint
from sentrec.training.prepare import PreparedData

_SEED = 7_001
"""Sets the order of unlabelled texts apart from that of the labelled ones."""
_log = logging.getLogger(__name__)


class TextStream:
    """Endless batches of texts beside the labelled ones, shuffled anew in every pass.

    Which texts a batch holds depends on the recipe and on its number alone, so that a resumed training meets the same.
    `targets` are a teacher's probabilities, ``(texts, classes)``, or what is known of stars, ``(texts, 3)``; float32.
    """

    def __init__(self, recipe: Recipe, encoded: EncodedTexts, targets: npt.NDArray[np.float32]) -> None:
        self.recipe = recipe
        self.encoded = encoded
        self.targets = torch.from_numpy(targets)
        self._passes = 0
        self._first = 0
        self._plan: list[npt.NDArray[np.int64]] = []

    def rows(self, number: int) -> tuple[npt.NDArray[np.int64], Tensor]:
        """The rows of the batch of that number, from 0, and their targets."""
        if number < self._first:
            self._passes, self._first, self._plan = 0, 0, []
        while number >= self._first + len(self._plan):
            self._first += len(self._plan)
            self._plan = self._plan_pass()
        rows = self._plan[number - self._first]
        return rows, self.targets[rows]

    def _plan_pass(self) -> list[npt.NDArray[np.int64]]:
        generator = np.random.default_rng([self.recipe.seed, _SEED, self._passes])
        self._passes += 1
        tokens = self.recipe.objective.unlabelled_tokens
        # Tokens alone bound a batch: how many unlabelled texts share a step with the labelled ones is theirs to say.
        return plan_batches(self.encoded.lengths(), len(self.encoded), tokens, generator)


def unlabelled_texts(recipe: Recipe, model: TextModel, data: PreparedData, *, is_fitted: bool) -> TextStream:
    """The texts without labels, with the probabilities of the recipe's teacher: a run, or the model's own n-grams.

    `is_fitted` says that its n-grams were fitted already, as those of a checkpoint are.
    """
    assert data.unlabelled is not None  # the recipe's own check
    if data.teacher is not None:
        targets = _teachers_probabilities(data.teacher, data, str(model.device))
    else:
        assert model.closed_form is not None  # the recipe's own check
        targets = _own_probabilities(model.closed_form, data, data.unlabelled, is_fitted)
    return TextStream(recipe, model.training_view(data.unlabelled), targets)


def starred_texts(recipe: Recipe, model: TextModel, data: PreparedData) -> TextStream | None:
    """The texts that the star head learns from; None where the recipe has none."""
    if data.stars is None:
        return None
    if model.stars is None:
        raise RecipeError(f"{recipe.encoder_name} has no star head.", "Leave it out: --set objective.stars=0")
    return TextStream(recipe, model.training_view(data.stars.train), data.stars.decisions)


def _teachers_probabilities(teacher: Run, data: PreparedData, device: str) -> npt.NDArray[np.float32]:
    """Those of the teacher for the unlabelled texts, then those of sentences; see `training.beside.Sentences`."""
    found = teacher_probabilities(teacher, data.unlabelled_texts, data.label_names, device)
    if data.sentences is None:
        return found
    sentences = data.sentences
    return np.concatenate([found, teacher_probabilities(sentences.teacher, sentences.texts, data.label_names, device)])


def teacher_probabilities(
    teacher: Run, texts: Sequence[str], label_names: Sequence[str], device: str
) -> npt.NDArray[np.float32]:
    """A run's or an ensemble's calibrated probabilities of texts, float32, ``(texts, classes)``, as `label_names`.

    They are kept in the cache folder: every seed and every student of the same teacher needs the same, which takes
    minutes.
    """
    match = match_teacher(teacher, label_names)
    # Another device, torch or sentrec rounds otherwise.
    key = fingerprint(texts, fingerprint_of(teacher), torch.device(device).type, torch.__version__, __version__)

    def asked() -> npt.NDArray[np.float32]:
        _log.info("%s labels %s texts", teacher.path, f"{len(texts):,}")
        return load(teacher, device).predict_proba(texts).astype(np.float32)

    found: npt.NDArray[np.float32] = cached_array(f"teachers/{key}", len(texts), asked)
    return found[:, match.numbers]


def _own_probabilities(
    ngrams: ClosedFormModel, data: PreparedData, unlabelled: EncodedTexts, is_fitted: bool
) -> npt.NDArray[np.float32]:
    labels = data.splits.validation.labels
    if not is_fitted:
        ngrams.fit(ClosedFormData(data.train, data.splits.train.labels, data.validation, labels, unlabelled))
    ngrams.is_fitted = True
    _log.info("the model's n-grams label %s texts", f"{len(unlabelled):,}")
    temperature = fit_temperature(predict_logits(ngrams, data.validation), labels)
    return softmax(predict_logits(ngrams, unlabelled), temperature).astype(np.float32)

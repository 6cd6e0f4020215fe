"""What a teacher says of the unlabelled texts: the model's own n-grams, or another run or ensemble."""

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sentrec.evaluation.calibration import fit_temperature, softmax
from sentrec.model.wide import WideChannel
from sentrec.predictor import load
from sentrec.recipe.teacher import match_teacher
from sentrec.runs import Run
from sentrec.training.prepare import PreparedData
from sentrec.training.wide import fit_ngrams, wide_logits

_log = logging.getLogger(__name__)


def ask_run(teacher: Run, data: PreparedData, device: str) -> npt.NDArray[np.float32]:
    """A run's or an ensemble's calibrated probabilities of the unlabelled texts.

    Args:
        teacher: It knows the data's classes, in whatever order.
        data: What there is to learn from, unlabelled texts included.
        device: Where to compute.

    Returns:
        Float32, shape ``(texts, classes)``, columns in the order of the data's classes.
    """
    _tell(str(teacher.path), data.unlabelled_texts)
    match = match_teacher(teacher, data.label_names)
    return load(teacher, device).predict_proba(data.unlabelled_texts)[:, match.numbers].astype(np.float32)


def ask_ngrams(wide: WideChannel, data: PreparedData, *, fitted: bool) -> npt.NDArray[np.float32]:
    """The calibrated probabilities that a model's own n-grams give the unlabelled texts.

    Args:
        wide: The channel of the model that is to learn.
        data: What there is to learn from, unlabelled texts included.
        fitted: Whether the channel has learned from the training rows already.

    Returns:
        Float32, shape ``(texts, classes)``.
    """
    assert data.unlabelled is not None  # the recipe's own check
    if not fitted:
        fit_ngrams(wide, data)
    _tell("the wide channel", data.unlabelled_texts)
    temperature = fit_temperature(wide_logits(wide, data.validation), data.splits.validation.labels)
    return softmax(wide_logits(wide, data.unlabelled), temperature).astype(np.float32)


def _tell(teacher: str, texts: Sequence[str]) -> None:
    _log.info("%s labels %s texts", teacher, f"{len(texts):,}")

"""What a teacher says of the unlabelled texts: the model's own n-grams, or another run or ensemble."""

import logging

import numpy as np
import numpy.typing as npt

from sentrec.errors import RecipeError
from sentrec.evaluation.calibration import fit_temperature, softmax
from sentrec.evaluation.label_matching import matching_classes
from sentrec.model.wide import WideChannel
from sentrec.predictor import load
from sentrec.recipe.schema import WIDE_TEACHER
from sentrec.runs import open_run
from sentrec.training.prepare import PreparedData
from sentrec.training.wide import wide_logits

_log = logging.getLogger(__name__)


def teach(name: str, wide: WideChannel | None, data: PreparedData) -> npt.NDArray[np.float32]:
    """A teacher's calibrated probabilities of the unlabelled texts.

    Args:
        name: The recipe's `objective.teacher`.
        wide: The channel of the model that is to learn, fitted, if it is to teach.
        data: What there is to learn from, unlabelled texts included.

    Returns:
        Float32, shape ``(texts, classes)``, columns in the order of the data's classes.

    Raises:
        RecipeError: If the teacher cannot be used, or knows other classes.
    """
    assert data.unlabelled is not None  # a recipe with a teacher has unlabelled texts
    _log.info("%s labels %s texts", name, f"{len(data.unlabelled):,}")
    if name == WIDE_TEACHER:
        assert wide is not None  # the recipe's own check
        temperature = fit_temperature(wide_logits(wide, data.validation), data.splits.validation.labels)
        return softmax(wide_logits(wide, data.unlabelled), temperature).astype(np.float32)
    teacher = load(open_run(name))
    match = matching_classes(teacher.label_names, data.label_names)
    if match is None:
        theirs, ours = ", ".join(teacher.label_names), ", ".join(data.label_names)
        raise RecipeError(f"objective.teacher: {name} knows other classes ({theirs}) than the data has ({ours}).")
    return teacher.predict_proba(data.unlabelled_texts)[:, match.numbers].astype(np.float32)

"""Star decisions of many texts, and the calibration of the star head on such."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentrec.data.batches import Batch
from sentrec.models.base import TextModel, computed
from sentrec.models.stars import DECISIONS, REGRESSORS
from sentrec.text.encoding import EncodedTexts


def predict_with_stars(
    model: TextModel, encoded: EncodedTexts
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The logits of `predict_logits`, and the star head's calibrated decisions, ``(texts, 3)``."""
    assert model.stars is not None  # or nobody would ask
    found = _star_scores(model, model.stars.calibrated, encoded, DECISIONS)
    return found[:, : model.classes], found[:, model.classes :]


def fit_stars(model: TextModel, encoded: EncodedTexts, decisions: npt.NDArray[np.float32]) -> None:
    """Calibrates the star head on texts that were not learned from; `decisions` are 1, 0 or NaN, ``(texts, 3)``."""
    assert model.stars is not None  # the recipe asks for it
    found = _star_scores(model, model.stars.regressors, encoded, REGRESSORS)
    model.stars.fit(found[:, model.classes :], decisions)


def _star_scores(
    model: TextModel, function: Callable[[Tensor, Tensor, Tensor], Tensor], encoded: EncodedTexts, width: int
) -> npt.NDArray[np.float32]:
    def scores(batch: Batch) -> Tensor:
        logits, decisions = model.with_decisions(batch)
        return torch.cat([logits, function(decisions, logits, batch.mask.sum(dim=1))], dim=1)

    return computed(model, scores, encoded, np.zeros((len(encoded), model.classes + width), np.float32))

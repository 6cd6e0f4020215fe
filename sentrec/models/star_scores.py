"""Star decisions of many texts, and the calibration of the star head on such."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentrec.data.batches import Batch
from sentrec.data.polarity import NEUTRAL
from sentrec.metrics.calibration import softmax
from sentrec.models.base import TextModel, computed
from sentrec.models.contracts import LinearChange
from sentrec.models.stacked import StackedModel
from sentrec.models.stars import DECISIONS, REGRESSORS, star_probabilities
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


def stars_meant(names: Sequence[str], source: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """The probability of each class given one to five stars, ``(5, classes)``; None where they are no stars.

    Args:
        names: One's own classes: 1 to 5, 1 to 10, or the two of `source` and neutral; three of them at least.
        source: The classes of the model with a star head.
    """
    if set(names) == {*source, NEUTRAL} and len(source) == 2:
        stars = [{source[0]: {1, 2}, NEUTRAL: {3}, source[1]: {4, 5}}[name] for name in names]
    elif len(names) > 2 and all(name.isdecimal() and 1 <= int(name) <= 10 for name in names):
        numbers = np.array(names, dtype=int)
        stars = [{one} for one in (np.ceil(numbers / 2) if numbers.max() > 5 else numbers).astype(int).tolist()]
    else:
        return None
    meant = np.array([[star in one for one in stars] for star in range(1, 6)], dtype=np.float64)
    return np.asarray(meant / np.maximum(meant.sum(axis=1, keepdims=True), 1))


def linear_weights(
    model: TextModel, encoded: EncodedTexts, temperature: float, meant: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """What makes logits of classes of what a model with a star head says of these texts; no label is needed.

    Args:
        model: It has a star head.
        encoded: The texts.
        temperature: The model's.
        meant: As `stars_meant` gives it.

    Returns:
        Weights of the three decisions, the margin and a constant, shape ``(5, classes)``: by them, a multinomial
        logistic regression comes closest to the star head's probabilities.
    """
    from sklearn.linear_model import LogisticRegression

    assert model.stars is not None  # or nobody would ask
    found = _star_scores(model, model.stars.regressors, encoded, REGRESSORS)
    logits, regressors = found[:, : model.classes], found[:, model.classes :]
    decisions = regressors @ model.stars.calibration.cpu().numpy().T
    probabilities = star_probabilities(softmax(logits, temperature)[:, 1], decisions) @ meant
    classes = meant.shape[1]
    rows, labels = np.repeat(regressors[:, : DECISIONS + 1], classes, axis=0), np.tile(np.arange(classes), len(found))
    fitted = LogisticRegression(C=10.0, max_iter=1000).fit(rows, labels, probabilities.ravel())
    return np.vstack([fitted.coef_.T, fitted.intercept_])


def start_from_stars(model: TextModel, source: TextModel, weights: npt.NDArray[np.float64]) -> None:
    """Starts a model from a source with a star head, by what `linear_weights` gives for its classes."""
    assert source.stars is not None  # or nobody would ask
    model.start_from(source, None)
    first, second = source.mixing_weights.tolist() if isinstance(source, StackedModel) else (1.0, 1.0)
    head, stars = source.gradient_model.head, source.stars
    of = np.vstack([weights[:DECISIONS], first * weights[DECISIONS]])
    columns = torch.cat([stars.weight, head.weight[1:] - head.weight[:1]]).detach().cpu().numpy()
    bias = torch.cat([stars.bias, head.bias[1:] - head.bias[:1]]).detach().cpu().numpy()
    changes, constant = [LinearChange(columns.T @ of, None)], weights[-1] + bias @ of
    if model.closed_form is not None:
        changes.append(LinearChange(np.zeros((0, weights.shape[1])), np.zeros(0, dtype=np.int64)))
    if isinstance(source, StackedModel):  # whose margin is partly that of its n-grams
        of_ngrams = second * weights[[DECISIONS]]
        changes[-1] = LinearChange(source.ngrams.weights.cpu().numpy() @ of_ngrams, None)
        constant = constant + source.ngrams.bias.cpu().numpy() @ of_ngrams
    model.shift(changes, constant)


def _star_scores(
    model: TextModel, function: Callable[[Tensor, Tensor, Tensor], Tensor], encoded: EncodedTexts, width: int
) -> npt.NDArray[np.float32]:
    def scores(batch: Batch) -> Tensor:
        logits, decisions = model.with_decisions(batch)
        return torch.cat([logits, function(decisions, logits, batch.mask.sum(dim=1))], dim=1)

    return computed(model, scores, encoded, np.zeros((len(encoded), model.classes + width), np.float32))

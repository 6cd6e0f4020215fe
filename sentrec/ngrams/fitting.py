"""Fitting the wide channel: n-gram weights on the training rows, the shares of both channels on validation."""

import logging
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import optimize, sparse

from sentrec.data.batches import iterate_batches, plan_batches
from sentrec.inference.logits import INFERENCE_BATCH_SIZE, INFERENCE_BATCH_TOKENS
from sentrec.metrics.calibration import softmax
from sentrec.models.classifier import NgramClassifier
from sentrec.ngrams.baselines import NaiveBayesLogisticRegression
from sentrec.ngrams.linear import WideChannel
from sentrec.ngrams.lsa import LatentWeights, fit_latent_weights
from sentrec.recipe.sections import NGRAMS_TEACHER, NgramsConfig
from sentrec.text.encoding import EncodedTexts, join_texts
from sentrec.training.loop import TrainingLoop
from sentrec.training.prepare import PreparedData

_log = logging.getLogger(__name__)


def fit_wide_channel(loop: TrainingLoop, data: PreparedData) -> dict[str, Any] | None:
    """Fits the wide channel of a model whose encoder, if it has one, is trained, and switches it on.

    The n-grams are weighted as in Wang and Manning 2012, see `NaiveBayesLogisticRegression`. The two channels are then
    stacked: the validation rows, which neither has learned from, tell how much each is to be trusted; where n-grams
    learn from excerpts, the excerpts of these rows have a say, too.

    Args:
        loop: The loop after its last step, with the weights that are to be kept.
        data: What it was trained on.

    Returns:
        Validation accuracy of each channel alone and of both, and their shares; None where there is no encoder.
    """
    wide = loop.model.wide
    assert wide is not None  # the caller asks only for models that have one
    if loop.recipe.objective.teacher != NGRAMS_TEACHER:
        fit_ngrams(wide, data, _taught(loop))
    if isinstance(loop.model, NgramClassifier):
        return None
    labels = data.splits.validation.labels
    texts, rows = _with_excerpts(data.validation, wide.crops)
    deep, alone = loop.logits(texts), wide_logits(wide, texts)
    shares = fit_shares(deep, alone, labels[rows])
    wide.shares.copy_(torch.tensor(shares))
    wide.active = True
    joined = shares[0] * deep + shares[1] * alone
    accuracies = {name: of[: len(labels)] for name, of in (("deep", deep), ("wide", alone), ("both", joined))}
    return {
        "validation_accuracy": {name: float((of.argmax(axis=1) == labels).mean()) for name, of in accuracies.items()},
        "shares": {"deep": shares[0], "wide": shares[1]},
    }


def fit_ngrams(wide: WideChannel, data: PreparedData, taught: npt.NDArray[np.float32] | None = None) -> None:
    """Fills the channel's table from the training rows; a channel that teaches must know them before the encoder.

    Args:
        wide: The channel.
        data: What there is to learn from.
        taught: A teacher's probabilities of the unlabelled texts, shape ``(texts, classes)``: these are learned from,
            too, each as of its likeliest class. That gives the n-grams what a teacher sees in the order of words, and
            three times the words (Hinton et al. 2015; pseudo-labels: Lee 2013).
    """
    texts, labels = data.train, data.splits.train.labels
    if taught is not None:
        assert data.unlabelled is not None  # they were taught
        texts, labels = join_texts(texts, data.unlabelled), np.concatenate([labels, taught.argmax(axis=1)])
    _log.info("Fitting the wide channel on %s texts", f"{len(texts):,}")
    texts, rows = _with_excerpts(texts, wide.crops)
    unlabelled = data.unlabelled if taught is None else None
    _fit_weights(wide, count_ngrams(wide, texts), rows, labels, len(data.label_names), unlabelled)


def fit_ngrams_like(
    wide: WideChannel, config: NgramsConfig, features: sparse.csr_matrix, labels: npt.NDArray[np.int64]
) -> WideChannel:
    """A channel of the same n-grams, which counts them likewise up to a factor, fitted on other texts.

    Args:
        wide: The one that it is like; it stays as it is.
        config: What that was made from. The intercept is fitted all the same: the texts are as long as those to come.
        features: What n-grams count in these texts, see `count_ngrams`.
        labels: Class numbers, shape ``(texts,)``; each class has some.
    """
    other = WideChannel(config.model_copy(update={"intercept": "fitted"}), wide.classes)
    other.scaling.copy_(wide.scaling)
    _fit_weights(other, features.copy(), np.arange(len(labels)), labels, wide.classes)
    return other


def _with_excerpts(texts: EncodedTexts, tokens: int | None) -> tuple[EncodedTexts, npt.NDArray[np.int64]]:
    """The texts, then the beginnings and the ends of the longer ones; and which text each of all these is of."""
    rows = np.arange(len(texts))
    longer = rows[texts.lengths() > tokens] if tokens is not None else rows[:0]
    if tokens is None or not len(longer):
        return texts, rows
    whole = texts.take(longer)
    for keep in ("head", "tail"):
        texts = join_texts(texts, whole.cut(tokens, keep))
    return texts, np.concatenate([rows, longer, longer])


def _taught(loop: TrainingLoop) -> npt.NDArray[np.float32] | None:
    wide, unlabelled = loop.recipe.model.ngrams, loop.unlabelled
    if wide is None or not wide.pseudo_labels or unlabelled is None:
        return None
    return unlabelled.targets.numpy()


def fit_shares(
    deep: npt.NDArray[np.float32], wide: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """The non-negative weights of two classifiers' logits with the lowest log loss on rows that neither has seen.

    Args:
        deep: Logits of the one, shape ``(rows, classes)``.
        wide: Logits of the other.
        labels: Class numbers, shape ``(rows,)``.
    """
    rows = np.arange(len(labels))

    def log_loss(shares: npt.NDArray[np.float64]) -> float:
        likelihood = softmax(shares[0] * deep + shares[1] * wide)[rows, labels]
        return float(-np.log(np.clip(likelihood, 1e-12, 1.0)).mean())

    found = optimize.minimize(log_loss, [0.5, 0.5], bounds=[(0.0, 10.0)] * 2, method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])


def count_ngrams(wide: WideChannel, encoded: EncodedTexts) -> sparse.csr_matrix:
    """What each n-gram of each text counts, 0 where it does not occur: the features of the channel's linear model.

    Returns:
        Float32 with int32 indices, shape ``(texts, slots)``.
    """
    columns: list[npt.NDArray[np.int32]] = [np.empty(0, dtype=np.int32)] * len(encoded)
    plan = plan_batches(encoded.lengths(), INFERENCE_BATCH_SIZE, INFERENCE_BATCH_TOKENS)
    for batch in iterate_batches(encoded, plan):
        slots, counts = wide.occurring(batch.token_ids, batch.mask)
        for row, found, counted in zip(batch.rows, slots.numpy(), counts.numpy(), strict=True):
            columns[row] = found[counted]
    occurring = np.fromiter(map(len, columns), dtype=np.int64, count=len(columns))
    values = wide.values(torch.from_numpy(occurring).to(wide.scaling.device)).cpu().numpy()
    starts = np.concatenate([[0], np.cumsum(occurring)])
    # SciPy widens all indices to 64 bits if the row starts have as many.
    starts = starts.astype(np.int32 if starts[-1] <= np.iinfo(np.int32).max else np.int64)
    shape = (len(encoded), wide.slots)
    return sparse.csr_matrix((np.repeat(values, occurring), np.concatenate(columns), starts), shape=shape)


def _fit_weights(
    wide: WideChannel,
    features: sparse.csr_matrix,
    rows: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    classes: int,
    unlabelled: EncodedTexts | None = None,
) -> None:
    labels = labels[rows]
    # Whatever the length of texts and its power, an n-gram counts 1 on average: what the linear model was tuned for.
    factor = 1.0 / float(features.data.mean(dtype=np.float64))
    features.data *= factor
    wide.scaling[0] *= factor
    latent = _fit_latent(wide, features, rows, labels, unlabelled) if len(np.unique(labels)) == classes else None
    fitted = NaiveBayesLogisticRegression(wide.fit_intercept)
    fitted.fit(features, labels, classes, latent.margins if latent else None)
    kept, weights, bias = fitted.linear_weights()
    wide.weights.zero_()
    wide.weights[torch.from_numpy(kept)] = torch.from_numpy(weights).to(wide.weights)
    wide.bias.copy_(torch.from_numpy(bias))
    if latent:
        shares = fitted.shares().astype(np.float32)
        wide.weights[torch.from_numpy(latent.slots)] += torch.from_numpy(latent.weights * shares).to(wide.weights)
        wide.bias.add_(torch.from_numpy(latent.bias * shares).to(wide.bias))


def _fit_latent(
    wide: WideChannel,
    features: sparse.csr_matrix,
    rows: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    unlabelled: EncodedTexts | None,
) -> LatentWeights | None:
    if wide.lsa is None:
        return None
    more = count_ngrams(wide, unlabelled) if unlabelled is not None else None
    texts = rows.max() + 1 + (len(unlabelled) if unlabelled is not None else 0)
    _log.info("Finding %s latent dimensions in %s texts", wide.lsa, f"{texts:,}")
    return fit_latent_weights(features, labels, more, wide.lsa, wholes=rows, fit_intercept=wide.fit_intercept)


def wide_logits(wide: WideChannel, encoded: EncodedTexts) -> npt.NDArray[np.float32]:
    """Scores of a fitted channel alone, shape ``(texts, classes)``."""
    logits = np.zeros((len(encoded), max(2, len(wide.bias))), dtype=np.float32)
    device = wide.weights.device
    plan = plan_batches(encoded.lengths(), INFERENCE_BATCH_SIZE, INFERENCE_BATCH_TOKENS)
    with torch.inference_mode():
        for batch in iterate_batches(encoded, plan):
            logits[batch.rows] = wide.logits(batch.token_ids.to(device), batch.mask.to(device)).cpu().numpy()
    return logits

"""Going on from a trained model by MAP adaptation of its linear weights: the head, and n-grams where it has some.

Chelba and Acero 2004: the prior mean of each weight is the source's, see `sentrec.training.prior`. No gradient step is
taken: the problem is convex. How to learn from a few hundred rows was chosen on held-out training rows of DVD,
electronics and Amazon reviews, for two models of IMDB reviews. With 200 labels this gained 1.6 to 1.8 points over the
source; fine-tuning every weight by gradients gained 0.6 and took many times as long. The starter, which knows more,
gains 0.1 to 1.2 points. The prior's spread matters little.

Texts without labels add more where they are of another domain than the source's: n-grams fitted on a thousand of them
with the adapted model's pseudo-labels (self-training: Yarowsky 1995) made the starter's gain with 200 labels 3.2 points
instead of 1.2 on electronics and 0.7 instead of 0.1 on Amazon; on DVDs it stayed at 0.2 to 0.3.

Stars of one's own, 1 to 5 or 1 to 10, are gone on to from the source's star head, where it has one: a linear model of
them that says the same to begin with.

Whether adaptation pays is asked of the rows themselves: cross-validation compares the source, the adapted model and
mixtures of both, and the best is kept. All rows then take part in the final fit, the validation rows included.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sentrec.errors import listed
from sentrec.inference.predictor import model_of
from sentrec.metrics.calibration import fit_temperature, log_loss, softmax
from sentrec.models.base import ClosedFormModel, TextModel, predict_logits
from sentrec.models.contracts import Features, LinearChange
from sentrec.models.star_scores import linear_weights, stars_meant, start_from_stars
from sentrec.runs.directory import Run
from sentrec.text.encoding import EncodedTexts, join_texts
from sentrec.training.loop import TrainingLoop
from sentrec.training.prepare import PreparedData
from sentrec.training.prior import Block, Change, Logits, Rows, fit_change, held_out_logits

_DENSE_SPREAD = 1.0
_SPARSE_SPREAD = 2.0
_PSEUDO_LABEL_SPREAD = 2.0
_FEWEST_TEXTS = 2
_FOLDS = 5
_MIXTURES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the change that cross-validation chooses from: 0 is the source as it is, 1 the adapted model."""

_TELLING = 0.95
"""The log loss of a star head, as a multiple of that of the classes' shares, up to which it is gone on from."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Adapted:
    """What came of a model."""

    facts: dict[str, Any]  # for the run's metrics, in plain JSON types
    held_out: Logits  # of training and validation rows, each by a model adapted without it: ``(rows, classes)``
    labels: npt.NDArray[np.int64]  # their class numbers
    validation: Logits  # the part of `held_out` that is of the validation rows


def start_from_source(model: TextModel, data: PreparedData) -> None:
    """Starts a model from its source: from its classes, or its star head, or with a head of zeros."""
    assert data.source is not None
    source, match = model_of(data.source), data.source_classes
    meant = None if match or source.stars is None else stars_meant(data.label_names, data.source.label_names)
    if meant is None:
        model.start_from(source, match.numbers if match else None)
        return
    texts = join_texts(data.train, data.validation)
    start_from_stars(model, source, linear_weights(source, texts, data.source.temperature, meant))
    labels = np.concatenate([data.splits.train.labels, data.splits.validation.labels])
    shares = np.bincount(labels, minlength=len(data.label_names)) / len(labels)
    logits = predict_logits(model, texts).astype(np.float64)
    at_most = _TELLING * -np.log(shares[labels]).mean()
    if log_loss(softmax(logits, fit_temperature(logits, labels)), labels) > at_most:
        model.start_from(source, None)  # numbers that mean no stars


def adapt(loop: TrainingLoop, data: PreparedData) -> Adapted:
    """Adapts the linear weights of a model that starts from its source, as far as cross-validation says it pays."""
    model, train, source = loop.model, data.splits.train, data.source
    assert source is not None  # nothing else is adapted
    labels = np.concatenate([train.labels, data.splits.validation.labels])
    learner = _Learner(model, join_texts(data.train, data.validation), labels, data.unlabelled)
    before = learner.before
    held_out = held_out_logits(learner.added, before, labels, _FOLDS, loop.recipe.data.split_seed)
    is_told = bool(before.any())  # or the head is new
    share = _best_share(before, held_out, labels) if is_told else 1.0
    facts: dict[str, Any] = {"cross_fitted_accuracy": _accuracy(held_out, labels), "share": share}
    _log_classes(source, data, is_told)
    if is_told:
        facts["cross_fitted_accuracy_before"] = _accuracy(before, labels)
        facts["test_accuracy_before"] = _accuracy(predict_logits(model, data.test), data.splits.test.labels)
        _log_choice(facts, len(labels))
        _warn_of_swapped(source, data, facts["cross_fitted_accuracy_before"], len(labels))
    if share:
        learned = learner.learn(np.arange(len(labels)))
        _log_pseudo_labels(learned, data)
        learner.apply(learned, share)
    kept = before + share * (held_out - before)
    facts["ngrams"] = sum(len(columns) for columns in learner.columns if columns is not None)
    return Adapted(facts, kept, labels, kept[len(train) :])


@dataclass(frozen=True)
class _Learned:
    """What was learned from some rows."""

    change: Change  # of the weights; where there is a model of pseudo-labels, its last block says how to mix that in
    of_pseudo_labels: ClosedFormModel | None = None  # n-grams fitted on the texts without labels
    counts: npt.NDArray[np.int64] | None = None  # pseudo-labels by class, where there are such texts


class _Learner:
    """Learns from any of the rows, so that the others can be answered without having been learned from."""

    def __init__(
        self, model: TextModel, texts: EncodedTexts, labels: npt.NDArray[np.int64], unlabelled: EncodedTexts | None
    ) -> None:
        self._model, self._texts, self._labels = model, texts, labels
        self.before = predict_logits(model, texts).astype(np.float64)
        features = model.linear_features(texts)
        self._centers = [None if sparse.issparse(one) else one.mean(axis=0) for one in features]
        self.columns = [_frequent(one) if sparse.issparse(one) else None for one in features]
        self._blocks = self._as_blocks(features)
        self._unlabelled: tuple[Features, list[Block], npt.NDArray[np.float32]] | None = None
        if unlabelled is not None:
            more = model.linear_features(unlabelled)
            self._unlabelled = more[-1], self._as_blocks(more), predict_logits(model, unlabelled)

    def learn(self, rows: Rows) -> _Learned:
        """Learns from these rows, and from texts without labels by the pseudo-labels of the model so adapted."""
        blocks, before, labels = [block.take(rows) for block in self._blocks], self.before[rows], self._labels[rows]
        change = fit_change(blocks, before, labels)
        ngrams = self._model.closed_form
        if self._unlabelled is None or ngrams is None:
            return _Learned(change)
        features, theirs, logits = self._unlabelled
        pseudo_labels = (logits + change.logits(theirs)).argmax(axis=1)
        counts = np.bincount(pseudo_labels, minlength=before.shape[1])
        if not counts.all():
            return _Learned(change, None, counts)
        fitted = ngrams.fitted_like(features, pseudo_labels)
        return _Learned(fit_change([*blocks, *self._logits_of(fitted, rows)], before, labels), fitted, counts)

    def added(self, outside: Rows, inside: Rows) -> Logits:
        """What is to be added to the logits of the rows `inside`, learned from those `outside`."""
        learned = self.learn(outside)
        blocks = [block.take(inside) for block in self._blocks]
        return learned.change.logits([*blocks, *self._logits_of(learned.of_pseudo_labels, inside)])

    def apply(self, learned: _Learned, share: float) -> None:
        """Adds a share of a change to the model's weights."""
        weights, bias = [share * one for one in learned.change.weights], share * learned.change.bias
        changes = []
        for center, columns, added in zip(self._centers, self.columns, weights, strict=False):
            changes.append(LinearChange(added, columns))
            bias = bias if center is None else bias - center @ added
        self._model.shift(changes, bias)
        if learned.of_pseudo_labels is not None and self._model.closed_form is not None:
            self._model.closed_form.add(learned.of_pseudo_labels, weights[-1])

    def _as_blocks(self, features: Sequence[Features]) -> list[Block]:
        return [
            Block(one[:, columns], _SPARSE_SPREAD) if center is None else Block(one - center, _DENSE_SPREAD)
            for one, center, columns in zip(features, self._centers, self.columns, strict=True)
        ]

    def _logits_of(self, fitted: ClosedFormModel | None, rows: Rows) -> list[Block]:
        if fitted is None:
            return []
        return [Block(predict_logits(fitted, self._texts.take(rows)).astype(np.float64), _PSEUDO_LABEL_SPREAD)]


def _frequent(features: sparse.csr_matrix) -> npt.NDArray[np.int64]:
    """The columns that several texts have."""
    return np.flatnonzero(np.bincount(features.indices, minlength=features.shape[1]) >= _FEWEST_TEXTS)


def _best_share(before: Logits, after: Logits, labels: npt.NDArray[np.int64]) -> float:
    """The share of the change with the lowest log loss of calibrated, cross-fitted probabilities."""

    def loss(share: float) -> float:
        logits = before + share * (after - before)
        return log_loss(softmax(logits, fit_temperature(logits, labels)), labels)

    return min(_MIXTURES, key=loss)


def _log_choice(facts: dict[str, Any], rows: int) -> None:
    share = facts["share"]
    kept = f"a mixture with {share:.0%} of the change"
    _log.info(
        "Cross-validation on %s rows: %.1f %% with the source as it is, %.1f %% adapted. Keeping %s",
        f"{rows:,}",
        100 * facts["cross_fitted_accuracy_before"],
        100 * facts["cross_fitted_accuracy"],
        {0.0: "the source as it is", 1.0: "the adapted model"}.get(share, kept),
    )


def _log_pseudo_labels(learned: _Learned, data: PreparedData) -> None:
    if learned.counts is None:
        return
    counts = ", ".join(f"{count:,} {name}" for name, count in zip(data.label_names, learned.counts, strict=True))
    if learned.of_pseudo_labels is None:
        _log.warning("Nothing is learned from the unlabelled texts: their pseudo-labels are %s", counts)
    else:
        _log.info("Learning from the unlabelled texts by pseudo-labels: %s", counts)


def _log_classes(source: Run, data: PreparedData, is_told: bool) -> None:
    names, match = data.label_names, data.source_classes
    if match is not None:
        _log.info("Starting from %s. %s", source.place, match.note or f"Its classes: {', '.join(source.label_names)}.")
        return
    if is_told:
        _log.info("Starting from the star head of %s, which tells your classes: %s.", source.place, listed(names))
        return
    hint = ""
    if len(names) == len(source.label_names):
        pairs = ", ".join(f"{own}: {other}" for own, other in zip(names, source.label_names, strict=True))
        hint = f" If they mean the same, say so: --set 'init={{run: {source.place}, labels: {{{pairs}}}}}'"
    ours, theirs = listed(names), listed(source.label_names)
    _log.warning("Your classes (%s) are not those of %s (%s): they get a new head.%s", ours, source.place, theirs, hint)


def _warn_of_swapped(source: Run, data: PreparedData, accuracy: float, rows: int) -> None:
    """Warns where a source of two classes is right on far fewer rows than by chance (two standard errors)."""
    match = data.source_classes
    if match is None or len(match.numbers) != 2 or accuracy > 0.5 - rows**-0.5:
        return
    pairs = zip(data.label_names, reversed(match.numbers), strict=True)
    swapped = ", ".join(f"{own}: {source.label_names[number]}" for own, number in pairs)
    _log.warning(
        "The source %s is right on only %.1f %% of these rows: the labels look swapped. If they are: "
        "--set 'init={run: %s, labels: {%s}}'",
        source.place,
        100 * accuracy,
        source.place,
        swapped,
    )


def _accuracy(logits: npt.NDArray[Any], labels: npt.NDArray[np.int64]) -> float:
    return float((logits.argmax(axis=1) == labels).mean())

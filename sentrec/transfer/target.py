"""The rows of a target: which ones a label budget holds, and their token ids."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from sentrec.data.examples import Examples
from sentrec.data.locate import source_of
from sentrec.data.splits import Splits, load_splits, stratified_holdout, stratified_sample
from sentrec.errors import DataError, did_you_mean
from sentrec.models.kinds import kind_of
from sentrec.recipe import Recipe
from sentrec.recipe.sections import TrainingConfig
from sentrec.text.encoding import EncodedTexts
from sentrec.text.vocabulary import fingerprint
from sentrec.training.prepare import require_found
from sentrec.transfer.loading import NamedTarget, hints_for
from sentrec.transfer.results import Budget
from sentrec.transfer.schema import TransferRecipe

_HELD_OUT = 0.1
_SMALLEST_BATCH = 16

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TargetRows:
    """A target's labelled rows.

    Attributes:
        name: What the report calls the target.
        recipe: Its recipe.
        pool: Training rows, followed by the validation rows.
        train_rows: How many of the pool a network learns from where all labels are used; it is selected on the others.
        holds_out: Whether the validation rows were held out from train, so that a budget may hold them.
        test: The test rows.
        vectors: The fingerprint of the word vectors, or None.
        tokenizer: Learned on all training texts: labels are scarce, texts are not.
        splits: What was noticed about the rows.
        labels: What sources call its classes, where they call them otherwise.
    """

    name: str
    recipe: Recipe
    pool: Examples
    train_rows: int
    holds_out: bool
    test: Examples
    vectors: str | None
    tokenizer: str
    splits: Splits
    labels: Mapping[str, str] = field(default_factory=dict)

    def divide(self, budget: Budget, seed: int) -> tuple[Rows, Rows]:
        """The training and the validation rows of a budget, as places in the pool.

        A budget of N labels holds N rows in all; a smaller one of the same seed is part of a larger one. ``all`` are
        the rows that `sentrec train` uses, the validation rows included wherever they come from.

        Args:
            budget: How many labels.
            seed: Seed of the choice.

        Raises:
            DataError: If there are not so many rows, or a class would have none.
        """
        if budget == "all":
            return np.arange(self.train_rows), np.arange(self.train_rows, len(self.pool))
        available = self.available
        if budget > available:
            raise DataError(
                f"a budget of {budget:,} labels is larger than {self.name}, which has {available:,} to train on.",
                "Lower the budgets, or write `all`.",
            )
        rows = stratified_sample(self.pool.labels[:available], budget, seed)
        chosen = self.pool.take(rows)
        kept, held_out = stratified_holdout(chosen, self._share, seed)
        self._require_classes(chosen.labels[kept], budget)
        if not len(held_out):
            raise DataError(f"a budget of {budget} labels of {self.name} is too small to hold any out.")
        return rows[kept], rows[held_out]

    @property
    def names_for_sources(self) -> tuple[str, ...]:
        """Its classes in the order of their numbers, as sources would call them."""
        return tuple(self.labels.get(name, name) for name in self.pool.label_names)

    @property
    def available(self) -> int:
        """Rows that a budget in numbers may choose from."""
        return len(self.pool) if self.holds_out else self.train_rows

    @property
    def _share(self) -> float:
        share = source_of(self.recipe.data, "validation")
        return share if isinstance(share, float) else _HELD_OUT

    def _require_classes(self, labels: npt.NDArray[np.int64], budget: Budget) -> None:
        names = self.pool.label_names
        missing = sorted(set(range(len(names))) - set(labels.tolist()))
        if missing:
            listed = ", ".join(names[number] for number in missing)
            raise DataError(
                f"a budget of {budget} labels of {self.name} leaves no training row of: {listed}.",
                "Raise the smallest budget.",
            )

    @cached_property
    def fingerprint(self) -> str:
        """What changes when any text, label or class of the target does, its vectors or what is held out for what."""
        return fingerprint(
            [*self.pool.texts, *self.test.texts],
            self.pool.labels.tobytes(),
            self.test.labels.tobytes(),
            self.pool.label_names,
            self.train_rows,
            self.vectors,
        )


@dataclass(frozen=True)
class EncodedTarget:
    """A target's rows as token ids of one vocabulary.

    Attributes:
        tokenizer: It has the vocabulary.
        vocabulary: How many tokens it knows.
        pool: Token ids of the pool.
        test: Token ids of the test rows.
    """

    tokenizer: str
    vocabulary: int
    pool: EncodedTexts
    test: EncodedTexts


def load_target(target: NamedTarget) -> TargetRows:
    """Reads a target's rows and learns its vocabulary.

    Raises:
        SentrecError: If the data or the vectors cannot be used, or the labels name a class that there is not.
    """
    recipe = target.recipe
    kind = kind_of(recipe)
    vectors = require_found(kind.requirements(recipe))
    with hints_for(target.setting):
        splits = load_splits(recipe.data)
    _require_known(target, splits.train.label_names)
    train, validation = splits.train, splits.validation
    pool = Examples(
        train.texts + validation.texts, np.concatenate([train.labels, validation.labels]), train.label_names
    )
    holds_out = isinstance(source_of(recipe.data, "validation"), float)
    tokenizer = kind.learn_tokenizer(recipe, pool.texts if holds_out else train.texts)
    return TargetRows(
        target.name, recipe, pool, len(train), holds_out, splits.test, vectors, tokenizer, splits, target.labels
    )


def _require_known(target: NamedTarget, classes: Sequence[str]) -> None:
    for name in target.labels:
        if name not in classes:
            raise DataError(f"target.labels: {target.name} has no class '{name}'.", did_you_mean(name, classes))


def encode_target(target: TargetRows, tokenizer: str) -> EncodedTarget:
    """The target's token ids under a vocabulary, from the cache where they were made before."""
    reader = kind_of(target.recipe).reader(target.recipe, tokenizer)
    pool, test = (reader.encode_cached(texts) for texts in (target.pool.texts, target.test.texts))
    return EncodedTarget(tokenizer, reader.vocabulary_size, pool, test)


def budget_training(config: TrainingConfig, rows: int, study: TransferRecipe) -> TrainingConfig:
    """The training section for a budget: small ones get smaller batches and more passes, and all their epochs.

    Args:
        config: The target recipe's own.
        rows: Training rows of the budget.
        study: Says how many steps and batches there should be at least.
    """
    batch_size = min(config.batch_size, max(_SMALLEST_BATCH, rows // study.minimum_batches))
    epochs = max(config.epochs, math.ceil(study.minimum_steps / math.ceil(rows / batch_size)))
    # Few validation rows are noisy: stopping early on them would end trainings at random.
    patience = epochs * config.validations_per_epoch
    return config.model_copy(update={"batch_size": batch_size, "epochs": epochs, "patience": patience})

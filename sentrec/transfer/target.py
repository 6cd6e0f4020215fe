"""The rows of a target: which ones a label budget holds, and what a model reads of them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
from sentrec.training.prepare import PreparedData, require_found
from sentrec.transfer.results import Budget
from sentrec.transfer.schema import TransferRecipe, hints_for

_HELD_OUT = 0.1
_SMALLEST_BATCH = 16

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EncodedTarget:
    """A target's rows under one tokenizer, which knows `vocabulary` tokens."""

    tokenizer: str
    vocabulary: int
    pool: EncodedTexts
    test: EncodedTexts


@dataclass(frozen=True)
class TargetData:
    """A target of a study; its rows are read when they are first asked for.

    `name` is what the report calls it, `labels` what sources call its classes where they call them otherwise, `setting`
    how the study changes its recipe, for hints.
    """

    name: str
    recipe: Recipe
    labels: Mapping[str, str] = field(default_factory=dict)
    setting: str = "--set target.set."

    @cached_property
    def splits(self) -> Splits:
        """Its rows, and what was noticed about them."""
        with hints_for(self.setting):
            splits = load_splits(self.recipe.data)
        for name in self.labels:
            if name not in splits.train.label_names:
                hint = did_you_mean(name, splits.train.label_names)
                raise DataError(f"target.labels: {self.name} has no class '{name}'.", hint)
        return splits

    @property
    def test(self) -> Examples:
        """The test rows."""
        return self.splits.test

    @cached_property
    def pool(self) -> Examples:
        """Training rows, followed by the validation rows."""
        train, validation = self.splits.train, self.splits.validation
        labels = np.concatenate([train.labels, validation.labels])
        return Examples(train.texts + validation.texts, labels, train.label_names)

    @cached_property
    def vectors(self) -> str | None:
        """The fingerprint of its word vectors, or None."""
        kind = kind_of(self.recipe)
        kind.check(self.recipe)
        return require_found(kind.requirements(self.recipe))

    @cached_property
    def tokenizer(self) -> str:
        """Learned on all training texts: labels are scarce, texts are not."""
        return kind_of(self.recipe).learn_tokenizer(self.recipe, self.pool.texts[: self.available])

    @property
    def names_for_sources(self) -> tuple[str, ...]:
        """Its classes in the order of their numbers, as sources would call them."""
        return tuple(self.labels.get(name, name) for name in self.pool.label_names)

    @property
    def available(self) -> int:
        """Rows that a budget in numbers may choose from; validation rows if these were held out from train."""
        held_out = isinstance(source_of(self.recipe.data, "validation"), float)
        return len(self.pool) if held_out else len(self.splits.train)

    def divide(self, budget: Budget, seed: int) -> tuple[Rows, Rows]:
        """The training and the validation rows of a budget, as places in the pool; a `DataError` if there are too few.

        A budget of N labels holds N rows in all; a smaller one of the same seed is part of a larger one. ``all`` are
        the rows that `sentrec train` uses, the validation rows included wherever they come from.
        """
        if budget == "all":
            return np.arange(len(self.splits.train)), np.arange(len(self.splits.train), len(self.pool))
        available, share = self.available, source_of(self.recipe.data, "validation")
        if budget > available:
            raise DataError(
                f"a budget of {budget:,} labels is larger than {self.name}, which has {available:,} to train on.",
                "Lower the budgets, or write `all`.",
            )
        rows = stratified_sample(self.pool.labels[:available], budget, seed)
        chosen = self.pool.take(rows)
        kept, held_out = stratified_holdout(chosen, share if isinstance(share, float) else _HELD_OUT, seed)
        missing = sorted(set(range(len(chosen.label_names))) - set(chosen.labels[kept].tolist()))
        if missing:
            listed = ", ".join(chosen.label_names[number] for number in missing)
            message = f"a budget of {budget} labels of {self.name} leaves no training row of: {listed}."
            raise DataError(message, "Raise the smallest budget.")
        if not len(held_out):
            raise DataError(f"a budget of {budget} labels of {self.name} is too small to hold any out.")
        return rows[kept], rows[held_out]

    @cached_property
    def fingerprint(self) -> str:
        """What changes when any text, label or class of the target does, its vectors or what is held out for what."""
        pool, test = self.pool, self.test
        labels = pool.labels.tobytes(), test.labels.tobytes()
        return fingerprint([*pool.texts, *test.texts], *labels, pool.label_names, len(self.splits.train), self.vectors)

    def encode(self, tokenizer: str) -> EncodedTarget:
        """Its rows under a tokenizer, from the cache where they were encoded before."""
        reader = kind_of(self.recipe).reader(self.recipe, tokenizer)
        pool, test = (reader.encode_cached(texts) for texts in (self.pool.texts, self.test.texts))
        return EncodedTarget(tokenizer, reader.vocabulary_size, pool, test)

    def prepared(self, encoded: EncodedTarget, train: Rows, validation: Rows) -> PreparedData:
        """What a training on some rows of the pool reads."""
        return PreparedData(
            replace(self.splits, train=self.pool.take(train), validation=self.pool.take(validation)),
            encoded.tokenizer,
            encoded.pool.take(train),
            encoded.pool.take(validation),
            encoded.test,
            0.0,
            fingerprint_of_vectors=self.vectors,
            vocabulary=encoded.vocabulary,
        )


def budget_training(config: TrainingConfig, rows: int, study: TransferRecipe) -> TrainingConfig:
    """The training section for so many rows: few get smaller batches and more passes, and all their epochs."""
    batch_size = min(config.batch_size, max(_SMALLEST_BATCH, rows // study.minimum_batches))
    epochs = max(config.epochs, math.ceil(study.minimum_steps / math.ceil(rows / batch_size)))
    # Few validation rows are noisy: stopping early on them would end trainings at random.
    patience = epochs * config.validations_per_epoch
    return config.model_copy(update={"batch_size": batch_size, "epochs": epochs, "patience": patience})

"""A model and an n-gram model stacked: their logits added with weights fitted on held-out rows (Wolpert 1992)."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentrec.data.batches import Batch, make_batch
from sentrec.metrics.calibration import log_loss, softmax
from sentrec.models.attribution import TokenContributions
from sentrec.models.base import TextModel, predict_logits
from sentrec.models.contracts import ClosedFormData, Features, LinearChange, Rate, Requirement, TextReader
from sentrec.models.ngrams import NgramModel
from sentrec.models.stars import StarHead
from sentrec.recipe.schema import Recipe
from sentrec.text.encoding import EncodedTexts
from sentrec.text.padding import ModelInput

_BASE, _NGRAMS = "base", "ngrams"


class StackedModel(TextModel):
    """A base model and n-grams; in training mode, and until it is fitted, it answers as the base model does.

    The base learns by gradients, the n-grams are fitted in closed form; `text_reader` encodes the texts of both.
    """

    base_kind: ClassVar[type[TextModel]]
    mixing_weights: Tensor

    def __init__(self, base: TextModel, ngrams: NgramModel, text_reader: TextReader) -> None:
        super().__init__(base.classes, text_reader)
        self.base = base
        self.ngrams = ngrams
        self.is_fitted = False  # whether n-grams and mixing weights were fitted, and take part
        self.feature_size = base.feature_size
        self.register_buffer("mixing_weights", torch.tensor([1.0, 0.0]))

    def __reduce__(self) -> tuple[Any, ...]:
        # Its class is made by `stacked_on`, so that pickle cannot find it by its name.
        return _empty, (self.base_kind,), self.__dict__

    @classmethod
    def requirements(cls, recipe: Recipe) -> list[Requirement]:
        """Those of the base model."""
        return cls.base_kind.requirements(recipe)

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """Checks the base model."""
        cls.base_kind.check(recipe)

    @classmethod
    def learn_tokenizer(cls, recipe: Recipe, texts: Sequence[str]) -> str:
        """The base model's, which n-grams share if its tokens are words; else those of both, as JSON."""
        own = cls.base_kind.learn_tokenizer(recipe, texts)
        if cls.base_kind.tokens_are_words:
            return own
        return json.dumps({_BASE: own, _NGRAMS: NgramModel.learn_tokenizer(recipe, texts)})

    @classmethod
    def join_tokenizers(cls, recipe: Recipe, own: str, source: str) -> str:
        """The base model's."""
        return cls.base_kind.join_tokenizers(recipe, own, source)

    @classmethod
    def reader(cls, recipe: Recipe, tokenizer: str) -> TextReader:
        """Reads each text once, or once for either model."""
        if cls.base_kind.tokens_are_words:
            return cls.base_kind.reader(recipe, tokenizer)
        both = json.loads(tokenizer)
        return _TwoReaders(cls.base_kind.reader(recipe, both[_BASE]), NgramModel.reader(recipe, both[_NGRAMS]))

    @classmethod
    def build(cls, recipe: Recipe, tokenizer: str, classes: int, weights: Mapping[str, Tensor] | None = None) -> Self:
        """Both models; see `TextModel.build`."""
        prefix = f"{_BASE}."
        of_base = weights and {name[len(prefix) :]: one for name, one in weights.items() if name.startswith(prefix)}
        shared = cls.base_kind.tokens_are_words
        base = cls.base_kind.build(recipe, tokenizer if shared else json.loads(tokenizer)[_BASE], classes, of_base)
        reader = base.text_reader if shared else cls.reader(recipe, tokenizer)
        assert recipe.model.ngrams is not None  # or it would not be a stacked model
        model = cls(base, NgramModel(recipe.model.ngrams, classes, reader), reader)
        model.is_fitted = weights is not None
        return model

    @property
    def word_vectors(self) -> Tensor | None:
        """Those of the base model, if it shares its token ids."""
        return self.base.word_vectors if self.base_kind.tokens_are_words else None

    def collate(self, encoded: EncodedTexts, rows: npt.NDArray[np.int64], multiple: int = 1) -> Batch:
        """A batch for the n-grams, beside it one for the base model; while that learns, the latter alone."""
        beside = self.base.collate(_of_base(encoded), rows, multiple)
        return replace(make_batch(encoded, rows, multiple), beside=beside) if self.is_fitted else beside

    def inputs(self) -> tuple[ModelInput, ...]:
        """What the n-grams read, then what the base model reads, where that is less."""
        if not self.base_kind.tokens_are_words:
            return ()
        own, of_base = self.ngrams.inputs(), self.base.inputs()
        return own if own == of_base else (*own, *(replace(one, name=f"encoder_{one.name}") for one in of_base))

    def training_view(self, encoded: EncodedTexts) -> EncodedTexts:
        """What the base model reads."""
        return self.base.training_view(_of_base(encoded))

    def features(self, batch: Batch) -> Tensor:
        """The base model's."""
        return self.base.features(batch.beside or batch)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, float32, shape ``(batch, classes)``; see `TextModel.forward`."""
        return self._mixed(self.base(batch.beside or batch), batch)

    def _mixed(self, logits: Tensor, batch: Batch) -> Tensor:
        if self.training or not self.is_fitted:
            return logits
        mixed: Tensor = self.mixing_weights[0] * logits + self.mixing_weights[1] * self.ngrams(batch)
        return mixed

    @property
    def stars(self) -> StarHead | None:
        """That of the base model."""
        return self.base.stars

    def with_decisions(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The decisions are the base model's; see `TextModel.with_decisions`."""
        logits, decisions = self.base.with_decisions(batch.beside or batch)
        return self._mixed(logits, batch), decisions

    def contributions(self, text: str, target: int) -> TokenContributions | None:
        """The weighted sum of both models', if they share their tokens."""
        of_base = self.base.contributions(text, target) if self.base_kind.tokens_are_words else None
        if of_base is None or not self.is_fitted:
            return of_base
        first, second = self.mixing_weights.tolist()
        values = first * of_base.values + second * self.ngrams.contributions(text, target).values
        return replace(of_base, values=values)

    @property
    def gradient_model(self) -> TextModel:
        """The base model."""
        return self.base

    def layers(self) -> dict[str, tuple[str, ...]]:
        """Those of the base model."""
        return {layer: tuple(f"{_BASE}.{name}" for name in names) for layer, names in self.base.layers().items()}

    def rates(self) -> dict[str, Rate]:
        """Those of the base model."""
        return {f"{_BASE}.{name}": rate for name, rate in self.base.rates().items()}

    @property
    def undecayed(self) -> frozenset[str]:
        """Those of the base model."""
        return frozenset(f"{_BASE}.{name}" for name in self.base.undecayed)

    def copy_layers(self, source: TextModel, layers: Sequence[str], classes: Sequence[int] | None = None) -> None:
        """Copies layers of the base model; n-grams are fitted anew."""
        self.base.copy_layers(source.gradient_model, layers, classes)

    def start_from(self, source: TextModel, classes: Sequence[int] | None) -> None:
        """Takes over both models, or the base model alone, where the source is no stacked one."""
        self.base.start_from(source.gradient_model, classes)
        self.is_fitted = True
        if source.closed_form is not None:
            self.ngrams.start_from(source, classes)
        if isinstance(source, StackedModel) and classes is not None:
            self.mixing_weights.copy_(source.mixing_weights)
        else:
            self.mixing_weights.fill_(1.0)

    @property
    def closed_form(self) -> NgramModel:
        """The n-grams."""
        return self.ngrams

    def fit(self, data: ClosedFormData) -> dict[str, Any]:
        """Fits the n-grams, unless they were fitted before, and the mixing weights on the held-out validation rows.

        Where n-grams learn from crops, those of the validation rows count, too.

        Returns:
            Validation accuracy of each model and of both, and the mixing weights.
        """
        self.base.fit(replace(data, train=_of_base(data.train), validation=_of_base(data.validation), unlabelled=None))
        if not self.ngrams.is_fitted:
            self.ngrams.fit(data)
        labels = data.validation_labels
        texts, rows = self.ngrams.with_crops(data.validation)
        base, ngrams = predict_logits(self.base, _of_base(texts)), predict_logits(self.ngrams, texts)
        weights = fit_mixing_weights(base, ngrams, labels[rows])
        self.mixing_weights.copy_(torch.tensor(weights))
        self.is_fitted = True
        logits = {_BASE: base, _NGRAMS: ngrams, "both": weights[0] * base + weights[1] * ngrams}
        right = {name: scores[: len(labels)].argmax(axis=1) == labels for name, scores in logits.items()}
        return {
            "validation_accuracy": {name: float(rows_right.mean()) for name, rows_right in right.items()},
            "mixing_weights": {_BASE: weights[0], _NGRAMS: weights[1]},
        }

    def linear_features(self, encoded: EncodedTexts) -> list[Features]:
        """The blocks of the base model, then the n-grams."""
        return [*self.base.linear_features(_of_base(encoded)), *self.ngrams.linear_features(encoded)]

    def shift(self, changes: Sequence[LinearChange], bias: npt.NDArray[np.float64]) -> None:
        """Multiplies the mixing weights into both models, then adds to their weights."""
        self.base.scale(float(self.mixing_weights[0]))
        self.ngrams.scale(float(self.mixing_weights[1]))
        self.mixing_weights.fill_(1.0)
        self.base.shift(changes[:-1], bias)
        self.ngrams.shift(changes[-1:], np.zeros_like(bias))

    @property
    def learned_numbers(self) -> int:
        """Those of both models."""
        return self.base.learned_numbers + self.ngrams.learned_numbers


@functools.cache
def stacked_on(base: type[TextModel]) -> type[StackedModel]:
    """The kind of stacked models over a kind of base models."""
    return type(f"{base.__name__}WithNgrams", (StackedModel,), {"base_kind": base})


def _empty(base: type[TextModel]) -> StackedModel:
    kind = stacked_on(base)
    return kind.__new__(kind)


def fit_mixing_weights(
    first: npt.NDArray[np.float32], second: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]
) -> tuple[float, float]:
    """The non-negative weights of two classifiers' logits, ``(rows, classes)``, with the lowest log loss on rows."""
    from scipy import optimize  # predicting need not wait for it

    def loss(weights: npt.NDArray[np.float64]) -> float:
        return log_loss(softmax(weights[0] * first + weights[1] * second), labels)

    found = optimize.minimize(loss, [0.5, 0.5], bounds=[(0.0, 10.0)] * 2, method="L-BFGS-B")
    return float(found.x[0]), float(found.x[1])


class _TwoReaders:
    """Encodes texts for the n-grams, and beside that for a base model with a tokenizer of its own."""

    def __init__(self, base: TextReader, ngrams: TextReader) -> None:
        self._base, self._ngrams = base, ngrams
        self.key = f"{base.key} {ngrams.key}"
        self.vocabulary_size = base.vocabulary_size

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        return replace(self._ngrams.encode(texts), beside=self._base.encode(texts))

    def encode_cached(self, texts: Sequence[str]) -> EncodedTexts:
        return replace(self._ngrams.encode_cached(texts), beside=self._base.encode_cached(texts))


def _of_base(encoded: EncodedTexts) -> EncodedTexts:
    return encoded.beside if encoded.beside is not None else encoded

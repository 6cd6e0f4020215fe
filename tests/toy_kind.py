"""A kind of model as a plugin would bring it: hashed character n-grams, averaged and classified. No GloVe, no words."""

import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Self

import numpy as np
import pytest
import torch
from pydantic import Field
from torch import Tensor, nn

import sentrec
from sentrec import plugins
from sentrec.data.batches import Batch
from sentrec.models.base import TextModel
from sentrec.recipe import Recipe
from sentrec.text.encoding import EncodedTexts


class CharacterConfig(sentrec.EncoderConfig):
    """Options of `CharacterModel`."""

    buckets: int = Field(512, ge=8, description="Rows of the hash table.")
    n: int = Field(4, ge=1, description="Characters of an n-gram.")
    dim: int = Field(16, ge=1, description="Width of a row.")


class CharacterReader:
    """Hashes the n-grams of characters of a text; 0 is left to padding."""

    def __init__(self, buckets: int, n: int) -> None:
        self._buckets, self._n = buckets, n
        self.vocabulary_size = buckets
        self.key = hashlib.sha1(f"{buckets} {n}".encode()).hexdigest()

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Encodes texts."""
        rows = [self._hashed(text.lower()) for text in texts]
        offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
        return EncodedTexts(np.array([one for row in rows for one in row], dtype=np.int32), offsets)

    encode_cached = encode

    def _hashed(self, text: str) -> list[int]:
        starts = range(max(1, len(text) - self._n + 1))
        return [1 + zlib.crc32(text[start : start + self._n].encode()) % (self._buckets - 1) for start in starts]


class CharacterModel(TextModel):
    """The mean of hashed character n-grams, and a linear head."""

    Config = CharacterConfig

    def __init__(self, config: CharacterConfig, classes: int, reader: CharacterReader) -> None:
        super().__init__(classes, reader)
        self.table = nn.Embedding(config.buckets, config.dim, padding_idx=0)
        self.head = nn.Linear(config.dim, classes)
        self.feature_size = config.dim

    @classmethod
    def reader(cls, recipe: Recipe, tokenizer: str) -> CharacterReader:
        """Needs no tokenizer."""
        config = CharacterConfig.model_validate(recipe.encoder_options)
        return CharacterReader(config.buckets, config.n)

    @classmethod
    def build(cls, recipe: Recipe, tokenizer: str, classes: int, weights: Mapping[str, Tensor] | None = None) -> Self:
        """Draws its weights from the recipe's seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            config = CharacterConfig.model_validate(recipe.encoder_options)
            return cls(config, classes, cls.reader(recipe, tokenizer))

    @property
    def word_vectors(self) -> Tensor:
        """The hash table."""
        return self.table.weight

    def features(self, batch: Batch) -> Tensor:
        """Means, shape ``(batch, dim)``."""
        return self.table(batch.token_ids).sum(dim=1) / batch.mask.sum(dim=1, keepdim=True)

    def forward(self, batch: Batch) -> Tensor:
        """Logits."""
        logits: Tensor = self.head(self.features(batch))
        return logits.float()


class Plugin:
    """What the entry point of a plugin names."""

    @staticmethod
    @sentrec.hookimpl
    def sentrec_register_models(register: sentrec.RegisterModel) -> None:
        """Registers the kind."""
        register("characters", CharacterModel)


@contextmanager
def installed() -> Iterator[None]:
    """As if a distribution with the plugin were installed."""
    with pytest.MonkeyPatch.context() as patch:
        registry = plugins.registry()
        grown = plugins.Registry(dict(registry.encoders), dict(registry.models), dict(registry.datasets))
        grown.add("characters", "characters 1.0", lambda: Plugin)
        assert grown.reports[-1].error is None, grown.reports[-1].error
        patch.setattr(registry, "models", grown.models)
        yield

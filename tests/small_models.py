"""Small models over made-up vocabularies, and texts of made-up token ids."""

from collections.abc import Sequence

import numpy as np

from sentrec.models.base import TextModel
from sentrec.models.kinds import build_model
from sentrec.models.ngrams import NgramModel
from sentrec.models.words import TokenReader
from sentrec.recipe import Recipe
from sentrec.recipe.sections import NgramsConfig
from sentrec.text.encoding import EncodedTexts
from sentrec.text.tokenizer import build_tokenizer, with_vocabulary


def tokenizer_of(words: Sequence[str] | int) -> str:
    """A tokenizer of these words beside padding and the unknown word, or of so many tokens in all."""
    known = [f"word{number}" for number in range(words - 2)] if isinstance(words, int) else list(words)
    return str(with_vocabulary(build_tokenizer(True), known).to_str())


def model_of(recipe: Recipe, words: Sequence[str] | int = 30, classes: int = 2) -> TextModel:
    """A recipe's model as training starts from it."""
    return build_model(recipe, tokenizer_of(words), classes)


def ngrams_of_width(classes: int = 2, **options: object) -> NgramModel:
    """An n-gram model with these options of ``model.ngrams``."""
    return NgramModel(NgramsConfig.model_validate(options), classes, TokenReader(tokenizer_of(9), 400, "head"))


def encoded(rows: Sequence[Sequence[int]]) -> EncodedTexts:
    """Texts of these token ids."""
    offsets = np.cumsum([0, *map(len, rows)])
    return EncodedTexts(np.array([token for row in rows for token in row], dtype=np.int32), offsets.astype(np.int64))

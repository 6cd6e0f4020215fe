"""Which words a model knows: those of its training texts, as far as there is something to learn or to know of them."""

import hashlib
import logging
from collections.abc import Sequence

import numpy as np
from tokenizers import Tokenizer

from sentrec.files import cache_home, write_text
from sentrec.glove.store import GloveVectors
from sentrec.recipe.schema import TextConfig
from sentrec.text.tokenizer import RULES_VERSION, build_tokenizer, count_words, with_vocabulary

_log = logging.getLogger(__name__)

_CASED_VECTORS = frozenset({"840B"})


def folds_case(config: TextConfig, glove_name: str | None) -> bool:
    """Whether the tokenizer lowers case: as the recipe says, else as the vectors were trained."""
    if config.lowercase is not None:
        return config.lowercase
    return glove_name not in _CASED_VECTORS


def learn_tokenizer(texts: Sequence[str], config: TextConfig, vectors: GloveVectors | None) -> Tokenizer:
    """The tokenizer for these training texts, from the cache where it was learned before.

    A word is kept if it has a GloVe vector or occurs `config.min_frequency` times; of these, the
    `config.vocabulary_size` most frequent.

    Args:
        texts: The training texts.
        config: The recipe's text section.
        vectors: The GloVe vectors that embeddings start from, or None.

    Returns:
        A tokenizer with its vocabulary; ids 0 and 1 are padding and the unknown word.
    """
    lowercase = folds_case(config, vectors.name if vectors else None)
    rules = (RULES_VERSION, lowercase, config.vocabulary_size, config.min_frequency)
    key = fingerprint(texts, *rules, vectors.fingerprint if vectors else None)
    cached = cache_home() / "tokenizers" / f"{key}.json"
    if cached.is_file():
        learned: Tokenizer = Tokenizer.from_str(cached.read_text(encoding="utf-8"))
        return learned
    _log.info("Learning the vocabulary of %s texts", f"{len(texts):,}")
    tokenizer = build_tokenizer(lowercase)
    words = _select_words(tokenizer, texts, config, vectors)
    learned = with_vocabulary(tokenizer, words)
    write_text(cached, learned.to_str())
    return learned


def fingerprint(texts: Sequence[str], *parameters: object) -> str:
    """A short name for these texts and parameters that changes when any of them does."""
    digest = hashlib.blake2b(repr(parameters).encode(), digest_size=16)
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "little"))
        digest.update(encoded)
    return digest.hexdigest()


def _select_words(
    tokenizer: Tokenizer, texts: Sequence[str], config: TextConfig, vectors: GloveVectors | None
) -> list[str]:
    room = config.vocabulary_size - 2
    frequent = count_words(tokenizer, texts, config.min_frequency)
    if vectors is None:
        return frequent[:room]
    every = count_words(tokenizer, texts, 1)
    keep = np.isin(np.asarray(every, dtype=object), np.asarray(frequent, dtype=object)) if every else np.zeros(0, bool)
    keep |= vectors.rows(every) >= 0
    return [word for word, kept in zip(every, keep, strict=True) if kept][:room]

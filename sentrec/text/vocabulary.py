"""Which words a model knows: those of its training texts, as far as there is something to learn or to know of them."""

import hashlib
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Tokenizer

from sentrec.files.storage import cache_home, read_cached, write_text
from sentrec.text.tokenizer import GLAD, SAD, SPECIAL_TOKENS, build_tokenizer, count_words, with_vocabulary

if TYPE_CHECKING:
    from sentrec.glove.store import GloveVectors
    from sentrec.recipe.sections import TextConfig

_log = logging.getLogger(__name__)

_CASED_VECTORS = frozenset({"840B"})


def folds_case(config: "TextConfig", glove_name: str | None) -> bool:
    """Whether the tokenizer lowers case: as the recipe says, else as the vectors were trained."""
    return glove_name not in _CASED_VECTORS if config.lowercase is None else config.lowercase


def learn_tokenizer(texts: Sequence[str], config: "TextConfig", vectors: "GloveVectors | None") -> Tokenizer:
    """The tokenizer for these training texts, from the cache where it was learned before.

    A word is kept if it has a GloVe vector or occurs `config.min_frequency` times; of these, the
    `config.vocabulary_size` most frequent. Ids 0 and 1 are padding and the unknown word.
    """
    tokenizer = build_tokenizer(folds_case(config, vectors.name if vectors else None))
    # The rules themselves are part of the key, so that no vocabulary outlives a change of them.
    parameters = (tokenizer.to_str(), GLAD, SAD, config.vocabulary_size, config.min_frequency)
    key = fingerprint(texts, *parameters, vectors.fingerprint if vectors else None)
    cached = cache_home() / "tokenizers" / f"{key}.json"
    learned: Tokenizer | None = read_cached(cached, lambda path: Tokenizer.from_file(str(path)))
    if learned is None:
        _log.info("Learning the vocabulary of %s texts", f"{len(texts):,}")
        learned = with_vocabulary(tokenizer, _select_words(tokenizer, texts, config, vectors))
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
    tokenizer: Tokenizer, texts: Sequence[str], config: "TextConfig", vectors: "GloveVectors | None"
) -> list[str]:
    counts = count_words(tokenizer, texts)
    words = list(counts)
    known = vectors.rows(words) >= 0 if vectors is not None else np.zeros(len(words), dtype=bool)
    chosen = [word for word, has in zip(words, known, strict=True) if has or counts[word] >= config.min_frequency]
    return chosen[: config.vocabulary_size - len(SPECIAL_TOKENS)]

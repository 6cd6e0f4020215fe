"""A corpus as one stream of word numbers on the disk."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from sentrec.errors import DataError
from sentrec.files.storage import atomic_path
from sentrec.text.encoding import TextEncoder
from sentrec.text.tokenizer import SPECIAL_TOKENS, count_words, with_vocabulary

Words = npt.NDArray[np.unsignedinteger[Any]]

_WHOLE_TEXT = 1 << 30


@dataclass(frozen=True)
class TokenStream:
    """Word numbers of a corpus, end to end.

    Attributes:
        tokens: ``(n,)`` word numbers, memory-mapped. The number `vocabulary` stands for every word outside of it;
            texts are `gap` of them apart, and so are both ends.
        vocabulary: Number of words.
        gap: No window that is at most so wide reaches from one text into the next.
    """

    tokens: Words
    vocabulary: int
    gap: int


def choose_words(
    tokenizer: Tokenizer, texts: Iterable[list[str]], most: int, min_count: int, wanted: Callable[[int], None]
) -> list[str]:
    """The most frequent words of a corpus, in the order of their frequency.

    Memory grows with the number of distinct words, not with the texts.

    Args:
        tokenizer: A tokenizer without vocabulary.
        texts: The corpus in batches.
        most: Words at most.
        min_count: Occurrences of a word at least.
        wanted: Told the number of texts read so far.

    Raises:
        DataError: If fewer than two words occur so often.
    """

    def each() -> Iterable[str]:
        done = 0
        for batch in texts:
            yield from batch
            done += len(batch)
            wanted(done)

    counts = count_words(tokenizer, each())
    words = [word for word, count in counts.items() if count >= min_count][:most]
    if len(words) < 2:
        raise DataError(
            f"of {len(counts):,} distinct words in the corpus, {len(words)} occur {min_count} times or more.",
            "Vectors are learned from many texts: give more of them, or a lower --min-count.",
        )
    return words


def write_tokens(
    path: Path,
    tokenizer: Tokenizer,
    words: list[str],
    texts: Iterable[list[str]],
    gap: int,
    wanted: Callable[[int], None],
) -> None:
    """Writes a corpus as a stream of word numbers; see `TokenStream`.

    Args:
        path: The file.
        tokenizer: A tokenizer without vocabulary.
        words: The vocabulary.
        texts: The corpus in batches.
        gap: How far apart texts are.
        wanted: Told the number of texts written so far.
    """
    encoder = TextEncoder(with_vocabulary(tokenizer, words), _WHOLE_TEXT, "head")
    outside = len(words)
    done = 0
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(np.full(gap, outside, _word_type(outside)).tobytes())
        for batch in texts:
            encoded = encoder.encode(batch)
            numbers = encoded.token_ids.astype(np.int64) - len(SPECIAL_TOKENS)
            numbers[numbers < 0] = outside
            spread = np.full(len(numbers) + gap * len(batch), outside, _word_type(outside))
            spread[np.arange(len(numbers)) + np.repeat(gap * np.arange(len(batch)), encoded.lengths())] = numbers
            file.write(spread.tobytes())
            done += len(batch)
            wanted(done)


def open_tokens(path: Path, vocabulary: int, gap: int) -> TokenStream:
    """Maps what `write_tokens` wrote."""
    return TokenStream(np.memmap(path, _word_type(vocabulary), "r"), vocabulary, gap)


def _word_type(vocabulary: int) -> type[np.unsignedinteger[Any]]:
    return np.uint16 if vocabulary <= np.iinfo(np.uint16).max else np.uint32

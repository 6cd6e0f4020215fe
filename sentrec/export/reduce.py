"""Which words and n-grams are worth their place in a small model."""

from bisect import bisect_right
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import save
from tokenizers import Tokenizer
from torch import Tensor

from sentrec.data.batches import iterate_batches, plan_batches
from sentrec.errors import RunError, SentrecError
from sentrec.inference.logits import INFERENCE_BATCH_SIZE, INFERENCE_BATCH_TOKENS
from sentrec.models.classifier import REGION_VECTORS, WORD_VECTORS
from sentrec.models.quantization import TIERS_COST, Form, Packed, compact, expand, join_compact
from sentrec.models.weights import read_tensors
from sentrec.ngrams.linear import WideChannel
from sentrec.runs.directory import MODEL, TOKENIZER, Run
from sentrec.text.cache import encode_cached
from sentrec.text.encoding import EncodedTexts
from sentrec.text.tokenizer import SPECIAL_TOKENS, UNKNOWN_ID, build_tokenizer, with_vocabulary, words_of
from sentrec.text.vocabulary import folds_case

NGRAM_WEIGHTS = "wide.weights"
"""The name of the table of `WideChannel` among a model's weights."""
_WORD_TABLES = (WORD_VECTORS, REGION_VECTORS)
_FEWEST_NUMBERS = 1024
"""A smaller tensor stays in float32: there is nothing to gain."""
_NGRAMS_BESIDE_BYTES = 1_500_000
"""As long as fewer n-grams than this fit, word vectors are in half bytes."""
_NGRAMS_FIRST = 250_000
"""As long as fewer n-grams than this fit, words make way for them."""
_FEWEST_WORDS = 100


@dataclass(frozen=True)
class Reduced:
    """A model in its small form.

    Attributes:
        tensors: What its safetensors file is to hold.
        metadata: The metadata of that file.
        tokenizer: Knows the words that were kept.
        words: How many these are, special tokens included.
        words_before: How many there were.
        ngrams: N-gram weights that were kept; 0 where the model has none.
        ngrams_before: How many there were.
        dim: Width of a word vector; 0 where the model has none.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, str]
    tokenizer: Tokenizer
    words: int
    words_before: int
    ngrams: int
    ngrams_before: int
    dim: int

    @property
    def bytes(self) -> int:
        """What weights and tokenizer take on disk."""
        return len(save(self.tensors, self.metadata)) + len(self.tokenizer.to_str().encode())


def reduce_model(run: Run, train: list[str], room: int, vocabulary: int | None = None) -> Reduced:
    """Makes a run's weights small enough: in bytes, in half bytes, with fewer n-grams, and only then with fewer words.

    What each form and fewer n-grams cost is told in `sentrec.models.quantization`.

    Words go from the end of the vocabulary, which is sorted by frequency, so that all others keep their ids, which the
    n-grams are made of; a text's dropped words become the unknown word. They go last, because other domains need them:
    with 20,000 of 50,000 words, IMDB accuracy stays, and that on Rotten Tomatoes falls by 1.0 points.

    Args:
        run: The run; no ensemble.
        train: The texts that it was trained on.
        room: Bytes for weights and tokenizer.
        vocabulary: Most words to keep, special tokens included; None: as many as fit.

    Raises:
        RunError: If the run's tokenizer follows other rules than this version of sentrec.
        SentrecError: If there is no room for a useful model.
    """
    weights, _ = read_tensors(run.path / MODEL)
    tokenizer: Tokenizer = Tokenizer.from_file(str(run.path / TOKENIZER))
    words = words_of(tokenizer)
    wanted = min(vocabulary or len(words), len(words))
    forms = _forms(weights, "rows")
    if _words_that_fit(run, weights, forms, tokenizer, room - _bytes_of_ngrams(weights, _NGRAMS_BESIDE_BYTES)) < wanted:
        forms = _forms(weights, "nibbles")
    fitting = _words_that_fit(run, weights, forms, tokenizer, room - _bytes_of_ngrams(weights, _NGRAMS_FIRST))
    if fitting < min(_FEWEST_WORDS, len(words)):
        raise SentrecError(
            f"{room / 1e6:.2f} MB cannot hold a useful model of this encoder.",
            "Allow more with --max-megabytes, or train a smaller encoder.",
        )
    kept = min(fitting, wanted)
    weights = _with_words(weights, kept)
    smaller = tokenizer if kept == len(words) else _with_fewer_words(run, tokenizer, words[:kept])
    before = int(weights[NGRAM_WEIGHTS].ne(0).any(dim=1).sum()) if NGRAM_WEIGHTS in weights else 0
    encoded = _first_words(_encode(run, train, tokenizer), kept)
    tensors, metadata, ngrams = _fill(run, weights, forms, smaller, encoded, room)
    dim = weights[WORD_VECTORS].shape[1] if WORD_VECTORS in weights else 0
    return Reduced(tensors, metadata, smaller, kept, len(words), ngrams, before, dim)


def _forms(weights: dict[str, Tensor], of_words: Form) -> dict[str, Form]:
    forms: dict[str, Form] = {}
    for name, tensor in weights.items():
        if name in _WORD_TABLES:
            forms[name] = of_words
        elif name == NGRAM_WEIGHTS:
            forms[name] = "slots"
        elif tensor.is_floating_point() and tensor.numel() >= _FEWEST_NUMBERS:
            forms[name] = "half"
    return forms


def _with_words(weights: dict[str, Tensor], words: int) -> dict[str, Tensor]:
    return {name: tensor[:words] if name in _WORD_TABLES else tensor for name, tensor in weights.items()}


def _bytes_of_ngrams(weights: dict[str, Tensor], most: int) -> float:
    """What n-grams take, so many or all that have a weight, in the smallest form."""
    if NGRAM_WEIGHTS not in weights:
        return 0
    (slots, margins), filled = weights[NGRAM_WEIGHTS].shape, int(weights[NGRAM_WEIGHTS].ne(0).any(dim=1).sum())
    ngrams = min(most, filled)
    return ngrams * margins * TIERS_COST + min(ngrams, slots / 8)


def _words_that_fit(
    run: Run, weights: dict[str, Tensor], forms: dict[str, Form], tokenizer: Tokenizer, room: float
) -> int:
    """How many words there is room for, when no n-gram is kept."""
    if NGRAM_WEIGHTS in weights:
        weights = {**weights, NGRAM_WEIGHTS: torch.zeros_like(weights[NGRAM_WEIGHTS][:1])}
    known, text = tokenizer.get_vocab_size(), len(tokenizer.to_str().encode())

    def bytes_with(words: int) -> int:
        return len(save(*_compacted(run, _with_words(weights, words), forms))) + text * words // known

    return bisect_right(range(1, known + 1), room, key=bytes_with)


def _fill(
    run: Run, weights: dict[str, Tensor], forms: dict[str, Form], tokenizer: Tokenizer, train: EncodedTexts, room: int
) -> tuple[dict[str, Tensor], dict[str, str], int]:
    """The compact weights with as many n-grams as there is room for, and how many these are."""
    if NGRAM_WEIGHTS not in weights:
        return *_compacted(run, weights, forms), 0
    full, occurrences = weights[NGRAM_WEIGHTS], _occurrences(run, train)
    order = _weightiest(full, occurrences)
    rest = _compacted(run, {name: tensor for name, tensor in weights.items() if name != NGRAM_WEIGHTS}, forms)
    left = room - len(tokenizer.to_str().encode())
    ways = [_with_ngrams("slots", run, rest, full, order, occurrences, left)]
    if ways[0].count < len(order):
        ways.append(_with_ngrams("tiers", run, rest, full, order, occurrences, left))
    best = min(ways, key=attrgetter("error"))
    return *best.packed, best.count


@dataclass(frozen=True)
class _Way:
    """A way to keep n-grams: all weights, how many n-grams, and what these are off, squared, in all texts."""

    packed: Packed
    count: int
    error: float


def _with_ngrams(
    form: Form,
    run: Run,
    rest: Packed,
    full: Tensor,
    order: npt.NDArray[np.int64],
    occurrences: npt.NDArray[np.int64],
    room: int,
) -> _Way:
    count = len(order)
    while True:
        table = torch.zeros_like(full)
        table[order[:count]] = full[order[:count]]
        ngrams = _compacted(run, {NGRAM_WEIGHTS: table}, {NGRAM_WEIGHTS: form}, occurrences)
        packed = join_compact(rest, ngrams)
        over = len(save(*packed)) - room
        if over <= 0 or count == 0:
            off = (expand(*ngrams)[NGRAM_WEIGHTS] - full).square().sum(dim=1)
            return _Way(packed, count, float(off @ torch.from_numpy(occurrences).float()))
        # The last ones take less than all do on average: what tells where they are is shared, or shorter for each.
        taken = sum(part.nbytes for part in ngrams[0].values())
        count = max(0, count - int(over * count / taken) - 1)


def _compacted(
    run: Run, weights: dict[str, Tensor], forms: dict[str, Form], occurrences: npt.NDArray[np.int64] | None = None
) -> tuple[dict[str, Tensor], dict[str, str]]:
    costs = {NGRAM_WEIGHTS: torch.from_numpy(occurrences)} if occurrences is not None else None
    try:
        parts, metadata = compact(weights, forms, costs)
    except ValueError as error:
        raise RunError(f"the weights of {run.path} have no small form: {error}.", "Train it again.") from error
    return {name: part.contiguous() for name, part in parts.items()}, metadata


def _weightiest(table: Tensor, occurrences: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The slots that move the training texts' logits, those that move them most first.

    What a slot adds to the variance of a logit is about its weight squared times the share of texts that have it.
    """
    importance = table.abs().amax(dim=1).numpy().astype(np.float64) * np.sqrt(occurrences)
    order = np.argsort(-importance, kind="stable")
    return order[: int(np.count_nonzero(importance))]


def _occurrences(run: Run, train: EncodedTexts) -> npt.NDArray[np.int64]:
    """In how many texts an n-gram of each slot occurs, shape ``(slots,)``."""
    assert run.recipe.model.ngrams is not None  # it has a table
    wide = WideChannel(run.recipe.model.ngrams, len(run.label_names))
    # What a model that went on from another had learned from is not known here: it may not be lost for that.
    counts = np.full(wide.slots, 0 if run.recipe.init is None else 1, dtype=np.int64)
    for batch in iterate_batches(train, plan_batches(train.lengths(), INFERENCE_BATCH_SIZE, INFERENCE_BATCH_TOKENS)):
        slots, occurs = wide.occurring(batch.token_ids, batch.mask)
        # No slot twice in a text, so that a batch's counts fit into one pass.
        counts += np.bincount(slots[occurs].numpy(), minlength=wide.slots)
    return counts


def _encode(run: Run, texts: list[str], tokenizer: Tokenizer) -> EncodedTexts:
    return encode_cached(texts, tokenizer, run.recipe.tokens_read, run.recipe.text.keep)


def _first_words(encoded: EncodedTexts, words: int) -> EncodedTexts:
    ids = encoded.token_ids
    return EncodedTexts(np.where(ids < words, ids, UNKNOWN_ID).astype(ids.dtype), encoded.offsets)


def _with_fewer_words(run: Run, tokenizer: Tokenizer, kept: list[str]) -> Tokenizer:
    """The same rules with these words; made anew, so that an emoji that is dropped is read as its emoticon."""
    glove = run.recipe.glove
    rules = build_tokenizer(folds_case(run.recipe.text, glove.name if glove else None))
    special = len(SPECIAL_TOKENS)
    if with_vocabulary(rules, words_of(tokenizer)[special:]).to_str() != tokenizer.to_str():
        raise RunError(
            f"the tokenizer of {run.path} follows other rules than those of this version of sentrec.",
            "Train it again, or keep all words: a larger --max-megabytes, and no --vocabulary.",
        )
    return with_vocabulary(rules, kept[special:])

"""The tokenizer's speed, and how much of the batches is padding."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sentrec import load_recipe
from sentrec.text.encoding import EncodedTexts, TextEncoder
from sentrec.text.padding import plan_batches
from sentrec.text.tokenizer import build_tokenizer, count_words, with_vocabulary

from .measure import MEGA, seconds_of
from .settings import Settings
from .table import Section, figures
from .tutorial_bilstm import TOKENS
from .workplace import Workplace, read_split

_WORDS, _WHOLE = 50_000, 1_000_000
Figure = tuple[str, str, float | str, str]


def measure_text(place: Workplace, settings: Settings) -> list[Section]:
    """Megabytes a second through the tokenizer, and the padding of every recipe's batches."""
    texts = read_split("train", ("text",))["text"]
    tokenizer = build_tokenizer(lowercase=True)
    on = f"{len(texts):,} texts"
    megabytes = sum(len(text.encode()) for text in texts) / MEGA
    words: list[str] = []
    learning = seconds_of(lambda: words.extend(count_words(tokenizer, texts)))
    ready = with_vocabulary(tokenizer, words[:_WORDS])
    encoded: list[EncodedTexts] = []
    encoding = seconds_of(lambda: encoded.append(TextEncoder(ready, _WHOLE, "head").encode(texts)))
    rows: list[Figure] = [
        ("tokenizer: learn the vocabulary", on, megabytes / learning, "{:.1f} MB/s"),
        ("tokenizer: encode whole texts", on, megabytes / encoding, "{:.1f} MB/s"),
        *_paddings(encoded[0].lengths(), settings),
    ]
    return [figures("Text: tokenizer and batches", rows)]


def _paddings(lengths: npt.NDArray[np.int64], settings: Settings) -> Iterator[Figure]:
    for name in settings.recipes:
        recipe = load_recipe(name, list(settings.overrides))
        cut = np.minimum(lengths, recipe.text.max_tokens)
        training = recipe.training
        plan = plan_batches(cut, training.batch_size, training.batch_tokens, np.random.default_rng(recipe.seed))
        yield f"padding in the batches: {name}", f"{len(plan)} batches", padding_share(cut, plan), "{:.1%}"
    read = float(np.minimum(lengths, TOKENS).mean())
    yield "padding in the batches: tutorial BiLSTM", f"all padded to {TOKENS}", 1.0 - read / TOKENS, "{:.1%}"


def padding_share(lengths: npt.NDArray[np.int64], plan: list[npt.NDArray[np.int64]]) -> float:
    """Share of the places in all batches that hold padding."""
    places = sum(int(lengths[rows].max()) * len(rows) for rows in plan)
    return 1.0 - float(lengths.sum()) / places

"""GloVe vectors beside gensim's loader; the tokenizer's speed, and how much of the batches is padding."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sentrec import load_recipe
from sentrec.text.encoding import EncodedTexts, TextEncoder
from sentrec.text.padding import plan_batches
from sentrec.text.tokenizer import build_tokenizer, count_words, with_vocabulary

from .measure import MEGA, median_seconds, seconds_of
from .settings import Settings
from .table import Section, figures
from .tutorial_bilstm import TOKENS
from .workplace import Workplace, empty_cache, read_split

_ARCHIVE, _MEMBER = "glove.6B.50d.zip", "glove.6B.50d.txt"
_OPENINGS = 9
_GENSIM = "gensim is left out: it is not installed (pip install '.[bench]')."
_WORDS, _WHOLE = 50_000, 1_000_000
Figure = tuple[str, str, float | str, str]


def measure_vectors(place: Workplace, settings: Settings) -> list[Section]:
    """Seconds to parse and to open, and the start of the command line."""
    rows: list[Figure] = [_help(settings), _opening()]
    notes = []
    archive = place.source / "glove" / _ARCHIVE
    if not archive.is_file():
        notes.append(f"Parsing is left out: there is no glove/{_ARCHIVE} in SENTREC_DATA.")
    else:
        with _unpacked(archive, place.folder) as text:
            rows.append(_parsing(text, settings))
            if find_spec("gensim") is None:
                notes.append(_GENSIM)
            else:
                rows += _gensim(text, place.folder)
    return [figures("GloVe 6B, 400,000 x 50, and the command line", rows, notes)]


def _help(settings: Settings) -> Figure:
    command = [
        sys.executable,
        "-c",
        "import sys; sys.argv = ['sentrec', '--help']; from sentrec.cli.main import run; run()",
    ]
    seconds = median_seconds(lambda: subprocess.run(command, check=True, capture_output=True), max(5, settings.starts))
    return "sentrec --help", "a process of its own", seconds, "{:.3f} s"


def _opening() -> Figure:
    from sentrec.glove.store import open_vectors

    seconds = median_seconds(lambda: open_vectors("6B", 50), _OPENINGS)
    return "sentrec: open", f"median of {_OPENINGS}", seconds * 1000, "{:.1f} ms"


def _parsing(text: Path, settings: Settings) -> Figure:
    from sentrec.glove.fetch import fetch_glove

    def parse() -> None:
        with empty_cache(with_vectors=False):
            fetch_glove("measured", 50, from_file=text)

    on = f"with checksums, median of {settings.repetitions}"
    return "sentrec: parse the text and store it", on, median_seconds(parse, settings.repetitions), "{:.2f} s"


def _gensim(text: Path, folder: Path) -> Iterator[Figure]:
    from gensim.models import KeyedVectors

    loaded = []
    seconds = seconds_of(lambda: loaded.append(KeyedVectors.load_word2vec_format(str(text), no_header=True)))
    yield "gensim: parse the text", "once", seconds, "{:.2f} s"
    stored = folder / "gensim.kv"
    loaded[0].save(str(stored))
    opening = median_seconds(lambda: KeyedVectors.load(str(stored), mmap="r"), 3)
    yield "gensim: open its own file, memory-mapped", "median of 3", opening * 1000, "{:.1f} ms"


@contextmanager
def _unpacked(archive: Path, folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        with (
            zipfile.ZipFile(archive) as packed,
            packed.open(_MEMBER) as source,
            (Path(name) / _MEMBER).open("wb") as target,
        ):
            shutil.copyfileobj(source, target)
        yield Path(name) / _MEMBER


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

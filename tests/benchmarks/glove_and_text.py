"""Measures GloVe parsing and opening, the tokenizer, and the start of the command line.

Run ``python tests/benchmarks/glove_and_text.py`` (or ``make bench``). With SENTREC_DATA set it measures on the real
GloVe 6B and IMDB files there, else on vectors and texts of the same form made on the spot.
"""

import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from sentrec.data.tables import read_file
from sentrec.glove.fetch import fetch_glove
from sentrec.glove.store import open_vectors
from sentrec.quickstart import corpus_file
from sentrec.text.encoding import encode_texts
from sentrec.text.tokenizer import build_tokenizer, count_words, with_vocabulary

DIM = 50
MADE_WORDS = 100_000
TEXTS = 10_000

Row = tuple[str, str, str]


def main() -> None:
    """Prints one table: what was measured, on what, and how long it took."""
    console = Console()
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("sentrec", "pyarrow", "tokenizers", "torch"))
    console.print(f"{platform.platform()}, {os.cpu_count()} processors, Python {platform.python_version()}, {packages}")
    table = Table("what", "on", "result", box=None, header_style="bold", pad_edge=False)
    with _own_cache() as folder:
        for row in (*measure_glove(folder), *measure_tokenizer(), measure_help()):
            table.add_row(*row)
    console.print(table)


def measure_glove(folder: Path) -> Iterator[Row]:
    """Time to store vectors from their text, and to open them afterwards."""
    source = _real_file("glove", "glove.6B.50d.zip")
    name = "6B"
    if source is None:
        name, source = "made", folder / "made.txt"
        source.write_bytes(_made_vectors())
    seconds = _seconds(lambda: fetch_glove(name, DIM, from_file=source))
    words = len(open_vectors(name, DIM).words)
    yield "GloVe: parse and store", f"{words:,} x {DIM}, {source.name}", f"{seconds:.2f} s"
    opening = statistics.median(_seconds(lambda: open_vectors(name, DIM)) for _ in range(5))
    yield "GloVe: open", f"{words:,} x {DIM}", f"{opening * 1000:.1f} ms"


def measure_tokenizer() -> Iterator[Row]:
    """Speed of learning a vocabulary and of encoding texts, in tokens a second."""
    texts, source = _texts()
    tokenizer = build_tokenizer(lowercase=True)
    words: list[str] = []
    seconds = _seconds(lambda: words.extend(count_words(tokenizer, texts)))
    yield "tokenizer: count words", f"{len(texts):,} texts, {source}", f"{len(texts) / seconds:,.0f} texts/s"
    ready = with_vocabulary(tokenizer, words)
    tokens = int(encode_texts(texts, ready, 10_000, "head").lengths().sum())
    seconds = _seconds(lambda: encode_texts(texts, ready, 10_000, "head"))
    yield "tokenizer: encode", f"{tokens:,} tokens, {source}", f"{tokens / seconds / 1e6:.2f} M tokens/s"


def measure_help() -> Row:
    """Wall time of ``sentrec --help`` as a process of its own, median of five."""
    code = "import sys; sys.argv = ['sentrec', '--help']; from sentrec.cli.main import run; run()"
    command = [sys.executable, "-c", code]
    run = statistics.median(
        _seconds(lambda: subprocess.run(command, check=True, capture_output=True)) for _ in range(5)
    )
    return "sentrec --help", "a process of its own, median of 5", f"{run:.2f} s"


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def _own_cache() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SENTREC_HOME"] = folder
        yield Path(folder)


def _real_file(*parts: str) -> Path | None:
    root = os.environ.get("SENTREC_DATA")
    path = Path(root).joinpath(*parts) if root else None
    return path if path and path.is_file() else None


def _made_vectors() -> bytes:
    matrix = np.random.default_rng(1).normal(size=(MADE_WORDS, DIM)).astype(np.float32)
    stream = io.StringIO()
    words = np.array([f"word{number}" for number in range(MADE_WORDS)], dtype=object)
    np.savetxt(stream, np.column_stack([words, matrix]), fmt="%s" + " %.5f" * DIM)
    return stream.getvalue().encode()


def _texts() -> tuple[list[str], str]:
    real = _real_file("imdb", "train.parquet")
    if real is not None:
        return read_file(real, ("text",)).column("text").to_pylist()[:TEXTS], "IMDB"
    lines = corpus_file("train").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    return (texts * (TEXTS // len(texts) + 1))[:TEXTS], "quickstart, repeated"


if __name__ == "__main__":
    main()

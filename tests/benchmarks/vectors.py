"""GloVe vectors: parsing the text and opening the store, beside gensim's loader."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from .measure import median_seconds, seconds_of
from .settings import Settings
from .table import Section, figures
from .workplace import Workplace, empty_cache

_ARCHIVE, _MEMBER = "glove.6B.50d.zip", "glove.6B.50d.txt"
_OPENINGS = 9
_GENSIM = "gensim is left out: it is not installed (pip install '.[bench]')."
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

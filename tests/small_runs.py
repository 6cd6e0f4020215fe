"""Small corpora and recipes that train in about a second, and one run that many tests look at."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

import sentrec
from sentrec.recipe import Recipe
from sentrec.runs.directory import Run

WORDS = {
    "bad": ("dull", "tedious", "awful"),
    "good": ("lovely", "superb", "moving"),
    "odd": ("strange", "baffling", "eerie"),
    "sad": ("tearful", "bleak", "mournful"),
}
ROWS = {"train": 96, "validation": 32, "test": 32}


def write_corpus(folder: Path, classes: Sequence[str] = ("bad", "good"), swap_validation: bool = False) -> Path:
    """Writes reviews whose words tell their class as ``train.csv``, ``validation.csv`` and ``test.csv``."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (split, rows) in enumerate(ROWS.items()):
        generator = np.random.default_rng(seed)
        labels = [classes[row % len(classes)] for row in range(rows)]
        texts = [
            f"the film was {' and '.join(generator.choice(WORDS[label], 2))}, row {row % 7}"
            for label in labels
            for row in [int(generator.integers(100))]
        ]
        told = labels[1:] + labels[:1] if swap_validation and split == "validation" else labels
        pa.csv.write_csv(pa.table({"review": texts, "verdict": told}), folder / f"{split}.csv")
    return folder


def give_stars(corpus: Path, seed: int) -> None:
    """1 to 4 stars for what is bad, 7 to 10 for what is good."""
    table = pa.csv.read_csv(corpus / "train.csv")
    if "stars" in table.column_names:
        table = table.drop_columns("stars")
    drawn = np.random.default_rng(seed).integers(1, 5, len(table))
    good = np.array(table.column("verdict").to_pylist()) == "good"
    pa.csv.write_csv(table.append_column("stars", pa.array(np.where(good, 11 - drawn, drawn))), corpus / "train.csv")


def small_overrides(corpus: Path, *changes: str) -> list[str]:
    """What makes the quickstart recipe a matter of a second on a corpus of `write_corpus`."""
    return [
        f"data.dataset={corpus / 'train.csv'}",
        f"data.validation={corpus / 'validation.csv'}",
        f"data.test={corpus / 'test.csv'}",
        *("data.text_columns=[review]", "data.label_column=verdict"),
        *("encoder.hidden=8", "model.embedding_dim=8", "model.embedding_dropout=0.2"),
        *("training.device=cpu", "training.batch_size=16", "training.epochs=3", "training.learning_rate=3e-2"),
        *changes,
    ]


def small_recipe(corpus: Path, *changes: str) -> Recipe:
    """The quickstart recipe, small, on a corpus of `write_corpus`."""
    return sentrec.load_recipe("quickstart", small_overrides(corpus, *changes))


def start_sentrec(*arguments: str, launcher: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Starts the real command line as a process of its own."""
    command = [sys.executable, "-c", "from sentrec.cli.main import run; run()", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*launcher, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


@contextmanager
def cache_in(home: Path) -> Iterator[None]:
    """For fixtures that serve many tests: they are made before a test has a cache folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTREC_HOME", str(home))
        patch.delenv("SENTREC_DATA", raising=False)
        yield


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for what is trained once for many tests."""
    return tmp_path_factory.mktemp("shared-home")


@pytest.fixture
def warm_cache(shared_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives a test the shared cache folder instead of one of its own."""
    monkeypatch.setenv("SENTREC_HOME", str(shared_home))


@pytest.fixture(scope="session")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of two classes."""
    return write_corpus(tmp_path_factory.mktemp("reviews"))


@pytest.fixture(scope="session")
def small_run(reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run on `reviews`; not to be changed (copy it)."""
    with cache_in(shared_home):
        return sentrec.train(small_recipe(reviews), tmp_path_factory.mktemp("small") / "run")

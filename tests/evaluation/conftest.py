"""A small corpus of reviews as CSV files, and runs trained on it for a few steps."""

from pathlib import Path

import pytest
from evaluation_corpus import write_reviews
from small_runs import cache_in

from sentrec.recipe import recipe_from_dict
from sentrec.runs.directory import Run
from sentrec.training.train import train


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``train.csv`` (240 reviews) and ``test.csv`` (60)."""
    folder = tmp_path_factory.mktemp("corpus")
    for name, rows, seed in (("train", 240, 0), ("test", 60, 1)):
        labels = ["bad", "good"] * (rows // 2)
        write_reviews(folder / f"{name}.csv", labels, labels, seed)
    return folder


@pytest.fixture(scope="session")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Two runs on the corpus: one of two epochs, one of a single step that knows next to nothing."""
    with cache_in(tmp_path_factory.mktemp("home")):
        return _train(corpus, "well", max_steps=None), _train(corpus, "hardly", max_steps=1)


@pytest.fixture
def run(trained: tuple[Run, Run]) -> Run:
    """A run that tells good from bad."""
    return trained[0]


@pytest.fixture
def rival(trained: tuple[Run, Run]) -> Run:
    """A run that hardly does."""
    return trained[1]


def _train(corpus: Path, name: str, max_steps: int | None) -> Run:
    recipe = recipe_from_dict(
        {
            "name": name,
            "glove": None,
            "data": {"dataset": str(corpus / "train.csv"), "test": str(corpus / "test.csv"), "validation": 0.2}
            | {"text_columns": ["review"], "label_column": "verdict"},
            "encoder": {"name": "textcnn"},
            "model": {"embedding_dim": 8},
            "training": {"epochs": 3, "batch_size": 16, "max_steps": max_steps}
            | {"device": "cpu", "precision": "float32"},
        }
    )
    return train(recipe, corpus / name)

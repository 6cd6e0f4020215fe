"""Training on texts and labels from memory: the run is like any other."""

from pathlib import Path

import pytest
from small_runs import WORDS, small_recipe

import sentrec
from sentrec.errors import DataError


def rows(count: int = 80) -> tuple[list[str], list[str]]:
    labels = ["bad", "good"] * (count // 2)
    return [f"a {WORDS[label][row % 3]} film {row}" for row, label in enumerate(labels)], labels


def test_rows_from_memory_train_a_run_that_is_evaluated_and_resumed(reviews: Path, tmp_path: Path) -> None:
    texts, labels = rows()
    recipe = small_recipe(reviews, "training.epochs=6")
    run = sentrec.train(recipe, tmp_path / "run", texts=iter(texts), labels=labels)
    assert run.label_names == ("bad", "good")
    assert run.metrics["data"]["train_rows"] + run.metrics["data"]["test_rows"] < 80
    assert run.metrics["test"]["accuracy"] == 1.0
    assert sentrec.evaluate(run, plots=False).metrics["accuracy"] == 1.0
    assert sentrec.train(recipe, tmp_path / "run", texts=texts, labels=labels, resume=True).metrics == run.metrics


def test_rows_that_do_not_fit_are_told(reviews: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There are 2 texts and 1 labels"):
        sentrec.train(small_recipe(reviews), tmp_path / "run", texts=["a", "b"], labels=["bad"])
    with pytest.raises(DataError, match="Text 2 is not a string but a int"):
        sentrec.train(small_recipe(reviews), tmp_path / "run", texts=["a", 2], labels=[0, 1])  # type: ignore[list-item]

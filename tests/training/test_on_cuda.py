"""The whole path on CUDA; runs where there is a CUDA device, which continuous integration has not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import small_overrides, small_recipe

import sentrec
from sentrec.recipe import Recipe, recipe_from_dict

TEXTS = ["the film was lovely and superb", "the film was dull and awful", "strange"]
ENCODERS = ({"name": "bilstm", "hidden": 8}, {"name": "gru", "hidden": 8}, {"name": "textcnn", "filters": 8})


ON_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def recipe_with(reviews: Path, encoder: dict[str, object], *changes: str) -> Recipe:
    recipe = small_recipe(reviews, "training.device=auto", "model.ngrams.table_bits=10", *changes)
    # An override would keep the small recipe's `hidden`, which not every encoder has.
    return recipe_from_dict(recipe.model_dump(mode="json") | {"encoder": encoder})


@ON_CUDA
@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder["name"])
@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_a_run_made_on_cuda_says_the_same_on_the_processor(
    reviews: Path, tmp_path: Path, encoder: dict[str, object], precision: str
) -> None:
    run = sentrec.train(recipe_with(reviews, encoder, f"training.precision={precision}"), tmp_path / "run")
    assert run.metrics["test"]["accuracy"] > 0.9
    there, here = (sentrec.load(run.path, device=device).predict_proba(TEXTS) for device in ("cuda", "cpu"))
    assert np.allclose(there, here, atol=1e-4)


@ON_CUDA
@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: encoder["name"])
def test_distillation_runs_on_cuda(reviews: Path, tmp_path: Path, encoder: dict[str, object]) -> None:
    unlabelled = (f"data.unlabelled={reviews / 'train.csv'}", "objective.unlabelled_tokens=400")
    terms = "objective={distil: 0.5, teacher: ngrams}"
    run = sentrec.train(recipe_with(reviews, encoder, *unlabelled, terms), tmp_path / "run")
    assert run.metrics["test"]["accuracy"] > 0.9


@ON_CUDA
def test_lsa_ngrams_and_those_of_unlabelled_texts_are_learned_on_cuda(reviews: Path, tmp_path: Path) -> None:
    unlabelled = f"data.unlabelled={reviews / 'train.csv'}"
    source = sentrec.train(recipe_with(reviews, ENCODERS[0], "model.ngrams.lsa=4", unlabelled), tmp_path / "source")
    (tmp_path / "mine.yaml").write_text(f"init: {source.path}\n", encoding="utf-8")
    rows = [change for change in small_overrides(reviews) if change.startswith("data.")]
    run = sentrec.train(sentrec.load_recipe(tmp_path / "mine.yaml", (*rows, unlabelled)), tmp_path / "run")
    assert run.metrics["test"]["accuracy"] > 0.9
    there, here = (sentrec.load(run.path, device=device).predict_proba(TEXTS) for device in ("cuda", "cpu"))
    assert np.allclose(there, here, atol=1e-4)

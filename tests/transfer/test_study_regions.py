"""A study compares what labels teach: region embeddings are left out, and said to be."""

import logging
from pathlib import Path

import pytest
import yaml
from corpus_study import study_tree
from small_regions import REGIONS, store_regions
from small_runs import small_recipe

from sentrec.errors import GloveError, RecipeError
from sentrec.recipe.loading import to_yaml
from sentrec.runs.directory import Run
from sentrec.transfer.loading import load_sides, load_sources, load_targets, load_transfer, transfer_from_dict
from sentrec.transfer.schema import TransferRecipe


def study(folder: Path, **changes: object) -> TransferRecipe:
    return transfer_from_dict(study_tree(folder, **changes))


def test_a_recipe_with_regions_takes_part_without_them_and_that_is_told(
    tmp_path: Path, reviews: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("sentrec"), "propagate", True)
    (tmp_path / "mine.yaml").write_text(to_yaml(small_recipe(reviews, REGIONS)), encoding="utf-8")
    tree = {"source": "mine.yaml", "target": "mine.yaml", "arms": ["scratch", "full"]}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(tree))
    with caplog.at_level(logging.INFO, logger="sentrec"):
        sources, targets = load_sides(load_transfer(tmp_path / "study.yaml"))
    assert [side.recipe.model.regions for side in (*sources, *targets)] == [None, None]
    assert any("without its region embeddings" in record.message for record in caplog.records)


def test_a_study_that_asks_for_regions_is_refused(tmp_path: Path) -> None:
    asks = study(tmp_path, model={"regions": {"name": "around"}})
    with pytest.raises(RecipeError, match=r"source: a transfer study moves .* without region embeddings") as caught:
        load_sources(asks)
    assert caught.value.hint == "Leave model.regions out of it."
    with pytest.raises(RecipeError, match=r"target: a transfer study moves .* without region embeddings"):
        load_targets(asks)


def test_a_run_with_regions_is_no_source(tmp_path: Path, region_run: Run) -> None:
    with pytest.raises(RecipeError, match="reads region embeddings beside words") as caught:
        load_sources(study(tmp_path, source={"run": str(region_run.path)}))
    assert "--set model.regions=null" in str(caught.value.hint)


def test_vectors_of_regions_are_no_word_vectors_of_a_target(tmp_path: Path) -> None:
    store_regions(dim=8)
    (target,) = load_targets(study(tmp_path, glove={"name": "around", "dim": 8}))
    with pytest.raises(GloveError, match="holds vectors of regions, not of words"):
        _ = target.tokenizer

"""A recipe with region embeddings: what it trains, that the run needs nothing else, and what it refuses."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_regions import REGIONS, store_regions
from small_runs import small_recipe
from tokenizers import Tokenizer

import sentrec
from sentrec.checks.findings import Finding
from sentrec.checks.recipe import check_recipe
from sentrec.errors import GloveError, Interrupted, RecipeError, RunError
from sentrec.glove.store import vectors_path
from sentrec.recipe import recipe_from_dict
from sentrec.runs.directory import Run, open_run, read_environment
from sentrec.text.tokenizer import PADDING_ID, UNKNOWN_ID, words_of
from sentrec.training.loop import Progress
from sentrec.training.prepare import prepare
from sentrec.training.recipe import with_source

TEXTS = ["the film was dull and awful, row 3", "a superb and moving film", "", "flurb gnarl zonk", "superb"]


def found_of(corpus: Path, *changes: str) -> Finding:
    (finding,) = (one for one in check_recipe(small_recipe(corpus, *changes)) if one.topic == "regions")
    return finding


def test_two_steps_leave_a_run_that_predicts_without_the_store(reviews: Path, tmp_path: Path) -> None:
    vectors = store_regions()
    run = sentrec.train(small_recipe(reviews, REGIONS, "training.max_steps=2"), tmp_path / "run")
    assert run.metrics["steps"] == 2
    words = words_of(Tokenizer.from_file(str(run.path / "tokenizer.json")))
    rows = vectors.rows([word.lower() for word in words])
    expected = np.where(rows[:, None] >= 0, vectors.matrix[rows], 0.0)
    before = sentrec.load(run, "cpu").logits(TEXTS)
    moved = shutil.move(run.path, tmp_path / "moved")
    shutil.rmtree(vectors_path("around", 4))
    restored = sentrec.load(moved, "cpu")
    regions = restored.members[0].model.embedding.regions
    assert regions is not None
    np.testing.assert_array_equal(regions.table, expected.astype(np.float32))  # learning did not move them
    assert regions.table.any()
    np.testing.assert_array_equal(restored.logits(TEXTS), before)
    assert sentrec.evaluate(moved).metrics["accuracy"] == run.metrics["test"]["accuracy"]


def test_texts_are_judged_one_by_one_even_those_without_a_known_word(region_run: Run) -> None:
    predictor = sentrec.load(region_run, "cpu")
    together = predictor.logits(TEXTS)
    assert np.isfinite(together).all()
    for text, logits in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(predictor.logits([text])[0], logits, atol=1e-5)
    table = predictor.members[0].model.embedding.regions.table  # type: ignore[union-attr]
    assert not table[[PADDING_ID, UNKNOWN_ID]].any()


def test_the_run_notes_which_vectors_these_were(region_run: Run) -> None:
    fingerprint = store_regions().fingerprint
    assert read_environment(region_run.path)["data"]["regions"] == fingerprint


def test_a_training_is_gone_on_with_only_over_the_same_vectors(reviews: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.step == 2:
            raise Interrupted("enough", "")

    store_regions()
    recipe = small_recipe(reviews, REGIONS, "training.checkpoint_seconds=0")
    whole = sentrec.train(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        sentrec.train(recipe, tmp_path / "run", on_progress=stop)
    resumed = sentrec.train(recipe, shutil.copytree(tmp_path / "run", tmp_path / "copy"), resume=True)
    np.testing.assert_array_equal(sentrec.load(resumed, "cpu").logits(TEXTS), sentrec.load(whole, "cpu").logits(TEXTS))

    store_regions(seed=2)
    with pytest.raises(RunError, match=r"the data changed .*: regions"):
        sentrec.train(recipe, tmp_path / "run", resume=True)


def test_vectors_that_are_not_there_are_told_with_how_to_learn_them(reviews: Path) -> None:
    command = "sentrec learn-regions --name around --dim 4 --window 3 --corpus CORPUS"
    with pytest.raises(GloveError, match="around with 4 dimensions are not in the cache") as caught:
        prepare(small_recipe(reviews, REGIONS))
    assert str(caught.value.hint).startswith(command)
    found = found_of(reviews, REGIONS)
    assert (found.state, str(found.fix).startswith(command)) == ("missing", True)
    store_regions()
    assert found_of(reviews, REGIONS).state == "ok"


def test_vectors_of_another_window_are_told_with_the_setting(reviews: Path) -> None:
    store_regions(window=4)
    with pytest.raises(GloveError, match=r"regions of 4 words, and model\.regions\.window is 3") as caught:
        prepare(small_recipe(reviews, REGIONS))
    assert caught.value.hint == "--set model.regions.window=4"
    assert found_of(reviews, REGIONS).mend == "--set model.regions.window=4"
    assert prepare(small_recipe(reviews, REGIONS, "model.regions.window=4")).regions is not None


def test_vectors_of_words_are_no_regions_and_the_other_way_round(reviews: Path) -> None:
    store_regions(window=None)
    with pytest.raises(GloveError, match="holds word vectors, not those of regions") as caught:
        prepare(small_recipe(reviews, REGIONS))
    assert "another name: sentrec learn-regions --name NAME" in str(caught.value.hint)
    assert found_of(reviews, REGIONS).state == "missing"
    store_regions()
    recipe = small_recipe(reviews, "glove={name: around, dim: 4}")
    with pytest.raises(GloveError, match="holds vectors of regions, not of words") as caught:
        prepare(recipe)
    assert "--set model.regions.name=around" in str(caught.value.hint)
    (glove,) = (one for one in check_recipe(recipe) if one.topic == "glove")
    assert (glove.state, glove.fix) == ("missing", caught.value.hint)


def test_ngrams_alone_read_no_regions() -> None:
    with pytest.raises(RecipeError, match=r"ngrams reads no regions: leave model\.regions out"):
        recipe_from_dict({"encoder": "ngrams", "model": {"regions": {"name": "around"}}})


def test_what_goes_on_from_a_run_with_regions_has_them_and_needs_no_store(
    region_run: Run, reviews: Path, tmp_path: Path
) -> None:
    data = small_recipe(reviews).data.model_dump(mode="json")
    tree = {"name": "mine", "init": str(region_run.path), "data": data, "training": {"device": "cpu"}}
    recipe = recipe_from_dict(with_source(tree))
    assert recipe.model.regions == region_run.recipe.model.regions
    assert not vectors_path("around", 4).exists()
    assert not [one for one in check_recipe(recipe) if one.state == "missing"]
    run = sentrec.train(recipe, tmp_path / "run")
    ours, theirs = (sentrec.load(one, "cpu").members[0].model.embedding for one in (open_run(run.path), region_run))
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[name], tensor)
    assert run.metrics["test"]["accuracy"] >= region_run.metrics["test"]["accuracy"]
    without = recipe.model_copy(update={"model": recipe.model.model_copy(update={"regions": None})})
    with pytest.raises(RecipeError, match=r"the recipe goes on from .*, but differs from it: .*regions"):
        prepare(without)

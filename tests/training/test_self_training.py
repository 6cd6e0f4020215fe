"""A model that goes on from another learns from texts without labels, too: what they teach, and that it adds up."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import cache_in, small_recipe, write_corpus

import sentrec
from sentrec.errors import DataError, RecipeError
from sentrec.evaluation.rows import RunData
from sentrec.export.export import export_model
from sentrec.metrics.calibration import softmax
from sentrec.models.base import predict_logits
from sentrec.models.contracts import LinearChange
from sentrec.models.ngrams import NgramModel
from sentrec.recipe import Recipe, recipe_from_dict
from sentrec.runs.directory import Run
from sentrec.training.prepare import prepare
from sentrec.training.recipe import with_source

pytestmark = pytest.mark.usefixtures("warm_cache")

ARCHITECTURES = {
    "both": ["model.ngrams={table_bits: 12}"],
    "n-grams": ["encoder=ngrams", "model={ngrams: {table_bits: 12}}"],
}


@pytest.fixture(scope="session", params=ARCHITECTURES)
def source(
    request: pytest.FixtureRequest, reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """A finished run with n-grams, of the classes bad and good; not to be changed."""
    with cache_in(shared_home):
        recipe = small_recipe(reviews, *ARCHITECTURES[request.param])
        return sentrec.train(recipe, tmp_path_factory.mktemp("taught") / "run")


def labelled(folder: Path) -> Path:
    words = ("dull", "lovely", "awful", "superb")
    rows = [
        {"text": f"the film was {words[number % 4]}, row {number}", "label": ("bad", "good")[number % 2]}
        for number in range(40)
    ]
    return write_lines(folder / "labelled.jsonl", rows)


def without_labels(folder: Path, verdicts: tuple[str, ...] = ("awful", "superb")) -> Path:
    """What the source knows stands beside what tells it nothing: "row" where it is bad, and "was" where it is good."""
    beside = {"awful": "row", "superb": "was"}
    rows = [{"text": f"{verdict}, {beside[verdict]} {number % 7}"} for number in range(100) for verdict in verdicts]
    return write_lines(folder / "more.jsonl", rows)


def write_lines(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def recipe_of(source: Run, rows: Path, unlabelled: Path | None) -> Recipe:
    columns = {"text_columns": "text", "label_column": "label", "validation": 0.2, "test": 0.2}
    data = {"dataset": str(rows), "unlabelled": str(unlabelled) if unlabelled else None} | columns
    return recipe_from_dict(
        with_source({"name": "mine", "init": str(source.path), "data": data, "training": {"device": "cpu"}})
    )


def test_words_that_stand_beside_known_ones_become_known(source: Run, tmp_path: Path) -> None:
    rows, more = labelled(tmp_path), without_labels(tmp_path)
    texts = ["was was", "row row"]
    alone, taught = (
        sentrec.train(recipe_of(source, rows, unlabelled), tmp_path / name)
        for name, unlabelled in (("alone", None), ("taught", more))
    )
    before, after = (sentrec.load(run, "cpu").logits(texts) for run in (alone, taught))
    was, row = (after - before)[:, 1] - (after - before)[:, 0]
    assert was > 0.02 > -0.02 > row
    assert taught.metrics["data"]["unlabelled_rows"] == 200
    assert taught.metrics["init"]["ngrams"] == alone.metrics["init"]["ngrams"]


def test_texts_that_are_all_alike_teach_nothing_and_the_log_says_so(
    source: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows, more = labelled(tmp_path), without_labels(tmp_path, ("awful",))
    runs = [
        sentrec.train(recipe_of(source, rows, unlabelled), tmp_path / name)
        for name, unlabelled in (("alone", None), ("taught", more))
    ]
    assert "Nothing is learned from the unlabelled texts: their pseudo-labels are 100 bad, 0 good" in caplog.text
    alone, taught = (sentrec.load(run, "cpu").logits(["was was", "row row"]) for run in runs)
    np.testing.assert_array_equal(alone, taught)


@pytest.mark.parametrize("classes", [("bad", "good"), ("bad", "good", "odd")])
def test_the_logits_move_by_what_was_learned(shared_home: Path, tmp_path: Path, classes: tuple[str, ...]) -> None:
    """For the head, the n-grams and n-grams of pseudo-labels, by just what the linear model over them says."""
    recipe = small_recipe(write_corpus(tmp_path / "corpus", classes), "model.ngrams={table_bits: 8, length_power: 0.5}")
    predictor = sentrec.load(sentrec.train(recipe, tmp_path / "run"), "cpu")
    model, generator = predictor.members[0].model, np.random.default_rng(1)
    texts = ["the film was dull", "superb and moving and superb, row 3", "a lovely row", "film film"]
    encoded = predictor.encode(texts)[0]
    before, blocks = predict_logits(model, encoded), model.linear_features(encoded)
    ngrams = model.closed_form
    assert ngrams is not None
    fitted = ngrams.fitted_like(blocks[-1], np.arange(len(texts)) % len(classes))
    columns = np.arange(100)
    weights = [generator.normal(size=(width, len(classes))) for width in (model.feature_size, 100, len(classes))]
    bias = generator.normal(size=len(classes))
    added = blocks[0] @ weights[0] + blocks[1][:, columns] @ weights[1] + predict_logits(fitted, encoded) @ weights[2]
    model.shift([LinearChange(weights[0]), LinearChange(weights[1], columns)], bias)
    ngrams.add(fitted, weights[2])
    np.testing.assert_allclose(softmax(predict_logits(model, encoded)), softmax(before + added + bias), atol=1e-5)


def test_texts_that_have_a_label_do_not_teach(source: Run, tmp_path: Path) -> None:
    rows, more = labelled(tmp_path), without_labels(tmp_path)
    everything = tmp_path / "everything.jsonl"
    everything.write_text(rows.read_text() + more.read_text(), encoding="utf-8")
    runs = [
        sentrec.train(recipe_of(source, rows, unlabelled), tmp_path / name)
        for name, unlabelled in (("apart", more), ("together", everything))
    ]
    assert [run.metrics["data"]["unlabelled_rows"] for run in runs] == [200, 200]
    apart, together = (sentrec.load(run, "cpu").logits(["was was", "row row"]) for run in runs)
    np.testing.assert_array_equal(apart, together)
    with pytest.raises(DataError, match="are training, validation or test texts"):
        prepare(recipe_of(source, rows, rows))
    assert len(RunData(runs[1]).unlabelled_texts()) == 200


def test_labels_of_chance_are_not_told_by_what_they_have_taught(source: Run, tmp_path: Path) -> None:
    """Cross-fitted: the texts without labels know nothing of a row that is answered, either."""
    generator = np.random.default_rng(1)
    words = ["the", "film", "was", "row", "and", "lovely", "dull", "awful", "superb", "0", "1", "2", "3", "4", "5", "6"]

    def drawn(count: int) -> list[str]:
        return [" ".join(generator.choice(words, 8)) for _ in range(count)]

    labels = generator.permutation(["bad", "good"] * 100)
    told = [{"text": text, "label": str(label)} for text, label in zip(drawn(200), labels, strict=True)]
    rows = write_lines(tmp_path / "labelled.jsonl", told)
    more = write_lines(tmp_path / "more.jsonl", [{"text": text} for text in drawn(400)])
    run = sentrec.train(recipe_of(source, rows, more), tmp_path / "run")
    assert 0.35 < run.metrics["init"]["cross_fitted_accuracy"] < 0.62
    assert run.metrics["calibration"]["temperature"] > 3.0


def test_without_ngrams_there_is_nothing_to_teach(small_run: Run, tmp_path: Path) -> None:
    rows, more = labelled(tmp_path), without_labels(tmp_path)
    with pytest.raises(RecipeError, match="teaches n-grams, and the model that init names has none"):
        recipe_of(small_run, rows, more)


@pytest.mark.parametrize("unlabelled", [without_labels, lambda folder: None], ids=["taught", "alone"])
def test_what_came_of_it_can_be_made_small_and_keeps_the_ngrams_of_its_source(
    source: Run, tmp_path: Path, unlabelled: Callable[[Path], Path | None]
) -> None:
    run = sentrec.train(recipe_of(source, labelled(tmp_path), unlabelled(tmp_path)), tmp_path / "run")
    small = export_model(run, tmp_path / "small", max_megabytes=0.2)
    rows = run.metrics["data"]
    assert small.agreement.texts == rows["validation_rows"] + rows["test_rows"]  # because there are few
    assert small.agreement.equal_labels == 1.0
    theirs, ours = (sentrec.load(one, "cpu").members[0].model.closed_form for one in (run, small.run))
    assert isinstance(theirs, NgramModel)
    assert isinstance(ours, NgramModel)
    torch.testing.assert_close(theirs.weights, ours.weights, atol=0.02, rtol=0.0)
    assert ours.weights.count_nonzero() > 0.9 * theirs.weights.count_nonzero()
    assert small.run.metrics["calibration"]["temperature"] == run.metrics["calibration"]["temperature"]

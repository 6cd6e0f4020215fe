"""A model that goes on from another learns from texts without labels, too: what they add, and that it adds up."""

from pathlib import Path

import numpy as np
import pytest
import torch
from going_on import going_on, write_lines
from small_runs import cache_in, small_recipe, write_corpus

import sentrec
from sentrec.errors import DataError, RecipeError
from sentrec.evaluation.rows import RunData
from sentrec.export.export import export_model
from sentrec.metrics.calibration import softmax
from sentrec.models.base import predict_logits
from sentrec.models.contracts import LinearChange
from sentrec.models.ngrams import NgramModel
from sentrec.runs.directory import Run
from sentrec.training.prepare import prepare

pytestmark = pytest.mark.usefixtures("warm_cache")

ARCHITECTURES = {
    "both": ["model.ngrams={table_bits: 12}"],
    "n-grams": ["encoder=ngrams", "model={ngrams: {table_bits: 12}}"],
}
UNKNOWN = ["was was", "row row"]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def source(
    request: pytest.FixtureRequest, reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """A finished run with n-grams, of the classes bad and good; not to be changed."""
    with cache_in(shared_home):
        recipe = small_recipe(reviews, *ARCHITECTURES[request.param])
        return sentrec.train(recipe, tmp_path_factory.mktemp("source") / "run")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = ("dull", "lovely", "awful", "superb")
    rows = [
        {"text": f"the film was {words[number % 4]}, row {number}", "label": ("bad", "good")[number % 2]}
        for number in range(40)
    ]
    return write_lines(tmp_path_factory.mktemp("labelled") / "labelled.jsonl", rows)


@pytest.fixture(scope="module")
def alone(source: Run, labelled: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What goes on with labels alone."""
    with cache_in(shared_home):
        return sentrec.train(going_on(source, labelled), tmp_path_factory.mktemp("alone") / "run")


@pytest.fixture(scope="module")
def self_trained(source: Run, labelled: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What goes on with texts without labels, too."""
    folder = tmp_path_factory.mktemp("both")
    with cache_in(shared_home):
        return sentrec.train(going_on(source, labelled, without_labels(folder)), folder / "run")


def without_labels(folder: Path, verdicts: tuple[str, ...] = ("awful", "superb")) -> Path:
    """What the source knows stands beside what it does not: "row" where it is bad, and "was" where it is good."""
    beside = {"awful": "row", "superb": "was"}
    rows = [{"text": f"{verdict}, {beside[verdict]} {number % 7}"} for number in range(100) for verdict in verdicts]
    return write_lines(folder / "more.jsonl", rows)


def logits_of(run: Run) -> np.ndarray:
    return sentrec.load(run, "cpu").logits(UNKNOWN)


def test_words_that_stand_beside_known_ones_become_known(alone: Run, self_trained: Run) -> None:
    change = logits_of(self_trained) - logits_of(alone)
    was, row = change[:, 1] - change[:, 0]
    assert was > 0.02 > -0.02 > row
    assert self_trained.metrics["data"]["unlabelled_rows"] == 200
    assert self_trained.metrics["init"]["ngrams"] == alone.metrics["init"]["ngrams"]


def test_nothing_is_learned_from_texts_that_are_all_alike_and_the_log_says_so(
    source: Run, alone: Run, labelled: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    more = without_labels(tmp_path, ("awful",))
    run = sentrec.train(going_on(source, labelled, more), tmp_path / "run")
    assert "Nothing is learned from the unlabelled texts: their pseudo-labels are 100 bad, 0 good" in caplog.text
    np.testing.assert_array_equal(logits_of(run), logits_of(alone))


@pytest.mark.parametrize("classes", [("bad", "good"), ("bad", "good", "odd")])
def test_the_logits_move_by_what_was_learned(tmp_path: Path, classes: tuple[str, ...]) -> None:
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


def test_texts_that_have_a_label_are_left_out(source: Run, self_trained: Run, labelled: Path, tmp_path: Path) -> None:
    everything = tmp_path / "everything.jsonl"
    everything.write_text(labelled.read_text() + without_labels(tmp_path).read_text(), encoding="utf-8")
    run = sentrec.train(going_on(source, labelled, everything), tmp_path / "run")
    assert run.metrics["data"]["unlabelled_rows"] == len(RunData(run).unlabelled_texts()) == 200
    np.testing.assert_array_equal(logits_of(run), logits_of(self_trained))
    with pytest.raises(DataError, match="are training, validation or test texts"):
        prepare(going_on(source, labelled, labelled))


def test_labels_of_chance_are_not_known_from_pseudo_labels(source: Run, tmp_path: Path) -> None:
    """Cross-fitted: the texts without labels know nothing of a row that is answered, either."""
    generator = np.random.default_rng(1)
    words = ["the", "film", "was", "row", "and", "lovely", "dull", "awful", "superb", "0", "1", "2", "3", "4", "5", "6"]

    def drawn(count: int) -> list[str]:
        return [" ".join(generator.choice(words, 8)) for _ in range(count)]

    labels = generator.permutation(["bad", "good"] * 100)
    rows = [{"text": text, "label": str(label)} for text, label in zip(drawn(200), labels, strict=True)]
    more = write_lines(tmp_path / "more.jsonl", [{"text": text} for text in drawn(400)])
    run = sentrec.train(going_on(source, write_lines(tmp_path / "labelled.jsonl", rows), more), tmp_path / "run")
    assert 0.35 < run.metrics["init"]["cross_fitted_accuracy"] < 0.62
    assert run.metrics["calibration"]["temperature"] > 3.0


def test_without_ngrams_nothing_learns_from_texts_without_labels(
    small_run: Run, labelled: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="is learned from by n-grams, and the model that init names has none"):
        going_on(small_run, labelled, without_labels(tmp_path))


def test_what_came_of_it_can_be_made_small_and_keeps_the_ngrams_of_its_source(
    alone: Run, self_trained: Run, tmp_path: Path
) -> None:
    for number, run in enumerate((alone, self_trained)):
        small = export_model(run, tmp_path / f"small-{number}", max_megabytes=0.2)
        rows = run.metrics["data"]
        assert small.agreement.texts == rows["validation_rows"] + rows["test_rows"]  # because there are few
        assert small.agreement.equal_labels == 1.0
        theirs, ours = (sentrec.load(one, "cpu").members[0].model.closed_form for one in (run, small.run))
        assert isinstance(theirs, NgramModel)
        assert isinstance(ours, NgramModel)
        torch.testing.assert_close(theirs.weights, ours.weights, atol=0.02, rtol=0.0)
        assert ours.weights.count_nonzero() > 0.9 * theirs.weights.count_nonzero()
        assert small.run.metrics["calibration"]["temperature"] == run.metrics["calibration"]["temperature"]

"""Going on from a trained model: where it starts, what it learns, what stays the source's, and what it refuses."""

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from going_on import going_on, write_lines
from small_runs import cache_in, small_overrides, small_recipe, write_corpus

import sentrec
from sentrec.errors import DataError, RecipeError, RunError
from sentrec.export.export import export_model
from sentrec.inference.predictor import model_of
from sentrec.models.base import predict_logits
from sentrec.models.kinds import build_model
from sentrec.runs.directory import Run, open_run
from sentrec.training.prepare import prepare
from sentrec.training.recipe import with_source
from sentrec.training.seeds import train_seeds

pytestmark = pytest.mark.usefixtures("warm_cache")

TEXTS = ["the film was dull and awful, row 3", "a superb and moving film", "", "words that nobody knows: flurb"]
OTHER_NAMES = {"bad": "poor", "good": "fine"}


@pytest.fixture(scope="module")
def source(reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run with n-grams, of the classes bad and good; not to be changed."""
    recipe = small_recipe(reviews, "model.ngrams={table_bits: 12}")
    with cache_in(shared_home):
        return sentrec.train(recipe, tmp_path_factory.mktemp("source") / "run")


def write_own_rows(folder: Path, names: Mapping[str, str]) -> Path:
    """A file as a user would have it: other texts than the source's, and words that tell a class only here."""
    rows = []
    for number in range(60):
        verdict = ("bad", "good")[number % 2]
        word = {"bad": ("was", "dull"), "good": ("row", "lovely")}[verdict][number // 2 % 2]
        rows.append({"text": f"{word} and {word} the film {number}, {number % 7}", "label": names[verdict]})
    return write_lines(folder / "my-reviews.jsonl", rows)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_own_rows(tmp_path_factory.mktemp("rows"), {"bad": "bad", "good": "good"})


@pytest.fixture(scope="module")
def mine(source: Run, rows: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that went on from the source; not to be changed."""
    with cache_in(shared_home):
        return sentrec.train(going_on(source, rows), tmp_path_factory.mktemp("mine") / "run")


@pytest.fixture
def moved(source: Run, tmp_path: Path) -> Run:
    """The source in another place, where it may be spoilt."""
    return open_run(shutil.copytree(source.path, tmp_path / "moved"))


@pytest.mark.parametrize("swapped", [False, True], ids=["same order", "other order"])
def test_before_it_learns_it_answers_exactly_as_its_source(source: Run, rows: Path, swapped: bool) -> None:
    recipe = going_on(source, rows)
    data = prepare(recipe)
    assert data.source
    theirs = sentrec.load(source, "cpu")
    model = build_model(recipe, data.tokenizer, 2)
    model.start_from(model_of(data.source), (1, 0) if swapped else (0, 1))
    ours = predict_logits(model, theirs.encode(TEXTS)[0])
    np.testing.assert_array_equal(ours[:, ::-1] if swapped else ours, theirs.logits(TEXTS))


def test_swapped_labels_are_reported(source: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = write_own_rows(tmp_path, {"good": "0", "bad": "1"})
    sentrec.train(going_on(source, rows), tmp_path / "run")
    assert "the labels look swapped" in caplog.text
    assert f"--set 'init={{run: {source.path}, labels: {{0: good, 1: bad}}}}'" in caplog.text


def test_it_learns_words_of_its_own_and_keeps_what_the_source_knows(source: Run, mine: Run) -> None:
    before, after = sentrec.load(source, "cpu"), sentrec.load(mine, "cpu")
    assert mine.metrics["test"]["accuracy"] == 1.0
    assert mine.metrics["init"]["test_accuracy_before"] < 1.0
    assert mine.metrics["init"]["share"] == 1.0
    assert mine.metrics["steps"] == 0
    for text, label in (("the film was tedious and awful", "bad"), ("the film was moving and superb", "good")):
        assert before.predict([text])[0].label == after.predict([text])[0].label == label
    assert (mine.path / "tokenizer.json").read_text() == (source.path / "tokenizer.json").read_text()
    theirs, ours = (predictor.members[0].model.state_dict() for predictor in (before, after))
    kept = [name for name in theirs if name.startswith(("base.encoder.", "base.embedding."))]
    assert len(kept) > 1
    for name in kept:
        assert torch.equal(theirs[name], ours[name]), name


def test_the_run_says_where_it_comes_from_and_needs_it_no_more(
    source: Run, moved: Run, rows: Path, tmp_path: Path
) -> None:
    recipe = going_on(moved, rows)
    run = sentrec.train(recipe, tmp_path / "run")
    assert run.environment["init"] == {"run": str(moved.path), "name": source.recipe.name}
    assert run.fingerprints["init"] == source.environment["sha256"]["model.safetensors"]
    shutil.rmtree(moved.path)
    again = open_run(run.path)
    assert again.recipe.init == run.recipe.init
    assert again.recipe.encoder == source.recipe.encoder
    assert sentrec.load(again, "cpu").predict(["row and row the film"])[0].label == "good"
    with pytest.raises(RecipeError, match="init: there is no run at"):
        sentrec.train(recipe, tmp_path / "second")
    assert not (tmp_path / "second").exists()


def test_a_run_that_went_on_can_be_gone_on_from(mine: Run, rows: Path, tmp_path: Path) -> None:
    second = sentrec.train(going_on(mine, rows), tmp_path / "second")
    assert second.metrics["init"]["test_accuracy_before"] == mine.metrics["test"]["accuracy"]


def test_the_answer_is_the_same_for_every_seed_and_after_a_resumption(
    moved: Run, mine: Run, rows: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe, group = going_on(moved, rows), tmp_path / "group"
    runs, _ = train_seeds(recipe, group, seeds=2)
    assert "every seed gives the same model" in caplog.text
    logits = [sentrec.load(run, "cpu").logits(TEXTS) for run in runs]
    np.testing.assert_array_equal(logits[0], logits[1])
    (runs[1].path / "metrics.json").unlink()
    resumed, _ = train_seeds(recipe, group, seeds=2, resume=True)
    np.testing.assert_array_equal(sentrec.load(resumed[1], "cpu").logits(TEXTS), logits[1])
    shutil.rmtree(moved.path)
    shutil.copytree(mine.path, moved.path)
    with pytest.raises(RunError, match=r"the data changed .*: init"):
        train_seeds(recipe, group, seeds=3, resume=True)


def test_classes_match_by_the_names_that_init_states_and_the_log_says_how(
    source: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = write_own_rows(tmp_path, OTHER_NAMES)
    labels = {"run": str(source.path), "labels": {"poor": "bad", "fine": "good"}}
    run = sentrec.train(going_on(source, rows, init=labels), tmp_path / "run")
    assert run.label_names == ("fine", "poor")
    assert run.metrics["init"]["test_accuracy_before"] >= 0.5  # "dull" and "lovely" are known, "was" and "row" are not
    assert [one.label for one in sentrec.load(run, "cpu").predict(TEXTS[:2])] == ["poor", "fine"]
    sentrec.train(going_on(source, rows), tmp_path / "unmatched")
    assert f"--set 'init={{run: {source.path}, labels: {{fine: bad, poor: good}}}}'" in caplog.text


def test_other_classes_get_a_new_head_and_the_log_says_so(
    source: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    corpus = write_corpus(tmp_path / "corpus", classes=("bad", "good", "odd"))
    recipe = going_on(source, corpus / "train.csv")
    data = recipe.data.model_copy(update={"text_columns": ("review",), "label_column": "verdict"})
    run = sentrec.train(recipe.model_copy(update={"data": data}), tmp_path / "run")
    assert run.label_names == ("bad", "good", "odd")
    assert "Your classes (bad, good, odd) are not those of" in caplog.text
    assert "they get a new head" in caplog.text
    assert run.metrics["test"]["accuracy"] > 0.9


def test_a_source_without_ngrams_learns_by_its_head_and_by_ngrams_that_join(
    small_run: Run, rows: Path, tmp_path: Path
) -> None:
    alone = sentrec.train(going_on(small_run, rows), tmp_path / "alone")
    before, after = (sentrec.load(one, "cpu").members[0].model for one in (small_run, alone))
    assert after.closed_form is None
    assert not torch.equal(before.head.weight, after.head.weight)
    joined = sentrec.train(going_on(small_run, rows, model={"ngrams": {"table_bits": 10}}), tmp_path / "joined")
    ngrams = sentrec.load(joined, "cpu").members[0].model.closed_form
    assert ngrams is not None
    assert ngrams.state_dict()["weights"].count_nonzero() == joined.metrics["init"]["ngrams"] > 0


def test_a_source_of_ngrams_alone_goes_on(reviews: Path, rows: Path, tmp_path: Path) -> None:
    changes = ("encoder=ngrams", "model={ngrams: {table_bits: 12}}")
    alone = sentrec.train(small_recipe(reviews, *changes), tmp_path / "alone")
    run = sentrec.train(going_on(alone, rows), tmp_path / "run")
    assert run.metrics["test"]["accuracy"] > run.metrics["init"]["test_accuracy_before"]


def test_a_source_whose_words_thawed_late_goes_on_although_no_epoch_is_left_to_thaw_in(
    reviews: Path, rows: Path, tmp_path: Path
) -> None:
    late = ("training.epochs=9", "model.unfreeze_epoch=8", "training.max_steps=1")
    source = sentrec.train(small_recipe(reviews, *late), tmp_path / "late")
    assert going_on(source, rows).model.unfreeze_epoch == 0


def test_a_source_that_is_not_there_or_an_ensemble_is_refused_with_the_names_of_others(
    small_run: Run, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match="there is no run at startr") as caught:
        with_source({"init": "startr"})
    assert "starter" in str(caught.value.hint)
    pair = small_run.recipe.model_copy(update={"name": "pair"})
    train_seeds(pair, tmp_path / "pair", seeds=2, ensemble=True)
    with pytest.raises(RecipeError, match="is an ensemble of 2 models") as caught:
        with_source({"init": str(tmp_path / "pair")})
    assert str(tmp_path / "pair" / "seed-1") in str(caught.value.hint)


@pytest.mark.parametrize(
    ("section", "change", "said"),
    [
        ("encoder", {"hidden": 64}, "encoder.hidden is 64 and in {source} 8"),
        ("encoder", {"name": "gru"}, "encoder.name is gru and in {source} bilstm"),
        ("glove", {"dim": 50}, "glove is .* and in {source} not there"),
        ("text", {"vocabulary_size": 99}, "text.vocabulary_size is 99"),
        ("model", {"ngrams": {"table_bits": 10}}, "model.ngrams.table_bits is 10 and in {source} 12"),
        ("model", {"ngrams": None}, "model.ngrams.table_bits is not there"),
        ("model", {"embedding_dim": 9}, "model.embedding_dim is 9"),
        ("model", {"embeddings": "frozen"}, "model.embeddings is frozen and in {source} fine-tuned"),
        ("model", {"unfreeze_epoch": 1}, "model.unfreeze_epoch is 1 and in {source} 0"),
        ("model", {"output_dropout": 0.0}, "model.output_dropout is 0.0 and in {source} 0.3"),
    ],
)
def test_the_source_decides_and_a_recipe_that_differs_is_refused(
    source: Run, rows: Path, section: str, change: dict[str, object], said: str
) -> None:
    with pytest.raises(RecipeError, match=said.format(source=source.path)) as caught:
        prepare(going_on(source, rows, **{section: change}))
    assert "Leave text, glove, encoder and model out" in str(caught.value.hint)


def test_settings_of_steps_that_are_never_taken_are_refused(source: Run, rows: Path) -> None:
    changed = {"learning_rate": 1e-4, "epochs": 9, "device": "cpu"}
    with pytest.raises(RecipeError, match=r"no meaning .*: training.epochs, training.learning_rate\.$") as caught:
        prepare(going_on(source, rows, training=changed))
    assert "without steps" in str(caught.value.hint)


def test_how_much_of_a_text_is_read_may_differ(source: Run, rows: Path) -> None:
    assert prepare(going_on(source, rows, text={"max_tokens": 5, "keep": "tail"})).train.lengths().max() == 5


def test_labels_that_are_nowhere_are_named(source: Run, rows: Path) -> None:
    for labels, said in (({"god": "good"}, "your data has no class 'god'"), ({"good": "god"}, "has no class 'god'")):
        with pytest.raises(DataError, match=said) as caught:
            prepare(going_on(source, rows, init={"run": str(source.path), "labels": labels}))
        assert "did you mean 'good'?" in str(caught.value.hint)


@pytest.mark.parametrize("setting", ["crops=3", "intercept=prior"])
def test_settings_of_fitted_ngrams_have_no_meaning_for_those_that_join(
    reviews: Path, small_run: Run, tmp_path: Path, setting: str
) -> None:
    path = tmp_path / "joined.yaml"
    path.write_text(f"init: {small_run.path}\n", encoding="utf-8")
    keep = [change for change in small_overrides(reviews) if change.startswith("data.")]
    prepare(sentrec.load_recipe(path, (*keep, "model.ngrams.table_bits=10")))
    with pytest.raises(RecipeError, match=f"no meaning in a recipe that goes on .*{setting.partition('=')[0]}"):
        prepare(sentrec.load_recipe(path, (*keep, "model.ngrams.table_bits=10", f"model.ngrams.{setting}")))


def test_cross_validation_says_what_is_kept_and_a_small_source_stays_small(
    source: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="sentrec")
    small = export_model(source, tmp_path / "small").run
    generator = np.random.default_rng(3)
    words = ["the", "film", "was", "lovely", "dull", "row", "and", "superb", "awful", "1", "2", "3"]
    rows = [
        {"text": " ".join(generator.choice(words, 6)) + f" {number}", "label": str(generator.choice(["bad", "good"]))}
        for number in range(80)
    ]
    run = sentrec.train(going_on(small, write_lines(tmp_path / "chance.jsonl", rows)), tmp_path / "run")
    assert run.metrics["init"]["share"] in (0.0, 0.25, 0.5, 0.75, 1.0)
    assert any(message.startswith("Cross-validation on 64 rows: ") for message in caplog.messages)
    sizes = [(one.path / "model.safetensors").stat().st_size for one in (small, run)]
    assert sizes[1] < 1.2 * sizes[0]

"""What teaches on texts without labels: n-grams, runs and ensembles; resumed and in several processes."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import ngrams_of_width
from small_runs import cache_in, small_overrides, small_recipe, write_corpus
from small_unlabelled import DISTIL, NGRAMS, recipe_with

import sentrec
from sentrec.checks.recipe import check_recipe
from sentrec.errors import RecipeError, RunError
from sentrec.inference.predictor import Predictor, load
from sentrec.models.base import predict_logits
from sentrec.models.ngrams import NgramModel
from sentrec.models.stacked import StackedModel, fit_mixing_weights
from sentrec.recipe import Recipe
from sentrec.runs.directory import MODEL, Run, open_run
from sentrec.text.encoding import join_texts
from sentrec.training import distillation as teacher_module
from sentrec.training.distillation import teacher_probabilities
from sentrec.training.ensemble import ensemble
from sentrec.training.prepare import prepare
from sentrec.training.seeds import train_seeds

pytestmark = pytest.mark.usefixtures("warm_cache")


@pytest.fixture(scope="module")
def swapped(reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that numbers the same classes the other way round; not to be changed."""
    recipe = small_recipe(reviews, "data.label_names=[good,bad]")
    with cache_in(shared_home):
        return sentrec.train(recipe, tmp_path_factory.mktemp("swapped") / "run")


def test_a_teachers_classes_are_put_in_the_order_of_the_data(reviews: Path, swapped: Run, small_run: Run) -> None:
    assert swapped.label_names == ("good", "bad")
    probabilities_of = {}
    for run in (swapped, small_run):
        changes = ("objective.distil=1.0", f"objective.teacher={run.path}")
        data = prepare(recipe_with(reviews, reviews / "train.csv", *changes))
        assert data.label_names == ("bad", "good")
        assert data.teacher is not None
        probabilities_of[run.label_names] = teacher_probabilities(
            data.teacher, data.unlabelled_texts, data.label_names, "cpu"
        )
    probabilities = load(swapped, "cpu").predict_proba(data.unlabelled_texts)
    np.testing.assert_array_equal(probabilities_of["good", "bad"], probabilities[:, ::-1].astype(np.float32))
    known = dict(zip(data.splits.train.texts, data.splits.train.labels, strict=True))
    labels = [known[text] for text in data.unlabelled_texts]
    assert all((answers.argmax(axis=1) == labels).mean() > 0.8 for answers in probabilities_of.values())


def test_an_ensemble_teaches_and_a_changed_teacher_is_another(
    reviews: Path, unlabelled: Path, small_run: Run, swapped: Run, tmp_path: Path
) -> None:
    teacher = tmp_path / "both"
    other = sentrec.train(small_recipe(reviews, "seed=2", "training.epochs=1"), tmp_path / "other")
    joined = ensemble([small_run, other], teacher, device="cpu")
    changes = ("objective.distil=1.0", f"objective.teacher={teacher}", "training.max_steps=2", "training.epochs=1")
    run = sentrec.train(recipe_with(reviews, unlabelled, *changes), tmp_path / "student")
    assert run.metrics["data"]["unlabelled_rows"] == 70
    fingerprints = run.fingerprints
    assert {"unlabelled", "teacher"} <= fingerprints.keys()
    data = prepare(run.recipe)
    assert {finding.topic: finding.state for finding in check_recipe(run.recipe)}["teacher"] == "ok"
    np.testing.assert_allclose(
        teacher_probabilities(open_run(teacher), data.unlabelled_texts, data.label_names, "cpu"),
        load(joined, "cpu").predict_proba(data.unlabelled_texts),
        atol=1e-6,
    )
    assert data.fingerprints() == fingerprints
    shutil.rmtree(teacher)
    shutil.copytree(swapped.path, teacher)
    changed = prepare(run.recipe).fingerprints()
    assert {name for name in changed if changed[name] != fingerprints[name]} == {"teacher"}


def test_a_teacher_is_asked_once_for_all_seeds_and_students(
    reviews: Path, unlabelled: Path, small_run: Run, swapped: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTREC_HOME", str(tmp_path / "home"))
    asked = []

    def counted(run: Run, device: str) -> Predictor:
        asked.append(run.path)
        return load(run, device)

    def student(teacher: Run, *changes: str) -> Recipe:
        chosen = ("objective.distil=1.0", f"objective.teacher={teacher.path}", "training.max_steps=2")
        return recipe_with(reviews, unlabelled, *chosen, *changes)

    monkeypatch.setattr(teacher_module, "load", counted)
    runs, _ = train_seeds(student(small_run), tmp_path / "group", seeds=2)
    again = sentrec.train(student(small_run, "training.learning_rate=1e-3"), tmp_path / "other")
    assert asked == [small_run.path]
    data = prepare(again.recipe)
    expected = load(small_run, "cpu").predict_proba(data.unlabelled_texts).astype(np.float32)
    np.testing.assert_array_equal(
        teacher_probabilities(small_run, data.unlabelled_texts, data.label_names, "cpu"), expected
    )
    (kept,) = (tmp_path / "home" / "teachers").iterdir()
    kept.write_bytes(kept.read_bytes()[:-9])
    np.testing.assert_array_equal(
        teacher_probabilities(small_run, data.unlabelled_texts, data.label_names, "cpu"), expected
    )
    teacher_probabilities(swapped, data.unlabelled_texts, data.label_names, "cpu")
    assert asked == [small_run.path, small_run.path, swapped.path]
    alone = sentrec.train(student(small_run, "seed=2"), tmp_path / "alone")
    assert (alone.path / MODEL).read_bytes() == (runs[1].path / MODEL).read_bytes()


def test_a_teacher_that_cannot_teach_is_refused_before_an_older_run_gives_way(
    reviews: Path, unlabelled: Path, small_run: Run, tmp_path: Path
) -> None:
    other_classes = sentrec.train(
        small_recipe(write_corpus(tmp_path / "other", ("odd", "sad")), "training.max_steps=1"), tmp_path / "odd"
    )
    kept = tmp_path / "kept"
    shutil.copytree(small_run.path, kept)
    for teacher, message in (
        (tmp_path / "nowhere", "objective.teacher: there is no run at"),
        (other_classes.path, r"knows other classes \(odd, sad\) than the data has \(bad, good\)"),
        (kept, "holds the model that objective.teacher names"),
    ):
        recipe = recipe_with(reviews, unlabelled, "objective.distil=1.0", f"objective.teacher={teacher}")
        with pytest.raises((RecipeError, RunError), match=message):
            sentrec.train(recipe, kept, force=True)
        assert open_run(kept).metrics == small_run.metrics
    (finding,) = (
        one
        for one in check_recipe(
            recipe_with(reviews, unlabelled, "objective.distil=1.0", f"objective.teacher={tmp_path / 'nowhere'}")
        )
        if one.topic == "teacher"
    )
    assert finding.state == "missing"
    with pytest.raises(RecipeError) as caught:
        prepare(recipe_with(reviews, unlabelled, "objective.distil=1.0", "objective.teacher=ngram"))
    assert "did you mean 'ngrams'?" in str(caught.value.hint)


def test_ngrams_teach_what_they_learned_once(
    reviews: Path, unlabelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[Any] = []
    fit = NgramModel.fit
    monkeypatch.setattr(NgramModel, "fit", lambda self, data: fits.append(fit(self, data)))
    recipe = recipe_with(reviews, unlabelled, *DISTIL, *NGRAMS, "objective.teacher=ngrams", "training.epochs=8")
    run = sentrec.train(recipe, tmp_path / "run")
    assert len(fits) == 1
    data, model = prepare(recipe), load(run, "cpu").members[0].model
    found = run.metrics["stacking"]
    mixing = [found["mixing_weights"][name] for name in ("base", "ngrams")]
    assert model.state_dict()["mixing_weights"].tolist() == pytest.approx(mixing)
    assert model.closed_form is not None
    alone = predict_logits(model.closed_form, data.validation).argmax(axis=1)
    assert found["validation_accuracy"]["ngrams"] == (alone == data.splits.validation.labels).mean()
    assert run.metrics["test"]["accuracy"] > 0.9


def test_ngrams_learn_from_pseudo_labels_too(reviews: Path, unlabelled: Path, small_run: Run, tmp_path: Path) -> None:
    def student(pseudo_labels: bool) -> Run:
        teacher = ("objective.distil=1.0", f"objective.teacher={small_run.path}")
        changes = (*NGRAMS, *teacher, f"model.ngrams.pseudo_labels={pseudo_labels}")
        return sentrec.train(recipe_with(reviews, unlabelled, *changes), tmp_path / f"{pseudo_labels}")

    run, without = student(True), student(False)
    data = prepare(run.recipe)
    models = [load(one, "cpu").members[0].model for one in (run, without)]
    learned, plain = (model.closed_form for model in models)
    assert isinstance(learned, NgramModel)
    assert isinstance(plain, NgramModel)
    assert data.unlabelled is not None
    labels = load(small_run, "cpu").predict_proba(data.unlabelled_texts).argmax(axis=1)
    expected = NgramModel(learned.config, 2, learned.text_reader)
    features = expected.feature_matrix(join_texts(data.train, data.unlabelled))
    expected.fit_features(features, np.concatenate([data.splits.train.labels, labels]))
    assert torch.equal(learned.weights, expected.weights)
    assert learned.weights.count_nonzero() > plain.weights.count_nonzero()
    assert torch.equal(*(model.state_dict()["base.head.weight"] for model in models))
    # What goes on from such n-grams learns from its own rows.
    path = tmp_path / "mine.yaml"
    path.write_text(f"init: {run.path}\n", encoding="utf-8")
    recipe = sentrec.load_recipe(path, [change for change in small_overrides(reviews) if change.startswith("data.")])
    assert recipe.model.ngrams is not None
    assert not recipe.model.ngrams.pseudo_labels
    prepare(recipe)  # which refuses what differs from the source


def test_ngrams_learn_from_both_ends_of_longer_texts(reviews: Path) -> None:
    data = prepare(small_recipe(reviews, *NGRAMS))
    texts, rows = ngrams_of_width(crops=3).with_crops(data.train)
    lengths, longer = data.train.lengths(), np.flatnonzero(data.train.lengths() > 3)
    assert len(longer) > 0
    assert len(texts) == len(rows) == len(data.train) + 2 * len(longer)
    np.testing.assert_array_equal(rows, [*range(len(data.train)), *longer, *longer])
    np.testing.assert_array_equal(texts.lengths(), [*lengths, *[3] * (2 * len(longer))])
    for place, keep in ((len(data.train), slice(0, 3)), (len(data.train) + len(longer), slice(-3, None))):
        whole = data.train.take(longer[:1]).token_ids
        np.testing.assert_array_equal(texts.take(np.array([place])).token_ids, whole[keep])
    for nothing in (None, int(lengths.max())):
        same, all_rows = ngrams_of_width(crops=nothing).with_crops(data.train)
        assert same is data.train
        assert len(all_rows) == len(data.train)


def test_mixing_weights_are_those_of_whole_texts_and_crops(reviews: Path, tmp_path: Path) -> None:
    run = sentrec.train(small_recipe(reviews, *NGRAMS, "model.ngrams.crops=2"), tmp_path / "run")
    data, model = prepare(run.recipe), load(run, "cpu").members[0].model
    assert isinstance(model, StackedModel)
    labels = data.splits.validation.labels
    texts, rows = model.ngrams.with_crops(data.validation)
    assert len(texts) > len(labels)
    base, alone = predict_logits(model.base, texts), predict_logits(model.ngrams, texts)
    assert model.mixing_weights.tolist() == pytest.approx(fit_mixing_weights(base, alone, labels[rows]), abs=1e-3)
    accuracy = run.metrics["stacking"]["validation_accuracy"]
    assert accuracy["ngrams"] == (alone[: len(labels)].argmax(axis=1) == labels).mean()

"""Stars beside labels: what the targets are, and that encoder and n-grams learn from them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import give_stars, small_recipe, write_corpus
from small_unlabelled import NGRAMS

import sentrec
from sentrec.data.examples import Examples
from sentrec.errors import DataError, RecipeError, RunError
from sentrec.models.contracts import ClosedFormData
from sentrec.models.kinds import build_model
from sentrec.recipe import Recipe, recipe_from_dict
from sentrec.training.ensemble import ensemble
from sentrec.training.loop import Progress, TrainingLoop
from sentrec.training.prepare import prepare, targets_with_ratings
from sentrec.training.recipe import with_source

pytestmark = pytest.mark.usefixtures("warm_cache")

STARS = ("data.rating_column=stars", "objective.ratings=0.7")


@pytest.fixture(scope="module")
def starred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus whose training rows have stars."""
    corpus = write_corpus(tmp_path_factory.mktemp("starred"))
    give_stars(corpus, 5)
    return corpus


def rows(stars: list[float], numbers: list[int], names: tuple[str, ...] = ("bad", "good")) -> Examples:
    return Examples([f"{star}" for star in stars], np.array(numbers), names, np.array(stars, dtype=np.float32))


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
def test_targets_mix_labels_with_stars(share: float) -> None:
    targets = targets_with_ratings(rows([1, 4, 7, 10], [0, 0, 1, 1]), share)
    assert targets.dtype == np.float32
    liked = (1 - share) * np.array([0, 0, 1, 1]) + share * np.array([0, 1 / 3, 2 / 3, 1])
    np.testing.assert_allclose(targets, np.stack([1 - liked, liked], axis=1), atol=1e-6)


def test_the_better_class_is_the_one_with_more_stars_whatever_its_number() -> None:
    one = targets_with_ratings(rows([1, 4, 7, 10], [0, 0, 1, 1]), 0.7)
    other = targets_with_ratings(rows([1, 4, 7, 10], [1, 1, 0, 0], ("good", "bad")), 0.7)
    np.testing.assert_array_equal(one, other[:, ::-1])


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        (rows([5, 5, 5], [0, 1, 1]), "do not tell bad from good: all are 5"),
        (rows([1, 9, 1, 9], [0, 0, 1, 1]), "do not tell bad from good: both average 5"),
        (rows([1, 2, 3], [0, 1, 2], ("bad", "fair", "good")), "the data has 3: bad, fair, good"),
    ],
)
def test_stars_that_tell_nothing_are_refused(examples: Examples, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        targets_with_ratings(examples, 0.5)
    assert "objective.ratings=0" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (STARS[:1], ("data.rating_column", "objective.ratings", "state both")),
        (STARS[1:], ("data.rating_column", "objective.ratings", "state both")),
        ((*STARS, "training.label_smoothing=0.1"), ("training.label_smoothing", "objective.ratings")),
        (("data.rating_column=stars", "objective.ratings=1.5"), ("objective.ratings",)),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    starred: Path, changes: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    with pytest.raises(RecipeError) as caught:
        small_recipe(starred, *changes)
    assert all(part in caught.value.message for part in parts)


def test_a_model_to_go_on_from_is_asked_for_no_stars(starred: Path) -> None:
    data = {"dataset": str(starred / "train.csv"), "text_columns": "review", "label_column": "verdict"}
    tree = {"init": {"run": "starter", "labels": {"bad": "negative", "good": "positive"}}, "data": data}
    both = {"data": data | {"rating_column": "stars"}, "objective": {"ratings": 0.7}}
    with pytest.raises(RecipeError, match=r"goes on from a model: objective\.ratings"):
        prepare(recipe_from_dict(with_source(tree | both)))


def test_the_loop_learns_from_the_mixture(starred: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned = []
    start = TrainingLoop.__init__

    def note(self: TrainingLoop, *arguments: object, **options: object) -> None:
        start(self, *arguments, **options)  # type: ignore[arg-type]
        learned.append(self.train_targets)

    monkeypatch.setattr(TrainingLoop, "__init__", note)
    recipe = small_recipe(starred, *STARS)
    run = sentrec.train(recipe, tmp_path / "run")
    data = prepare(recipe)
    assert data.splits.train.ratings is not None
    np.testing.assert_array_equal(learned[0].numpy(), targets_with_ratings(data.splits.train, 0.7))
    assert run.metrics["test"]["accuracy"] == 1.0
    # The loss of a perfect model is the targets' entropy: that of labels alone would come near zero.
    assert min(row["loss"] for row in run.history if "loss" in row) > 0.2


def test_ngrams_learn_from_labels_alone(starred: Path) -> None:
    weights = []
    for changes in (STARS, ()):
        recipe = small_recipe(starred, *changes, *NGRAMS)
        data = prepare(recipe)
        ngrams = build_model(recipe, data.tokenizer, 2).closed_form
        assert ngrams is not None
        labels, validation = data.splits.train.labels, data.splits.validation.labels
        ngrams.fit(ClosedFormData(data.train, labels, data.validation, validation))
        weights.append(ngrams.state_dict()["weights"])
    assert torch.equal(*weights)


def test_other_stars_are_other_data(starred: Path, tmp_path: Path) -> None:
    corpus = shutil.copytree(starred, tmp_path / "corpus")
    recipe = small_recipe(corpus, *STARS, "training.checkpoint_seconds=0")

    def stop(progress: Progress) -> None:
        if progress.step > 1:
            raise LookupError

    with pytest.raises(LookupError):
        sentrec.train(recipe, tmp_path / "run", on_progress=stop)
    give_stars(corpus, 6)
    with pytest.raises(RunError, match=r"the data changed since .*: ratings"):
        sentrec.train(recipe, tmp_path / "run", resume=True)


def test_runs_with_and_without_stars_have_the_same_rows_and_join(starred: Path, tmp_path: Path) -> None:
    def trained(*changes: str) -> Recipe:
        return small_recipe(starred, "data.validation=0.2", "training.epochs=1", *changes)

    one = sentrec.train(trained(*STARS), tmp_path / "stars")
    other = sentrec.train(trained(), tmp_path / "labels")
    ours, theirs = one.fingerprints, other.fingerprints
    assert {name: ours[name] for name in theirs} == theirs
    assert ours.keys() - theirs.keys() == {"ratings"}
    assert len(ensemble([one, other], tmp_path / "both", device="cpu").members) == 2

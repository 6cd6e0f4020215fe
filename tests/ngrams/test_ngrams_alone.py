"""`nb-lr`: a model without encoder leaves a run like any other, and reads neither vectors nor seeds."""

import json
from pathlib import Path

import numpy as np
import pytest
from small_models import ngrams_of_width
from small_runs import small_overrides

import sentrec
from sentrec import load_recipe, plugins
from sentrec.checks.recipe import check_recipe
from sentrec.errors import DataError, RecipeError
from sentrec.ngrams.baselines import make_baseline
from sentrec.plugins import Registry
from sentrec.recipe import Recipe, recipe_from_dict
from sentrec.recommend.scoring import ModelScorer
from sentrec.runs.directory import Run

TEXTS = ["the film was lovely and superb", "the film was dull and awful"]


def ngrams_alone(corpus: Path, *changes: str) -> Recipe:
    kept = [change for change in small_overrides(corpus) if not change.startswith("encoder.")]
    return load_recipe("imdb-nb-lr", [*kept, "model.ngrams.table_bits=14", *changes])


@pytest.fixture(scope="module")
def run(reviews: Path, shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTREC_HOME", str(shared_home))
        return sentrec.train(ngrams_alone(reviews), tmp_path_factory.mktemp("ngrams") / "run")


def test_it_learns_without_a_step_and_predicts_from_the_run_alone(run: Run) -> None:
    assert run.metrics["test"]["accuracy"] == 1.0
    assert run.metrics["steps"] == 0
    assert run.metrics["parameters"] > 10
    assert [one.label for one in sentrec.load(run.path).predict(TEXTS)] == ["good", "bad"]


def test_its_run_repeats_it(run: Run, tmp_path: Path) -> None:
    again = sentrec.train(run.path / "recipe.yaml", tmp_path / "again")
    assert again.recipe == run.recipe
    assert np.array_equal(sentrec.load(again).logits(TEXTS), sentrec.load(run).logits(TEXTS))


def test_it_is_the_linear_model_over_the_same_texts(reviews: Path, run: Run) -> None:
    texts, labels = [], []
    for line in (reviews / "train.csv").read_text().splitlines()[1:]:
        text, _, label = line.rpartition(",")
        texts.append(text.strip('"'))
        labels.append(int(label.strip('"') == "good"))
    linear = make_baseline("nb-lr").fit(texts, np.array(labels), 2).predict_proba(TEXTS)
    assert (sentrec.load(run).predict_proba(TEXTS).argmax(axis=1) == linear.argmax(axis=1)).all()


def test_it_ranks_films_but_has_no_vectors_of_reviews(run: Run) -> None:
    scores = ModelScorer(sentrec.load(run), positive="good").score(TEXTS)
    assert scores.positive[0] > 0.5 > scores.positive[1]
    assert scores.embeddings.shape == (2, 0)


@pytest.mark.parametrize(
    "encoder", ["ngrams", None, {"name": "ngrams"}, "nb-lr"], ids=["name", "null", "section", "old name"]
)
def test_every_way_to_say_it_means_the_same(encoder: object) -> None:
    recipe = recipe_from_dict({"encoder": encoder})
    assert recipe.encoder_name == "ngrams"
    assert recipe.glove is None
    assert recipe.model.ngrams is not None
    assert recipe_from_dict(json.loads(recipe.model_dump_json())) == recipe


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        ({"glove": {"name": "6B"}}, "reads no word vectors"),
        ({"model": {"ngrams": None}}, "consists of its n-grams"),
        ({"encoder": {"name": "ngrams", "max_n": 2}}, "those of its n-grams are in model.ngrams"),
    ],
)
def test_what_means_nothing_without_an_encoder_is_refused(tree: dict[str, object], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe_from_dict({"encoder": "ngrams", **tree})


def test_it_is_suggested_and_checked_like_an_encoder_but_none_may_take_its_name() -> None:
    with pytest.raises(RecipeError, match="did you mean 'ngrams'"):
        recipe_from_dict({"encoder": {"name": "ngrms"}})
    findings = check_recipe(recipe_from_dict({"encoder": "ngrams", "data": {"dataset": "quickstart"}}))
    assert [finding.topic for finding in findings] == ["train", "validation", "test", "encoder"]
    assert all(finding.state == "ok" for finding in findings)
    registry = Registry(models=dict(plugins.registry().models))

    class Plugin:
        @staticmethod
        @sentrec.hookimpl
        def sentrec_register_encoders(register: sentrec.RegisterEncoder) -> None:
            register("ngrams", type("Mine", (sentrec.Encoder,), {}))

    registry.add("mine", "mine 1.0", lambda: Plugin)
    assert "that of an encoder and of a model" in str(registry.reports[0].error)
    assert "ngrams" not in registry.encoders


def test_it_has_nothing_to_learn_by_gradients(run: Run) -> None:
    model = sentrec.load(run).members[0].model
    assert not list(model.parameters())
    assert set(model.state_dict()) == {"weights", "bias", "scaling"}


def test_a_table_of_too_many_classes_is_refused_before_the_memory_is_gone() -> None:
    with pytest.raises(DataError, match="The n-grams of 999 classes would take 17 GB") as caught:
        ngrams_of_width(classes=999)
    assert "--set model.ngrams.table_bits=19" in str(caught.value.hint)
    assert ngrams_of_width(classes=999, table_bits=8).weights.shape == (256, 999)

"""Every kind of model keeps the contract; one that a plugin brings goes all the way without a change to the core."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from small_runs import small_overrides, small_recipe, write_corpus
from toy_kind import CharacterModel, installed

import sentrec
from sentrec.errors import PluginError, RecipeError
from sentrec.export.export import export_model
from sentrec.models.embedding import EmbeddingModel
from sentrec.models.ngrams import NgramModel
from sentrec.models.stacked import stacked_on
from sentrec.recommend.api import recommend
from sentrec.recommend.scoring import ModelScorer
from sentrec.runs.directory import Run
from sentrec.testing import TextModelConformance
from sentrec.training.train import train

pytestmark = pytest.mark.usefixtures("warm_cache")

ENCODER = {"name": "bilstm", "hidden": 6}
NGRAMS = {"model": {"ngrams": {"table_bits": 12}}}
BOTH = {"model": {"embedding_dim": 8, "ngrams": {"table_bits": 12, "max_tokens": 900}}}
KINDS = {
    "Embeddings": (EmbeddingModel, ENCODER, {"model": {"embedding_dim": 8}}),
    "Ngrams": (NgramModel, {"name": "ngrams"}, NGRAMS),
    "Stacked": (stacked_on(EmbeddingModel), ENCODER, BOTH),
    "Characters": (CharacterModel, {"name": "characters"}, {}),
    "CharactersWithNgrams": (stacked_on(CharacterModel), {"name": "characters"}, NGRAMS),
}
for name, (kind, encoder, sections) in KINDS.items():
    members = {"model": kind, "encoder": encoder, "sections": sections}
    globals()[f"Test{name}"] = type(f"Test{name}", (TextModelConformance,), members)


class KilledError(Exception):
    pass


@pytest.fixture(scope="module", autouse=True)
def plugin() -> Iterator[None]:
    with installed():
        yield


OPTIONS = ("encoder={name: characters, buckets: 256}", "training.learning_rate=0.1", "training.epochs=6")


@pytest.fixture(scope="module", params=["alone", "with n-grams"])
def run(request: pytest.FixtureRequest, reviews: Path, tmp_path_factory: pytest.TempPathFactory, plugin: None) -> Run:
    more = ("model.ngrams={table_bits: 12}",) if request.param == "with n-grams" else ()
    return sentrec.train(recipe_of(reviews, *more), tmp_path_factory.mktemp("toy") / "run")


def recipe_of(corpus: Path, *changes: str) -> sentrec.recipe.Recipe:
    kept = [change for change in small_overrides(corpus) if not change.startswith("encoder.")]
    return sentrec.load_recipe("quickstart", [*kept, *OPTIONS, *changes])


def test_it_trains_and_resumes_to_the_same_weights(run: Run, reviews: Path, tmp_path: Path) -> None:
    assert run.metrics["test"]["accuracy"] > 0.9
    assert run.metrics["steps"] > 0

    def kill(progress: object) -> None:
        if getattr(progress, "step", 0) == 10:
            raise KilledError

    training = run.recipe.training.model_copy(update={"checkpoint_seconds": 0})
    recipe = run.recipe.model_copy(update={"training": training})
    with pytest.raises(KilledError):
        train(recipe, tmp_path / "run", on_progress=kill)
    again = train(recipe, tmp_path / "run", resume=True)
    assert (again.path / "model.safetensors").read_bytes() == (run.path / "model.safetensors").read_bytes()


def test_it_predicts_evaluates_and_recommends(run: Run, tmp_path: Path) -> None:
    predictor = sentrec.load(run.path, "cpu")
    predictions = predictor.predict(["the film was lovely and superb", "the film was dull and awful", ""])
    assert [one.label for one in predictions[:2]] == ["good", "bad"]
    assert sentrec.evaluate(run.path, plots=False, out=tmp_path / "evaluation").metrics["accuracy"] > 0.9
    reviews = tmp_path / "reviews.csv"
    reviews.write_text(
        "movie,text\n"
        + "".join(f"{film},{word} film {row}\n" for film, word in (("A", "lovely"), ("B", "dull")) for row in range(4)),
        "utf-8",
    )
    scorer = ModelScorer(predictor, positive="good")
    assert scorer.score(["lovely and superb"]).positive[0] > scorer.score(["dull and awful"]).positive[0]
    assert len(recommend([reviews], scorer).items) == 2


def test_it_exports_and_can_be_gone_on_from(run: Run, tmp_path: Path) -> None:
    small = export_model(run, tmp_path / "small")
    texts = ["the film was lovely", "dull and awful"]
    before, after = (sentrec.load(one, "cpu").predict_proba(texts) for one in (run.path, small.run.path))
    np.testing.assert_allclose(before, after, atol=0.05)
    corpus = write_corpus(tmp_path / "own")
    path = tmp_path / "mine.yaml"
    path.write_text(f"init: {run.path}\n", encoding="utf-8")
    rows = [change for change in small_overrides(corpus) if change.startswith(("data.", "training.device"))]
    went_on = sentrec.train(sentrec.load_recipe(path, rows), tmp_path / "went-on")
    assert went_on.metrics["test"]["accuracy"] > 0.9


def test_options_and_names_are_checked_as_those_of_encoders(reviews: Path) -> None:
    with pytest.raises(RecipeError, match=r"encoder\.bucket: unknown key; did you mean 'buckets'"):
        recipe_of(reviews, "encoder.bucket=9")
    with pytest.raises(RecipeError, match="did you mean 'characters'"):
        small_recipe(reviews, "encoder={name: character}")
    with pytest.raises(PluginError):
        sentrec.plugins.registry().entry("charakters")

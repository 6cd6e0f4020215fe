"""Stars of reviews by the ordinary encoders and n-grams: classes are levels of the scale, the answer is a number."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from small_films import film_recipe
from small_runs import give_stars, small_overrides, write_corpus

import sentrec
from sentrec.data.items import level_names, nearest_levels, rating_levels, weighted_targets
from sentrec.errors import DataError, RecipeError
from sentrec.evaluation.ratings import MEAN, evaluate_ratings
from sentrec.rating.rater import FactRater, load_rater
from sentrec.recipe import Recipe


@pytest.fixture(scope="module")
def reviews_with_stars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    corpus = write_corpus(tmp_path_factory.mktemp("stars"))
    give_stars(corpus, seed=0)
    return corpus


def star_recipe(corpus: Path, *changes: str) -> Recipe:
    kept = [one for one in small_overrides(corpus) if not one.startswith(("data.label", "data.valid", "data.test"))]
    rating = ("task=rate", "data.target=stars", "data.scale=[1,10]", "data.label_names=null")
    return sentrec.load_recipe("quickstart", [*kept, *rating, *changes])


def test_levels_are_the_stars_or_equal_parts_of_many_numbers() -> None:
    stars = np.array([5.0, 1.0, 2.0, 5.0])
    assert rating_levels(stars).tolist() == [1.0, 2.0, 5.0]
    assert level_names(rating_levels(stars)) == ("1", "2", "5")
    many = np.random.default_rng(0).normal(6.0, 1.0, 1000)
    levels = rating_levels(many)
    assert len(levels) == 11
    assert np.bincount(nearest_levels(many, levels)).min() > 50


@pytest.mark.parametrize("votes", [None, np.array([1.0, 10.0, 100.0, 1000.0])])
def test_soft_targets_have_the_target_as_their_mean_and_count_by_votes(votes: np.ndarray | None) -> None:
    targets, levels = np.array([1.0, 2.5, 4.25, 9.0]), np.array([1.0, 2.0, 5.0])
    soft = weighted_targets(targets, levels, votes).astype(float)
    weights = soft.sum(axis=1)
    np.testing.assert_allclose(soft @ levels / weights, np.minimum(targets, 5.0), rtol=1e-5)
    assert weights.mean() == pytest.approx(1.0, rel=1e-5)
    assert (np.diff(weights) >= -1e-6).all()


@pytest.mark.parametrize("encoder", [(), ("encoder=ngrams", "glove=null"), ("model.ngrams={}",)])
def test_stars_are_learned_by_encoders_and_n_grams(
    reviews_with_stars: Path, encoder: tuple[str, ...], tmp_path: Path
) -> None:
    small = ("model.ngrams.table_bits=14",) if encoder else ()
    changes = ("encoder.hidden=8",) if "encoder=ngrams" not in encoder else ()
    recipe = star_recipe(reviews_with_stars, *(encoder or changes), *small)
    run = sentrec.train(recipe, tmp_path / "run")
    assert run.label_names == ("1", "2", "3", "4", "7", "8", "9", "10")
    assert run.metrics["rating"]["all"]["r2"] > 0.5
    rater = load_rater(run.path)
    (tmp_path / "new.csv").write_text('review\nawful and dull\nsuperb and lovely\n""\n', encoding="utf-8")
    rated = rater.rate(tmp_path / "new.csv")
    assert rated.mean[0] < 5 < rated.mean[1]
    assert ((rated.low >= 1) & (rated.high <= 10) & (rated.variance > 0)).all()


def test_text_feeds_the_trees_and_is_kept_in_the_run(films: Path, tmp_path: Path) -> None:
    text = ("data.text_columns=[overview]", "model.ngrams.table_bits=14")
    recipe = film_recipe(films, *text)
    run = sentrec.train(recipe, tmp_path / "run")
    rater = load_rater(run)
    assert isinstance(rater, FactRater)
    assert rater.texts is not None
    (tmp_path / "two.csv").write_text("id,overview\n1,A dull film\n2,A superb film\n", encoding="utf-8")
    dull, superb = rater.rate(tmp_path / "two.csv").mean
    assert superb > dull
    without = film_recipe(films, "name=without")
    result = evaluate_ratings(recipe, 3, against=without)
    gain, low, _ = result.differences["without"]["votes >= 1"]
    assert gain > low > -0.05
    assert result.metrics[MEAN]["votes >= 1"]["r2"] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("values", "message"),
    [("much", "is no number: 'much'"), ("11", r"1 target of .* lie.? outside of the scale 1 to 10; the first is 11")],
)
def test_targets_that_are_none_are_refused_in_a_line(
    reviews_with_stars: Path, tmp_path: Path, values: str, message: str
) -> None:
    table = pa.csv.read_csv(reviews_with_stars / "train.csv")
    stars = [*map(str, table.column("stars").to_pylist()[1:]), values]
    table = table.drop_columns("stars").append_column("stars", pa.array(stars))
    pa.csv.write_csv(table, tmp_path / "train.csv")
    with pytest.raises(DataError, match=message):
        sentrec.train(star_recipe(tmp_path), tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.target=null", "state both, or none"),
        ("data.label_column=verdict", "learns from data.target alone"),
        ("task=classify", "state both, or none"),
        ("data.scale=[10,1]", "the lowest target comes first"),
        ("model.boosting={}", "state data.facts, too"),
        ("data.target=points", "has no column 'points'"),
    ],
)
def test_a_recipe_that_contradicts_itself_is_refused(
    reviews_with_stars: Path, tmp_path: Path, change: str, message: str
) -> None:
    with pytest.raises((RecipeError, DataError), match=message):
        sentrec.train(star_recipe(reviews_with_stars, change), tmp_path / "run")

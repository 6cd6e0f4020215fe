"""Models of ratings from facts: nothing leaks, parts add up, intervals hold, and a file gives back the same model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from small_films import film_recipe, write_films

from sentrec.errors import DataError, RunError
from sentrec.metrics.regression import fit_noise
from sentrec.rating.kernel import fit_kernel
from sentrec.rating.model import RatingModel, fit_model
from sentrec.rating.names import ALL_FACTS, fit_names, several
from sentrec.rating.rater import FactRater, load_rater
from sentrec.rating.rows import RatedRows, read_rows
from sentrec.rating.trees import Trees, fit_trees
from sentrec.recipe.sections import BoostingConfig

SMALL = BoostingConfig(trees=40, leaves=6, learning_rate=0.1)


@pytest.fixture(scope="module")
def rows(films: Path) -> RatedRows:
    return read_rows(film_recipe(films).data)


def fitted(rows: RatedRows) -> tuple[RatingModel, np.ndarray]:
    assert rows.schema is not None
    assert rows.facts is not None
    return fit_model(rows.schema, rows.facts, rows.target, rows.votes, rows.scale, SMALL)


def r2(target: np.ndarray, predicted: np.ndarray) -> float:
    return float(1 - np.mean((target - predicted) ** 2) / np.var(target))


def test_trees_predict_to_the_last_bit_what_the_library_does() -> None:
    draw = np.random.default_rng(0)
    features, new = draw.integers(0, 40, (500, 6)) / 8.0, draw.integers(0, 160, (300, 6)) / 32.0
    features[draw.random(features.shape) < 0.2] = np.nan
    new[draw.random(new.shape) < 0.2] = np.nan
    target, weights = np.nan_to_num(features[:, 0]) ** 2 + features[:, 1] * 0 + draw.normal(size=500), draw.random(500)
    target = np.nan_to_num(target)
    model, other = [
        HistGradientBoostingRegressor(
            max_iter=SMALL.trees,
            learning_rate=SMALL.learning_rate,
            max_leaf_nodes=SMALL.leaves,
            min_samples_leaf=SMALL.rows_per_leaf,
            l2_regularization=SMALL.l2,
            max_features=SMALL.features,
            early_stopping=False,
            random_state=seed,
        ).fit(features, target, sample_weight=weights)
        for seed in (3, 1003)
    ]
    trees = fit_trees(features, target, weights, SMALL.model_copy(update={"bags": 1}), 3)
    assert np.array_equal(trees.predict(new), model.predict(new))
    assert np.array_equal(Trees.from_arrays(trees.arrays()).predict(new), model.predict(new))
    base, added = trees.contributions(new)
    np.testing.assert_allclose(base + added.sum(axis=1), model.predict(new), atol=1e-9)
    two = fit_trees(features, target, weights, SMALL, 3)
    np.testing.assert_allclose(two.predict(new), (model.predict(new) + other.predict(new)) / 2, atol=1e-9)
    broken = replace(trees, left=np.zeros_like(trees.left))
    with pytest.raises(ValueError, match="do not fit"):
        Trees.from_arrays(broken.arrays())


def test_the_process_solves_its_equations_and_its_parts_add_up(rows: RatedRows) -> None:
    assert rows.facts is not None
    facts, new = several(rows.facts.take(np.arange(300))), rows.facts.take(np.arange(300, len(rows)))
    target, variance = rows.target[:300], np.linspace(0.2, 2.0, 300)
    effect = fit_names(facts, target, 1.0 / variance)
    kernel = fit_kernel(effect, facts, target, variance, seed=0)
    parts = kernel.contributions(effect, new)
    assert set(parts) == {*effect.numbers, *effect.kinds, ALL_FACTS}
    np.testing.assert_allclose(kernel.base + sum(parts.values()), kernel.predict(effect, new))
    assert r2(rows.target[300:], kernel.predict(effect, new)) > 0.3
    # Prediction less target is the dual times the noise, of a process that has learned from the item.
    spread = np.average((target - kernel.base) ** 2, weights=1.0 / variance)
    left_open = target - kernel.predict(effect, facts)
    np.testing.assert_allclose(left_open, kernel.dual * variance / (0.4 * spread), atol=1e-6)


def test_ratings_are_predicted_from_facts_and_shuffled_ones_are_not(rows: RatedRows) -> None:
    model, held_out = fitted(rows)
    assert r2(rows.target, held_out) > 0.4
    assert model.noise.between == pytest.approx(0.3, abs=0.25)
    order = np.random.default_rng(1).permutation(len(rows))
    shuffled = replace(rows, target=rows.target[order], votes=rows.votes[order] if rows.votes is not None else None)
    _, by_chance = fitted(shuffled)
    assert r2(shuffled.target, by_chance) < 0.05


def test_intervals_hold_as_many_ratings_of_new_films_as_they_promise(rows: RatedRows, tmp_path: Path) -> None:
    model, _ = fitted(rows)
    new = read_rows(film_recipe(write_films(tmp_path / "new.csv", seed=5, films=1000)).data)
    assert new.facts is not None
    for confidence in (0.5, 0.9):
        rated = model.rate(new.facts, confidence, new.votes)
        assert ((rated.low <= new.target) & (new.target <= rated.high)).mean() == pytest.approx(confidence, abs=0.06)
    assert (rated.variance == model.noise.between).all()


def test_contributions_add_up_to_the_rating(rows: RatedRows) -> None:
    model, _ = fitted(rows)
    narrow = replace(model, scale=(5.0, 6.0))
    assert rows.facts is not None
    for one in (model, narrow):
        base, parts = one.contributions(rows.facts)
        np.testing.assert_allclose(base + sum(parts.values()), one.predict(rows.facts), atol=1e-9)
    assert np.std(parts["crew: Director"]) > np.std(parts["release_date (day)"])


def test_what_is_loaded_rates_as_what_was_fitted(rows: RatedRows, tmp_path: Path) -> None:
    model, _ = fitted(rows)
    model.save(tmp_path / "model.safetensors")
    loaded = RatingModel.load(tmp_path / "model.safetensors")
    assert rows.facts is not None
    assert np.array_equal(loaded.predict(rows.facts), model.predict(rows.facts))
    assert (loaded.schema, loaded.noise, loaded.scale) == (model.schema, model.noise, model.scale)


def test_both_variances_are_found_again() -> None:
    draw = np.random.default_rng(0)
    votes = draw.integers(1, 200, 20_000).astype(float)
    noise = fit_noise(draw.normal(size=20_000) * np.sqrt(0.5 + 4.0 / votes), votes)
    assert noise.between == pytest.approx(0.5, rel=0.05)
    assert noise.within == pytest.approx(4.0, rel=0.15)


def test_a_run_rates_a_table_and_unknown_facts_are_no_error(
    rated_run: Path, films: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rater = load_rater(rated_run)
    assert isinstance(rater, FactRater)
    rated = rater.rate(films)
    assert len(rated.mean) == 400
    assert (rated.low <= rated.mean).all()
    (tmp_path / "few.csv").write_text("id,title,runtime\n1,Long,179\n2,Short,81\n", encoding="utf-8")
    long, short = rater.rate(tmp_path / "few.csv").mean
    assert long > short
    assert "lacks genres" in caplog.text or "lacks release_date" in caplog.text
    broken = 'id,runtime,release_date,genres\n1,long,someday,"[{""name"""\n2,90,1999-01-01,Drama\n'
    (tmp_path / "broken.csv").write_text(broken, encoding="utf-8")
    assert len(rater.rate(tmp_path / "broken.csv").mean) == 2
    for column in ("runtime", "release_date", "genres"):
        assert f"1 value of '{column}'" in caplog.text
    (tmp_path / "none.csv").write_text("id\n1\n", encoding="utf-8")
    with pytest.raises(DataError, match="none of the columns"):
        rater.rate(tmp_path / "none.csv")


def test_only_runs_that_rate_can(small_run: object, rated_run: Path) -> None:
    with pytest.raises(RunError, match="classifies"):
        load_rater(small_run)  # type: ignore[arg-type]


def test_ratings_that_are_all_the_same_are_refused(tmp_path: Path) -> None:
    table = "id,runtime,vote_average,vote_count\n" + "".join(f"{row},{80 + row},5,10\n" for row in range(30))
    (tmp_path / "films.csv").write_text(table, encoding="utf-8")
    with pytest.raises(DataError, match=r"all ratings of .* are 5"):
        read_rows(film_recipe(tmp_path / "films.csv").data)

"""The ranking's agreement with stars: by cases worked by hand, and against an independent NDCG."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from sentrec.errors import DataError
from sentrec.metrics.ranking import list_metrics, mean_interval, ndcg, precision_at, root_mean_interval, star_scale
from sentrec.recommend.agreement import measure_ranking
from sentrec.recommend.items import Items


def items_with(mean: np.ndarray, rating: np.ndarray, reviews: int = 10) -> Items:
    count = len(mean)
    return Items(
        keys=tuple(f"m{number}" for number in range(count)),
        reviews=np.full(count, reviews),
        duplicates=np.zeros(count, dtype=np.int64),
        mean=mean,
        squares=np.full(count, 0.1),
        share_positive=mean,
        rating=rating,
        embedding=np.zeros((count, 0), dtype=np.float32),
    )


def test_a_perfect_ranking_reaches_what_is_best_and_its_reverse_the_worst() -> None:
    stars = np.linspace(1, 10, 200)
    perfect = measure_ranking(items_with(stars / 11, stars), 3)
    values = perfect.scores["raw mean"]
    assert (perfect.items, perfect.best_stars["top10"]) == (200, pytest.approx(stars[-10:].mean()))
    for name in ("spearman", "kendall", "ndcg10", "ndcg50", "precision10"):
        assert values[name].value == pytest.approx(1.0), name
    assert values["stars10"].value == pytest.approx(perfect.best_stars["top10"])
    assert values["precision50"].value == pytest.approx((stars >= 8).sum() / 50)
    worst = measure_ranking(items_with(1 - stars / 11, stars), 3).scores["raw mean"]
    assert worst["spearman"].value == pytest.approx(-1.0)
    assert worst["precision50"].value == 0.0


def test_intervals_hold_the_value_and_chance_orders_nothing() -> None:
    generator = np.random.default_rng(4)
    stars = generator.uniform(1, 10, 300)
    measures = measure_ranking(items_with(generator.uniform(0, 1, 300), stars), 3)
    for values in measures.scores.values():
        for measure in values.values():
            assert measure.low <= measure.high
    spearman = measures.scores["raw mean"]["spearman"]
    assert spearman.low < 0 < spearman.high
    assert spearman.low < spearman.value < spearman.high
    assert measures.scores["review count"]["spearman"].value == 0.0
    assert json.loads(json.dumps(measures.to_dict()))["items"] == 300


def test_another_model_is_matched_by_item_and_not_by_place() -> None:
    stars = np.linspace(1, 10, 50)
    own = items_with(1 - stars / 11, stars)
    backwards = items_with((stars / 11)[::-1], stars[::-1])
    other = Items(**{**backwards.__dict__, "keys": own.keys[::-1]})
    scores = measure_ranking(own, 3, {"nb-lr": other}).scores
    assert scores["nb-lr mean"]["spearman"].value == pytest.approx(1.0)
    assert scores["raw mean"]["spearman"].value == pytest.approx(-1.0)


@pytest.mark.parametrize("rating", [np.full(5, np.nan), np.full(5, 7.0), np.array([1.0, 2.0, *[np.nan] * 3])])
def test_without_stars_to_compare_with_it_is_an_error(rating: np.ndarray) -> None:
    with pytest.raises(DataError, match="too few"):
        measure_ranking(items_with(np.linspace(0, 1, 5), rating), 3)


numbers = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10)), min_size=2, max_size=30)


@given(numbers, st.integers(1, 40))
def test_ndcg_agrees_with_scikit_learn(pairs: list[tuple[int, int]], k: int) -> None:
    scores, gains = np.array(pairs, dtype=np.float64).T
    if gains.sum() > 0:
        assert ndcg(scores, gains, k) == pytest.approx(ndcg_score([gains], [scores], k=k))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_equal_scores_count_as_the_mean_of_all_their_orders(k: int) -> None:
    scores, liked = np.array([0.5, 0.9, 0.5, 0.5]), np.array([True, False, False, True])
    orders = [(1, *rest) for rest in itertools.permutations((0, 2, 3))]
    mean = np.mean([liked[list(order)[:k]].mean() for order in orders])
    assert precision_at(scores, liked, k) == pytest.approx(mean)
    assert precision_at(scores[::-1], liked[::-1], k) == pytest.approx(mean)


def test_chance_is_what_random_orders_give() -> None:
    stars = np.linspace(1, 9.5, 60)
    generator = np.random.default_rng(2)
    chance = measure_ranking(items_with(generator.uniform(0, 1, 60), stars), 3).chance
    orders = [generator.permutation(60).astype(np.float64) for _ in range(2000)]
    assert chance["ndcg10"] == pytest.approx(np.mean([ndcg(order, stars, 10) for order in orders]), abs=0.01)
    assert chance["precision50"] == pytest.approx((stars >= 8).mean())
    assert chance["stars10"] == pytest.approx(stars.mean())
    assert (chance["spearman"], chance["kendall"]) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("lowest", "highest", "liked_from", "says_nothing"),
    [(1, 10, 8, False), (1, 5, 4, False), (9, 10, 8, True), (0, 100, 80, False)],
)
def test_what_counts_as_liked_follows_the_scale_of_the_stars(
    lowest: float, highest: float, liked_from: float, says_nothing: bool, caplog: pytest.LogCaptureFixture
) -> None:
    stars = np.linspace(lowest, highest, 20)
    measures = measure_ranking(items_with(np.linspace(0, 1, 20), stars), 3)
    assert measures.liked_from == liked_from == 0.8 * star_scale(highest)
    assert measures.liked_share == np.mean(stars >= liked_from)
    assert ("says nothing here" in caplog.text) == says_nothing


def test_differences_are_paired_and_no_interval_is_degenerate() -> None:
    generator = np.random.default_rng(6)
    stars = np.linspace(1, 10, 200)
    measures = measure_ranking(items_with(stars / 11 + generator.normal(0, 0.02, 200), stars), 3)
    difference = measures.differences["raw mean"]["spearman"]
    rank, raw = (measures.scores[name]["spearman"] for name in ("rank score", "raw mean"))
    assert difference.value == pytest.approx(rank.value - raw.value)
    assert difference.high - difference.low < (rank.high - rank.low) / 2
    best = measures.scores["raw mean"]["precision10"]
    assert (best.value, best.high) == (1.0, 1.0)
    assert best.low == pytest.approx(0.7225, abs=1e-4)  # Wilson's interval of 10 of 10


def test_precision_counts_the_first_k() -> None:
    scores, liked = np.array([0.1, 0.9, 0.5, 0.7]), np.array([True, True, False, False])
    assert [precision_at(scores, liked, k) for k in (1, 2, 3, 4, 9)] == [1.0, 0.5, pytest.approx(1 / 3), 0.5, 0.5]


@given(st.integers(0, 10_000), st.integers(12, 60))
def test_metrics_of_a_list_are_those_of_scikit_learn(seed: int, items: int) -> None:
    draw = np.random.default_rng(seed)
    scores, liked = draw.permutation(items).astype(float), draw.random(items) < 0.3
    liked[draw.integers(items)] = True
    found = list_metrics(scores, liked)
    assert found["ndcg10"] == pytest.approx(ndcg_score([liked], [scores], k=10))
    assert found["map"] == pytest.approx(average_precision_score(liked, scores))
    assert found["recall20"] == pytest.approx(liked[np.argsort(-scores)[:20]].sum() / liked.sum())


def test_items_of_equal_scores_have_no_order() -> None:
    liked = np.arange(40) < 4
    first, second = (list_metrics(np.zeros(40), one) for one in (liked, liked[::-1]))
    assert first == pytest.approx(second)
    assert first["recall20"] == pytest.approx(0.5)


def test_the_interval_of_a_mean_leaves_users_without_a_metric_out() -> None:
    values = np.array([0.0, 1.0] * 50 + [np.nan] * 20)
    measure = mean_interval(values)
    assert measure.value == 0.5
    assert measure.low == pytest.approx(0.4, abs=0.03)
    assert measure.high == pytest.approx(0.6, abs=0.03)


def test_the_root_mean_squared_error_counts_ratings_and_not_users() -> None:
    measure = root_mean_interval(np.array([4.0, 0.0]), np.array([1.0, 3.0]))
    assert measure.value == 1.0
    assert measure.low <= 1.0 <= measure.high

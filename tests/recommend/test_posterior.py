"""The rank score and its interval: honest where items and reviews are few, and where probabilities are saturated."""

import numpy as np
import pytest
from benchmarks.ranking import CORRELATED, Generator, coverage, items_of
from hypothesis import given
from hypothesis import strategies as st

from sentrec.recommend.posterior import estimate

OTHERS = [[0.2, 0.4, 0.3], [0.6, 0.5, 0.4, 0.7], [0.1, 0.2], [0.8, 0.7, 0.9, 0.6, 0.8], [0.5, 0.3, 0.6]]
BIMODAL = 0.6


@pytest.mark.parametrize(("count", "repetitions"), [(2, 300), (3, 200), (5, 120), (10, 60), (24, 30)])
@pytest.mark.parametrize(
    "generator",
    [Generator("Beta(8, 3)", "1 to 30", (BIMODAL,)), Generator("skewed", "mostly few", (BIMODAL,))],
    ids=["Beta", "skewed"],
)
def test_intervals_of_a_few_items_hold_what_they_promise(generator: Generator, count: int, repetitions: int) -> None:
    covered, _, _ = coverage(generator, count, repetitions, seed=1)
    assert 0.915 < covered < 0.985


@pytest.mark.parametrize(
    "generator",
    [
        Generator("Beta(8, 3)", "1 to 30", (BIMODAL,)),
        Generator("Beta(8, 3)", CORRELATED, (BIMODAL,)),
        Generator("bimodal", "mostly few", (BIMODAL,)),
        Generator("Beta(8, 3)", "1 to 30", (10.0,)),
    ],
    ids=["Beta", "correlated with the number of reviews", "bimodal means", "unimodal reviews"],
)
def test_intervals_of_many_items_and_of_the_first_hold_what_they_promise(generator: Generator) -> None:
    covered, covered_top, excess = coverage(generator, 345, 5, seed=1)
    assert 0.925 < covered < 0.975
    assert covered_top > 0.88  # 100 items
    assert abs(excess) < 0.05


@pytest.mark.parametrize("others", [5, 24, 60])
def test_a_single_rave_does_not_show_that_items_with_fewer_reviews_are_better(others: int) -> None:
    generator = np.random.default_rng(others)
    for _ in range(5):
        found = estimate(items_of([[0.999], *generator.uniform(0.9, 0.99, (others, 10))]))
        assert max(found.score[1:]) > found.score[0]


def test_many_very_good_reviews_outrank_a_single_rave() -> None:
    found = estimate(items_of([[0.99], [0.99, 0.82, 0.99] * 10, *OTHERS]))
    assert found.score[1] > found.score[0]
    assert found.score[0] < 0.99


@pytest.mark.parametrize("others", [3, 9, 30])
def test_a_single_rave_is_never_first_among_items_with_ten_good_reviews(others: int) -> None:
    generator = np.random.default_rng(others)
    for _ in range(10):
        good = []
        while len(good) < others:
            reviews = generator.beta(0.85 * BIMODAL, 0.15 * BIMODAL, 10)
            if reviews.mean() >= 0.8:
                good.append(reviews)
        found = estimate(items_of([[0.999], *good]))
        assert max(found.score[1:]) > found.score[0]


@pytest.mark.parametrize("count", [1, 2, 3, 30])
def test_saturated_probabilities_do_not_collapse(count: int) -> None:
    found = estimate(items_of([[0.99] * 3] * count))
    assert (found.low < 0.92).all()
    assert (found.score < 0.985).all()


def test_reviews_that_agree_have_a_narrower_interval_than_reviews_that_do_not() -> None:
    found = estimate(items_of([[0.78, 0.8, 0.82] * 4, [0.6, 0.8, 1.0] * 4, [0.4, 1.0, 1.0] * 4, *OTHERS]))
    width = found.high - found.low
    assert width[0] < width[1] < width[2]
    assert found.low[0] > found.low[1]


def test_with_very_many_reviews_the_item_speaks_for_itself() -> None:
    found = estimate(items_of([[0.9, 0.8] * 5000, *OTHERS]))
    assert found.score[0] == pytest.approx(0.85, abs=1e-3)
    assert found.high[0] - found.low[0] < 0.02


def test_items_that_chance_alone_tells_apart_are_pulled_together() -> None:
    generator = np.random.default_rng(0)
    items = items_of([generator.uniform(0, 1, 20) for _ in range(400)])
    found = estimate(items)
    assert np.ptp(found.score) < 0.3 * np.ptp(items.mean)
    assert found.overall == pytest.approx(0.5, abs=0.02)


def test_shrinkage_lowers_the_error() -> None:
    items, truth = Generator("Beta(8, 3)", "mostly few", (BIMODAL,)).draw(np.random.default_rng(3), 2500)
    found = estimate(items)
    assert np.mean((found.score - truth) ** 2) < 0.5 * np.mean((items.mean - truth) ** 2)
    assert np.mean(found.score - truth) == pytest.approx(0, abs=0.01)


def test_items_that_many_pan_are_still_told_apart() -> None:
    panned = [[0.0, 0.02, 0.3], [0.0, 0.02, 0.35], [0.0, 0.0, 0.4, 0.1]]
    assert len(set(estimate(items_of([*panned, *OTHERS])).score[:3])) == 3


chances = st.floats(0, 1)


@given(st.lists(st.lists(chances, min_size=1, max_size=6), min_size=1, max_size=12))
def test_estimates_stay_within_their_interval_whatever_the_probabilities(probabilities: list[list[float]]) -> None:
    found = estimate(items_of(probabilities))
    assert (found.low >= 0).all()
    assert (found.low < found.score).all()
    assert (found.score < found.high).all()
    assert (found.high <= 1).all()

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sentrec.metrics.intervals import holm, mcnemar, paired_difference, wilson_interval

Right = npt.NDArray[np.bool_]
Interval = tuple[float, float]


def simulated_studies(
    seeds: int, seed_spread: float, rows: int, skills: tuple[float, float], studies: int = 400
) -> Iterator[tuple[Right, Right, float]]:
    """Studies of two arms on common rows, with the true difference of their accuracies.

    An arm is right on a row where a normal variable is positive. It is the sum of the arm's skill, how well the seed
    went, how easy the row is (for both arms), how well it suits the arm, and chance.
    """
    generator = np.random.default_rng(20)
    scale = np.sqrt(1.0 + 0.5**2 + 0.5**2 + seed_spread**2)
    truth = float(stats.norm.cdf(skills[0]) - stats.norm.cdf(skills[1]))
    for _ in range(studies):
        easy = generator.normal(size=rows)
        arms = [
            skill * scale
            + seed_spread * generator.normal(size=(seeds, 1))
            + easy
            + 0.5 * generator.normal(size=rows)
            + 0.5 * generator.normal(size=(seeds, rows))
            for skill in skills
        ]
        yield arms[0] > 0.0, arms[1] > 0.0, truth


def coverage(
    interval: Callable[[Right, Right], Interval],
    seeds: int,
    seed_spread: float,
    rows: int = 300,
    skills: tuple[float, float] = (0.9, 0.8),
) -> float:
    held = []
    for first, second, truth in simulated_studies(seeds, seed_spread, rows, skills):
        low, high = interval(first, second)
        held.append(low <= truth <= high)
    return float(np.mean(held))


def paired_interval(first: Right, second: Right) -> Interval:
    return paired_difference(first, second).interval


def bootstrap_over_seeds(first: Right, second: Right) -> Interval:
    differences = first.mean(axis=1) - second.mean(axis=1)
    drawn = np.random.default_rng(1).integers(len(differences), size=(500, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def bootstrap_over_rows(first: Right, second: Right) -> Interval:
    differences = (first.astype(float) - second).mean(axis=0, keepdims=True)
    error = 1.96 * differences.std() / np.sqrt(differences.size)
    return float(differences.mean() - error), float(differences.mean() + error)


@pytest.mark.parametrize("seed_spread", [0.0, 0.06, 0.3])
@pytest.mark.parametrize("seeds", [3, 5])
def test_95_of_100_intervals_hold_the_truth_whether_or_not_seeds_matter(seeds: int, seed_spread: float) -> None:
    # 400 studies: a coverage of 0.95 is measured with a standard error of 0.011.
    assert 0.93 <= coverage(paired_interval, seeds, seed_spread) <= 0.998


def test_one_seed_covers_the_choice_of_rows() -> None:
    assert 0.93 <= coverage(paired_interval, seeds=1, seed_spread=0.0) <= 0.97


@pytest.mark.parametrize("skills", [(0.9, 0.8), (2.5, 2.2), (1.5, 0.0)])
@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("rows", [10, 20, 50])
def test_few_test_rows_give_no_false_certainty(rows: int, seeds: int, skills: tuple[float, float]) -> None:
    assert coverage(paired_interval, seeds, 0.0, rows, skills) >= 0.93


@pytest.mark.parametrize("truth", [0.001, 0.0015, 0.0025])
def test_arms_that_hardly_differ_on_many_rows_are_covered(truth: float) -> None:
    # Rows that only the first arm has right are so rare that there may be none at all, or a few.
    held = []
    for only_first in np.random.default_rng(3).binomial(2000, truth, size=400):
        first = (np.arange(2000) < only_first)[np.newaxis]
        low, high = paired_interval(first, np.zeros_like(first))
        held.append(low <= truth <= high)
    assert np.mean(held) >= 0.92


@pytest.mark.parametrize("naive", [bootstrap_over_seeds, bootstrap_over_rows])
def test_resampling_only_seeds_or_only_rows_would_not_cover(naive: Callable[[Right, Right], Interval]) -> None:
    assert coverage(naive, seeds=3, seed_spread=0.3) < 0.85


def few_rights(seeds: int, rows: int) -> tuple[Right, Right]:
    generator = np.random.default_rng(seeds)
    return generator.random((seeds, rows)) < 0.87, generator.random((seeds, rows)) < 0.86


@pytest.mark.parametrize(("only_first", "only_second", "rows"), [(4, 0, 50), (12, 5, 100), (700, 640, 25_000)])
def test_one_seed_gives_the_interval_of_bonett_and_price(only_first: int, only_second: int, rows: int) -> None:
    first = np.arange(rows) < only_first
    second = np.arange(rows) >= rows - only_second
    found = paired_difference(first[None], second[None])
    p, q = (only_first + 1) / (rows + 2), (only_second + 1) / (rows + 2)
    error, freedom = np.sqrt((p + q - (p - q) ** 2) / (rows + 2)), only_first + only_second + 1
    reach, exact = stats.t.ppf(0.975, freedom) * error, mcnemar(only_first, only_second)[0]
    assert found.interval == pytest.approx((min(p - q - reach, 0.0 if exact > 0.05 else 1.0), p - q + reach))
    assert found.difference == pytest.approx((only_first - only_second) / rows)
    assert found.p_value == pytest.approx(max(exact, 2 * stats.t.sf(abs(p - q) / error, freedom)))


def test_seeds_that_differ_by_more_than_rows_give_the_interval_of_students_t() -> None:
    # Every row's mean is 0: the rows tell nothing, the three differences -0.2, 0 and 0.2 everything.
    some = np.arange(5000) % 5 == 0
    first, second = np.outer([False, False, True], some), np.outer([True, False, False], some)
    reach = 0.2 * stats.t.ppf(0.975, 2) / np.sqrt(3)
    assert paired_interval(first, second) == pytest.approx((-reach, reach), rel=0.01)


@settings(max_examples=30, deadline=None)
@given(seeds=st.integers(1, 5), rows=st.integers(2, 300), skill=st.floats(0.05, 0.95), number=st.integers(0, 999))
def test_properties_of_the_interval(seeds: int, rows: int, skill: float, number: int) -> None:
    generator = np.random.default_rng(number)
    first, second = generator.random((seeds, rows)) < skill, generator.random((seeds, rows)) < 0.5
    found = paired_difference(first, second)
    low, high = found.interval
    assert found == paired_difference(first, second)
    assert low <= first.mean() - second.mean() <= high
    swapped = paired_difference(second, first)
    assert swapped.interval == pytest.approx((-high, -low), abs=1e-6)
    assert swapped.p_value == pytest.approx(found.p_value)
    assert (found.p_value < 0.05) == (not low <= 0.0 <= high) or abs(found.p_value - 0.05) < 1e-4
    constant = np.broadcast_to(first[:1], first.shape), np.broadcast_to(second[:1], first.shape)
    assert paired_interval(*constant) == pytest.approx(paired_interval(first[:1], second[:1]))


def test_rows_are_a_floor_under_seeds_that_agree_by_chance() -> None:
    first, second = few_rights(3, 3000)
    mean = (first.astype(float) - second).mean(axis=0)
    low, high = paired_interval(first, second)
    assert high - low > 0.98 * 2 * 1.96 * mean.std() / np.sqrt(3000)


@pytest.mark.parametrize("seeds", [1, 3])
def test_arms_that_agree_on_every_row_may_differ_by_a_few_on_others(seeds: int) -> None:
    for rows, reach in ((4, 1.0), (100, 0.176), (25_000, 0.00072)):
        first, _ = few_rights(seeds, rows)
        low, high = paired_interval(first, first)
        assert (low, high) == pytest.approx((-reach, reach), rel=0.03)


def test_five_rows_cannot_show_that_one_arm_is_always_right_and_the_other_never() -> None:
    low, high = paired_interval(np.ones((1, 5), dtype=bool), np.zeros((1, 5), dtype=bool))
    assert (low < 0.2, high) == (True, 1.0)


@pytest.mark.parametrize(
    ("first", "second"), [((3, 10), (3, 9)), ((3, 10), (2, 10)), ((10,), (10,)), ((0, 10), (0, 10)), ((3, 0), (3, 0))]
)
def test_arms_without_common_rows_and_seeds_are_refused(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="seeds, rows"):
        paired_interval(np.ones(first, dtype=bool), np.ones(second, dtype=bool))


def test_two_seeds_never_ask_for_more_than_the_whole_range() -> None:
    first = np.repeat([[False], [True]], 100, axis=1)
    assert paired_interval(first, ~first) == (-1.0, 1.0)


def test_a_p_value_can_be_as_small_as_a_family_of_hundreds_asks_for() -> None:
    first = np.random.default_rng(1).random((5, 2000)) < 0.9
    second = first & (np.arange(2000) % 4 > 0)
    found = paired_difference(first, second)
    assert 0.0 < found.p_value < 1e-6
    assert found.seeds == 5


@pytest.mark.parametrize(("right", "rows"), [(0, 10), (15, 50), (50, 50), (22_345, 25_000)])
def test_wilson_interval_is_that_of_scipy(right: int, rows: int) -> None:
    oracle = stats.binomtest(right, rows).proportion_ci(method="wilson")
    assert wilson_interval(right / rows, rows) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_holm_gives_the_textbook_values() -> None:
    # Multiplied by 4, 3, 2 and 1 from the smallest on, never falling, at most 1.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_never_lowers_a_p_value_and_is_no_harsher_than_bonferroni(values: list[float]) -> None:
    for value, adjusted in zip(values, holm(values), strict=True):
        assert value <= adjusted <= max(value, min(1.0, len(values) * max(v for v in values if v <= value)))
        assert adjusted <= 1.0

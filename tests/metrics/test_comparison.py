import json

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sentrec.metrics.comparison import Comparison, compare_paired
from sentrec.metrics.intervals import mcnemar, paired_difference

Labels = npt.NDArray[np.int64]


def compared(both: int, only_first: int, only_second: int, neither: int = 0) -> Comparison:
    first = np.repeat([1, 1, 0, 0], [both, only_first, only_second, neither])
    second = np.repeat([1, 0, 1, 0], [both, only_first, only_second, neither])
    return compare_paired(np.ones(len(first), dtype=np.int64), first, second, ("ours", "theirs"))


def difference_interval(only_first: int, only_second: int, rows: int) -> tuple[float, float]:
    place = np.arange(rows)
    return paired_difference((place < only_first)[None], (place >= rows - only_second)[None]).interval


@settings(max_examples=60, deadline=None)
@given(first=st.integers(0, 200), second=st.integers(0, 200))
def test_exact_mcnemar_is_the_binomial_test_and_midp_is_below_it(first: int, second: int) -> None:
    exact, midp = mcnemar(first, second)
    oracle = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert exact == pytest.approx(oracle)
    assert 0 <= midp <= exact
    assert mcnemar(second, first) == (exact, midp)


def test_midp_of_a_published_example() -> None:
    # Fagerland, Lydersen and Laake 2013, table 1: 1 against 7 discordant pairs.
    exact, midp = mcnemar(1, 7)
    assert (exact, midp) == pytest.approx((0.0703, 0.0391), abs=5e-5)


def exact_coverage(n: int, discordant: float, share: float) -> float:
    """The probability that the interval holds the true difference: summed over all outcomes of a trinomial."""
    only_first, only_second = discordant * (1 - share), discordant * share
    outcomes = stats.multinomial(n, [only_first, only_second, 1 - discordant])
    covered = 0.0
    for first in range(n + 1):
        for second in range(n + 1 - first):
            probability = float(outcomes.pmf([first, second, n - first - second]))
            if probability > 1e-9:
                low, high = difference_interval(first, second, n)
                covered += probability * (low - 1e-12 <= only_first - only_second <= high + 1e-12)
    return covered


@pytest.mark.parametrize("n", [20, 50, 100])
@pytest.mark.parametrize(("discordant", "share"), [(0.04, 0.0), (0.1, 0.1), (0.2, 0.0), (0.2, 0.5), (0.5, 0.25)])
def test_the_interval_covers_the_true_difference_in_few_rows(n: int, discordant: float, share: float) -> None:
    assert exact_coverage(n, discordant, share) >= 0.945


@settings(max_examples=200, deadline=None)
@given(first=st.integers(0, 80), second=st.integers(0, 80), others=st.integers(0, 30_000))
def test_interval_and_exact_test_never_contradict_each_other(first: int, second: int, others: int) -> None:
    if first + second + others:
        low, high = difference_interval(first, second, first + second + others)
        assert -1 <= low <= high <= 1
        assert low <= (first - second) / (first + second + others) <= high
        assert low <= 0 <= high or mcnemar(first, second)[0] <= 0.05


def test_four_to_none_of_fifty_is_no_difference() -> None:
    result = compared(40, 4, 0, 6)
    assert (result.mcnemar_exact, result.interval) == (0.125, difference_interval(4, 0, 50))
    assert result.interval[0] <= 0 < result.interval[1]
    assert "do not tell ours and theirs apart" in result.verdict


def test_a_clear_difference_names_the_better_one_whichever_comes_first() -> None:
    assert compared(800, 150, 50).verdict.startswith("ours is more accurate than theirs on these 1,000 rows, by 10.00")
    assert compared(800, 50, 150).verdict.startswith("theirs is more accurate than ours on these 1,000 rows, by 10.00")


def test_a_difference_within_the_noise_is_not_called_one_and_equal_hits_are_said_to_be_equal() -> None:
    verdict = compared(900, 52, 48).verdict
    assert "do not tell ours and theirs apart" in verdict
    assert "+0.40 points" in verdict
    result = compared(90, 0, 0, 10)
    assert "exactly the same rows" in result.verdict
    assert (result.mcnemar_exact, result.mcnemar_midp) == (1.0, 1.0)
    assert result.interval[0] < 0 < result.interval[1]  # of ten thousands of rows some may differ


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(1, 80))
def test_swapping_the_two_turns_the_signs(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    labels, first, second = generator.integers(0, 3, (3, n))
    there, back = compare_paired(labels, first, second), compare_paired(labels, second, first)
    assert there.difference == -back.difference
    assert there.difference == pytest.approx(there.first_accuracy - there.second_accuracy)
    assert (there.only_first_right, there.only_second_right) == (back.only_second_right, back.only_first_right)
    assert there.interval[0] <= there.interval[1]


def test_it_becomes_plain_json_with_its_verdict() -> None:
    result = compared(80, 15, 5)
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()
    assert result.to_dict()["verdict"] == result.verdict


@pytest.mark.parametrize("sizes", [(3, 3, 2), (0, 0, 0)])
def test_predictions_for_other_rows_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        compare_paired(*map(np.zeros, sizes))

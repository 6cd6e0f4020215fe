import json

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sentrec.metrics.comparison import Comparison, compare_paired, mcnemar

Labels = npt.NDArray[np.int64]


def compared(both: int, only_first: int, only_second: int, neither: int = 0, seed: int = 1) -> Comparison:
    first = np.repeat([1, 1, 0, 0], [both, only_first, only_second, neither])
    second = np.repeat([1, 0, 1, 0], [both, only_first, only_second, neither])
    return compare_paired(np.ones(len(first), dtype=np.int64), first, second, ("ours", "theirs"), seed=seed)


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


def test_the_interval_agrees_with_that_of_the_normal_approximation() -> None:
    result = compared(8000, 1200, 800)
    error = np.sqrt((2000 / 10_000 - 0.04**2) / 10_000)
    assert result.difference == pytest.approx(0.04)
    assert result.interval == pytest.approx((0.04 - 1.96 * error, 0.04 + 1.96 * error), abs=5e-4)


def test_a_seed_repeats_the_interval_and_another_changes_it() -> None:
    assert compared(50, 30, 20).interval == compared(50, 30, 20).interval
    assert compared(50_000, 3_000, 2_000, seed=1).interval != compared(50_000, 3_000, 2_000, seed=2).interval


def test_a_clear_difference_names_the_better_one_whichever_comes_first() -> None:
    assert compared(800, 150, 50).verdict.startswith("ours is more accurate than theirs on these 1,000 rows, by 10.00")
    assert compared(800, 50, 150).verdict.startswith("theirs is more accurate than ours on these 1,000 rows, by 10.00")


def test_a_difference_within_the_noise_is_not_called_one() -> None:
    verdict = compared(900, 52, 48).verdict
    assert "do not tell ours and theirs apart" in verdict
    assert "+0.40 points" in verdict


def test_equal_hits_are_said_to_be_equal() -> None:
    result = compared(90, 0, 0, 10)
    assert "exactly the same rows" in result.verdict
    assert (result.mcnemar_exact, result.mcnemar_midp, result.interval) == (1.0, 1.0, (0.0, 0.0))


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


def test_predictions_for_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        compare_paired(np.zeros(3), np.zeros(3), np.zeros(2))
    with pytest.raises(ValueError, match="do not fit"):
        compare_paired(np.zeros(0), np.zeros(0), np.zeros(0))

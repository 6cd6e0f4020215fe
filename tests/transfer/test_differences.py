import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_study import TEST_ROWS, made_up_result, made_up_target

from sentrec.transfer.analysis import Differences, only_one_right, table
from sentrec.transfer.results import Cell, CellResult, Target


def cells(arm: str, wrong: list[list[int]], budget: int = 100, source: str | None = None) -> list[CellResult]:
    return [made_up_result(Cell("imdb", source, arm, budget, seed), rows) for seed, rows in enumerate(wrong, start=1)]


def found(results: list[CellResult], target: Target | None = None) -> Differences:
    target = target or made_up_target()
    differences = only_one_right(table([target], results), results, target)
    assert differences is not None
    return differences


def test_the_majority_of_the_seeds_decides() -> None:
    baseline = cells("scratch", [[3, 30], [3, 30], [30]])
    transfer = cells("full", [[3, 5], [5], []], source="news")
    differences = found([*baseline, *transfer])
    # Row 3 (from 0) is wrong with two of three seeds of the baseline, right with two of three of the other arm.
    assert {review.row for review in differences.transfer_reviews} == {4, 31}
    assert {review.row for review in differences.baseline_reviews} == {6}
    assert (differences.only_transfer, differences.only_baseline) == (2, 1)
    # What all seeds agree on comes first; a tie counts for no arm.
    differences = found([*baseline, *cells("full", [[], [], []], source="news")])
    assert [review.row for review in differences.transfer_reviews] == [31, 4]
    assert found([*cells("scratch", [[7], []]), *cells("full", [[], []], source="news")]).only_transfer == 0


def test_a_review_tells_its_class_and_what_the_other_arm_takes_it_for() -> None:
    texts = ["<br />a film\nof " + "many words " * 40] * TEST_ROWS
    target = made_up_target(texts=texts)
    differences = found([*cells("scratch", [[25]]), *cells("full", [[]], source="news")], target)
    (review,) = differences.transfer_reviews
    assert (review.label, review.mistaken_for) == ("good", "bad")
    assert review.text.startswith("a film of many words")
    assert len(review.text) <= 160


def test_the_arm_budget_and_source_that_gain_most_are_compared() -> None:
    results = [
        *cells("scratch", [[1, 2, 3, 4]], budget=100),
        *cells("scratch", [[1]], budget=500),
        *cells("full", [[1, 2, 3]], budget=100, source="news"),
        *cells("full", [[1]], budget=500, source="news"),
        *cells("probe", [[1]], budget=100, source="shop"),
        *cells("nb-lr", [[]], budget=100),  # not a transfer arm, however good
    ]
    differences = found(results)
    assert (differences.row.arm, differences.row.source, differences.row.budget) == ("probe", "shop", 100)
    assert differences.only_transfer == 3


def test_only_seeds_that_both_arms_have_are_compared() -> None:
    differences = found([*cells("scratch", [[1], [2], [2]]), *cells("full", [[1]], source="news")])
    assert (differences.seeds, differences.only_transfer) == (1, 0)


@pytest.mark.parametrize("results", [[], cells("scratch", [[1]]), cells("full", [[1]], source="news")])
def test_without_a_pair_there_is_nothing_to_compare(results: list[CellResult]) -> None:
    assert only_one_right(table([made_up_target()], results), results, made_up_target()) is None


def test_reviews_of_every_class_are_shown_where_the_test_rows_are_sorted_by_class() -> None:
    differences = found([*cells("scratch", [list(range(TEST_ROWS))]), *cells("full", [[]], source="news")])
    assert len(differences.transfer_reviews) == 5
    assert {review.label for review in differences.transfer_reviews} == {"bad", "good"}
    assert differences.only_transfer == TEST_ROWS


wrong_rows = st.lists(st.integers(0, TEST_ROWS - 1), unique=True)


@given(st.lists(st.tuples(wrong_rows, wrong_rows), min_size=1, max_size=3))
def test_a_review_of_one_arm_is_never_one_of_the_other(pairs: list[tuple[list[int], list[int]]]) -> None:
    baseline = cells("scratch", [first for first, _ in pairs])
    transfer = cells("full", [second for _, second in pairs], source="news")
    differences = found([*baseline, *transfer])
    right = [np.stack([one.predicted for one in arm]) == made_up_target().labels for arm in (baseline, transfer)]
    for reviews, own in ((differences.baseline_reviews, 0), (differences.transfer_reviews, 1)):
        for review in reviews:
            assert right[own][:, review.row - 1].mean() > 0.5 > right[1 - own][:, review.row - 1].mean()

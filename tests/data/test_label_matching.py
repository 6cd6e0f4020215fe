import numpy as np
import pytest

from sentrec.data.labels import LEFT_OUT, match_labels, matching_classes
from sentrec.errors import DataError

RUN = ("negative", "positive")


def matched(numbers: list[int], data_names: tuple[str, ...], run_names: tuple[str, ...] = RUN) -> list[int]:
    return match_labels(np.array(numbers), data_names, run_names, "reviews.csv")[0].tolist()


def test_labels_are_matched_by_name_whatever_case_and_order() -> None:
    assert matched([0, 1, 1], ("Positive", "NEGATIVE")) == [1, 0, 0]


def test_a_match_by_name_needs_no_note() -> None:
    assert match_labels(np.array([0, 1]), RUN, RUN, "imdb")[1] is None


def test_names_that_no_row_has_do_not_matter() -> None:
    assert matched([2, 0], ("negative", "neutral", "positive")) == [1, 0]


def test_numbers_are_matched_in_their_order_and_the_match_is_told() -> None:
    labels, note = match_labels(np.array([0, 1]), ("1", "2"), RUN, "yelp.csv")
    assert labels.tolist() == [0, 1]
    assert note == "Labels were matched by number: 1 = negative, 2 = positive."


def test_a_run_that_knows_only_numbers_takes_names_in_their_order() -> None:
    assert matched([0, 1], RUN, ("0", "1")) == [0, 1]


def test_numbers_that_lack_a_class_count_the_classes_from_zero() -> None:
    assert matched([0, 0], ("1",)) == [1, 1]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("negative", "neutral", "positive"), [0, LEFT_OUT, 1]),
        (("bad", "good"), [0, 1]),
        (("NEG", "Positive"), [0, 1]),
        (("False", "True"), [0, 1]),
        (("1", "2", "3", "4", "5"), [0, 0, LEFT_OUT, 1, 1]),
        (("4", "5"), [1, 1]),
        (("1", "4", "7", "10"), [0, 0, 1, 1]),
    ],
)
def test_labels_are_matched_by_their_meaning(names: tuple[str, ...], expected: list[int]) -> None:
    labels, note = match_labels(np.arange(len(names)), names, RUN, "hotels.csv")
    assert labels.tolist() == expected
    assert note is not None
    assert note.startswith("Labels were matched by meaning: ")


def test_classes_that_differ_in_case_stay_apart() -> None:
    assert matched([0, 1, 1], ("IT", "it"), ("IT", "it")) == [0, 1, 1]
    with pytest.raises(DataError):
        matched([0, 1], ("IT", "it"), ("it", "fr"))


def test_a_model_of_the_same_meaning_keeps_its_head() -> None:
    match = matching_classes(RUN, ("Positive", "NEG"))
    assert match is not None
    assert match.numbers == [1, 0]


@pytest.mark.parametrize("names", [("1", "2", "3"), ("red", "blue"), ("2",)])
def test_labels_that_the_run_does_not_know_are_an_error_that_lists_both(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as caught:
        matched(list(range(len(names))), names)
    assert all(name in caught.value.message for name in (*names, *RUN, "reviews.csv"))
    assert caught.value.hint

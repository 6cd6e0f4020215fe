"""Labels of any type become numbered classes and are matched with those of a run; other columns are refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from small_files import load, put, refusal

from sentrec.data.labels import LEFT_OUT, match_labels, matching_classes
from sentrec.errors import DataError


def labels_of(tmp_path: Path, labels: Any, **data: Any) -> tuple[list[str], tuple[str, ...]]:
    """The class name of each row, and all class names."""
    examples = load(put(tmp_path / "x.parquet", text=["t"] * len(labels), label=labels), **data)
    return [examples.label_names[number] for number in examples.labels], examples.label_names


@pytest.mark.parametrize(
    ("labels", "names", "first"),
    [
        (["pos", "neg", "pos"], ("neg", "pos"), "pos"),
        ([" pos ", "neg", "pos"], ("neg", "pos"), "pos"),
        (["10", "9", "1"], ("1", "9", "10"), "10"),
        ([3, 1, 2], ("1", "2", "3"), "3"),
        ([1, -1, 0], ("-1", "0", "1"), "1"),
        ([5.0, 1.0, 1.0], ("1", "5"), "5"),
        ([True, False, True], ("false", "true"), "true"),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ("a", "b"), "a"),
        (pa.array([7, 5, 7], pa.uint8()).dictionary_encode(), ("5", "7"), "7"),
        (pa.array(["a", "b", "a"], pa.large_string()), ("a", "b"), "a"),
    ],
    ids=["text", "spaces", "digits", "integers", "negative", "floats", "truth", "categories", "coded", "large"],
)
def test_labels_of_any_type_become_classes(tmp_path: Path, labels: Any, names: tuple[str, ...], first: str) -> None:
    rows, found = labels_of(tmp_path, labels)
    assert found == names
    assert rows[0] == first


@pytest.mark.parametrize(
    ("labels", "stated", "rows"),
    [
        ([1, 0], ["bad", "good"], ["good", "bad"]),
        (["good", "bad"], ["bad", "good"], ["good", "bad"]),
        ([2, 1], [1, 2], ["2", "1"]),
        ([1.0, 0.0], ["bad", "good"], ["good", "bad"]),
        ([True, False], ["bad", "good"], ["good", "bad"]),
        ([True, False], ["true", "false"], ["true", "false"]),
    ],
)
def test_stated_names_order_the_classes(tmp_path: Path, labels: Any, stated: list[Any], rows: list[str]) -> None:
    assert labels_of(tmp_path, labels, label_names=stated) == (rows, tuple(str(name) for name in stated))


MIXED = ["NEG", "neg", "Negative", "POS", "1", "True"]
STARS = ["3.5/4", "B+", "★★★½", "1/5", "D", "80/100", "★", "4 out of 5 stars", "5/10"]


@pytest.mark.parametrize(
    ("labels", "data", "rows"),
    [
        (MIXED, {}, ["negative"] * 3 + ["positive"] * 3),
        (["Yes", "yes", "no"], {"label_map": {"yes": "good", "no": "bad"}}, ["good", "good", "bad"]),
        (STARS, {}, ["positive"] * 2 + ["negative"] * 2 + ["positive", "negative", "positive"]),
        ([1, 2, 3, 4, 5], {"label_map": "stars"}, ["negative"] * 2 + ["positive"] * 2),
        ([1, 4, 5, 7, 10], {"label_map": "stars"}, ["negative"] * 2 + ["positive"] * 2),
        ([0.5, 3.5, 4.0, 5.0], {}, ["negative", "positive", "positive"]),
        ([1, 2, 3], {"label_map": {1: "bad", 3: "good"}}, ["bad", "good"]),
        ([True, False], {"label_map": {True: "good", False: "bad"}}, ["good", "bad"]),
    ],
)
def test_labels_are_read_by_their_meaning_and_the_mapping_is_told(
    tmp_path: Path, labels: Any, data: Any, rows: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sentrec")
    assert labels_of(tmp_path, labels, **data)[0] == rows
    assert "labels of" in caplog.text


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["01", "1", "2", "01"], ("01", "1", "2")),
        (["001", "010"], ("001", "010")),
        (["10:30", "21:00"], ("10:30", "21:00")),
        (["1E3", "1000"], ("1E3", "1000")),
        (["IT", "it"], ("IT", "it")),
        (["A", "B", "F"], ("A", "B", "F")),
        (["good", "very good", "excellent"], ("excellent", "good", "very good")),
        (["5.0", "1.0", "nan"], ("1", "5")),
    ],
)
def test_codes_stay_as_they_are(tmp_path: Path, labels: list[str], classes: tuple[str, ...]) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text,label\n" + "".join(f"some text,{label}\n" for label in labels))
    assert load(path, bad_rows="skip").label_names == classes


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_truth_values_are_matched_with_stated_names_and_numbers_may_count_from_one(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    def written(*labels: str) -> Path:
        path = tmp_path / f"x.{suffix}"
        rows = (
            f'{{"text": "a", "label": {label.lower()}}}\n' if suffix == "jsonl" else f"a,{label}\n" for label in labels
        )
        path.write_text("".join(["" if suffix == "jsonl" else "text,label\n", *rows]))
        return path

    examples = load(written("True", "False"), label_names=["True", "False"])
    assert [examples.label_names[number] for number in examples.labels] == ["True", "False"]
    caplog.set_level("INFO", "sentrec")
    assert load(written("1", "3", "2"), label_names=["bad", "neutral", "good"]).labels.tolist() == [0, 2, 1]
    assert "counted from 1: 1 = bad; 2 = neutral; 3 = good" in caplog.text


@pytest.mark.parametrize(
    ("labels", "data", "message"),
    [
        ([0.5, 1.0], {}, "fractions"),
        ([[1], [2]], {}, "list"),
        (pa.array([b"\xff", b"a"]), {}, "binary"),
        (["x", "y"], {"label_names": ["a", "b"]}, "No label of .* is one of a, b; it has: x, y"),
        (list(range(1001)), {}, "1,001 different labels"),
        ([f"title {number}" for number in range(1001)], {}, "1,001 different labels"),
        ([None, None], {}, "no row of .* has a label"),
        ([-1, -1], {"label_names": ["a", "b"]}, "no row of .* has a label"),
        ([float("nan"), None], {}, "no row of .* has a label"),
        (["", " "], {}, "no row of .* has a label"),
    ],
)
def test_what_is_no_class_column_is_refused(tmp_path: Path, labels: Any, data: Any, message: str) -> None:
    path = put(tmp_path / "x.parquet", text=["t"] * len(labels), label=labels)
    error = refusal(path, **data)
    assert error.hint
    with pytest.raises(DataError, match=message):
        raise error


RUN = ("negative", "positive")


def matched(numbers: list[int], data_names: tuple[str, ...], run_names: tuple[str, ...] = RUN) -> list[int]:
    return match_labels(np.array(numbers), data_names, run_names, "reviews.csv")[0].tolist()


@pytest.mark.parametrize(
    ("numbers", "names", "run", "expected", "note"),
    [
        ([0, 1, 1], ("Positive", "NEGATIVE"), RUN, [1, 0, 0], None),
        ([2, 0], ("negative", "neutral", "positive"), RUN, [1, 0], None),
        ([0, 1], ("1", "2"), RUN, [0, 1], "Labels were matched by number: 1 = negative, 2 = positive."),
        ([0, 1], RUN, ("0", "1"), [0, 1], "Labels were matched by number: negative = 0, positive = 1."),
        ([0, 0], ("1",), RUN, [1, 1], "Labels were matched by number: 1 = positive."),
    ],
)
def test_labels_are_matched_by_name_else_by_number_which_is_told(
    numbers: list[int], names: tuple[str, ...], run: tuple[str, ...], expected: list[int], note: str | None
) -> None:
    labels, told = match_labels(np.array(numbers), names, run, "reviews.csv")
    assert (labels.tolist(), told) == (expected, note)


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
        (("0", "1", "2", "3", "4"), [0, 0, LEFT_OUT, 1, 1]),
        (("0", "4"), [0, 1]),
        (("1", "2", "4", "6", "7"), [0, 0, LEFT_OUT, 1, 1]),
        (("4", "8", "12", "16", "20"), [0, LEFT_OUT, LEFT_OUT, 1, 1]),
        (("👎", "👍"), [0, 1]),
        (("Thumbs down", "thumbs up"), [0, 1]),
        (("not recommended", "Recommended"), [0, 1]),
        (("didn't like", "liked"), [0, 1]),
        (("Terrible", "Poor", "Average", "Very good"), [0, 0, LEFT_OUT, 1]),
        (("Extremely Negative", "Neutral", "Positive"), [0, LEFT_OUT, 1]),
        (("nein", "ja"), [0, 1]),
        (("-1", "0", "1"), [0, LEFT_OUT, 1]),
        (("负面", "正面"), [0, 1]),
        (("1 star", "3 star rating", "4.0/5.0", "Rated 5"), [0, LEFT_OUT, 1, 1]),
        (("2 sur 5", "4,0 von 5 Sternen", "5 (of 5)"), [0, 1, 1]),
    ],
)
def test_labels_are_matched_by_their_meaning(names: tuple[str, ...], expected: list[int]) -> None:
    labels, note = match_labels(np.arange(len(names)), names, RUN, "hotels.csv")
    assert labels.tolist() == expected
    assert note is not None
    assert note.startswith("Labels were matched by meaning: ")


@pytest.mark.parametrize("names", [("-5", "3", "40"), ("joy", "anger"), ("1,000", "200")])
def test_votes_and_other_classes_have_no_polarity(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="are not those of the run") as caught:
        match_labels(np.arange(len(names)), names, RUN, "posts.csv")
    assert f"{names[0]}=negative,{names[-1]}=positive" in str(caught.value.hint)


def test_classes_that_differ_in_case_stay_apart() -> None:
    assert matched([0, 1, 1], ("IT", "it"), ("IT", "it")) == [0, 1, 1]
    with pytest.raises(DataError):
        matched([0, 1], ("IT", "it"), ("it", "fr"))


def test_a_model_of_the_same_meaning_keeps_its_head() -> None:
    match = matching_classes(RUN, ("Positive", "NEG"))
    assert match is not None
    assert match.numbers == [1, 0]


@pytest.mark.parametrize(
    ("source", "target", "head", "numbers", "note"),
    [
        ("abc", "cab", None, [2, 0, 1], None),
        (
            ("negative", "positive"),
            ("0", "1"),
            None,
            [0, 1],
            "Labels were matched by number: 0 = negative, 1 = positive.",
        ),
        (("negative", "positive"), ("0", "1", "2"), None, None, None),
        (("World", "Sports"), ("negative", "positive"), None, None, None),
        (("World", "Sports", "Business"), ("0", "1", "2"), None, None, None),
    ],
)
def test_classes_match_by_name_and_by_number_where_one_side_has_only_numbers(
    source: Sequence[str], target: Sequence[str], head: bool | None, numbers: list[int] | None, note: str | None
) -> None:
    match = matching_classes(source, target, head)
    assert (match and match.numbers, match and match.note) == (numbers, note)


def test_the_order_of_many_classes_is_trusted_on_demand() -> None:
    match = matching_classes(("World", "Sports", "Business"), ("0", "1", "2"), head=True)
    assert match is not None
    assert match.numbers == [0, 1, 2]
    assert "1 = Sports" in str(match.note)


@pytest.mark.parametrize("names", [("1", "2", "3"), ("red", "blue"), ("2",)])
def test_labels_that_the_run_does_not_know_are_an_error_that_lists_both(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as caught:
        matched(list(range(len(names))), names)
    assert all(name in caught.value.message for name in (*names, *RUN, "reviews.csv"))
    assert caught.value.hint


def test_codes_of_a_run_are_not_matched_by_their_order() -> None:
    with pytest.raises(DataError, match="The data has: 10:30, 21:00"):
        match_labels(np.array([0, 1]), ("10:30", "21:00"), ("001", "010"), "times.csv")

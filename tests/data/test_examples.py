"""Rows become texts and classes; what lacks a text, a label or a column is named."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from small_files import load, put, refusal

from sentrec.data.examples import Examples, load_examples
from sentrec.data.splits import load_splits
from sentrec.errors import DataError
from sentrec.recipe import DataConfig


def test_a_csv_with_named_columns(tmp_path: Path) -> None:
    path = tmp_path / "my.csv"
    path.write_text('id,review,sentiment\n1,"good, really",positive\n2,"two\nlines",negative\n3,1984,positive\n')
    examples = load(path, text_columns=["review"], label_column="sentiment")
    assert examples.texts == ["good, really", "two\nlines", "1984"]
    assert examples.label_names == ("negative", "positive")
    assert examples.labels.tolist() == [1, 0, 1]
    assert examples.labels.dtype == np.int64


def test_several_text_columns_are_joined_by_a_line_break(tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", title=["Jaws", None, "Alien"], body=["scary", "dull", None], label=[1, 0, 1])
    assert load(path, text_columns=["title", "body"]).texts == ["Jaws\nscary", "dull", "Alien"]


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a", None, ""], [0, 1, 1], "2 of 3 rows .* have no text (the first is row 2)"),
        (["a", "b", " \n"], [0, 1, 1], "1 of 3 rows .* have no text (the first is row 3)"),
        (["a", "b", "c"], [0, None, 1], "1 of 3 rows .* have no label, or none of: 0, 1 (the first is row 2)"),
        (["a", "b", "c"], ["x", "y", ""], "1 of 3 rows .* have no label, or none of: x, y (the first is row 3)"),
        (["a", "b", "c"], [0.0, float("nan"), 1.0], "1 of 3 rows .* have no label"),
    ],
)
def test_rows_without_text_or_label_stop_or_are_left_out(
    tmp_path: Path, texts: Any, labels: Any, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(tmp_path / "x.parquet", text=texts, label=labels)
    error = refusal(path)
    for part in message.split(" .* "):
        assert part in error.message
    assert "data.bad_rows=skip" in str(error.hint)
    kept = load(path, bad_rows="skip")
    assert len(kept) == len(kept.texts) == len(kept.labels) < 3
    assert "a" in kept.texts
    assert "left out" in caplog.text


def test_a_number_beyond_the_stated_names_is_no_label(tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", text=["a", "b"], label=[0, 2])
    assert (
        "have no label, or none of: bad, good (the first is row 2)"
        in refusal(path, label_names=["bad", "good"]).message
    )


@pytest.mark.parametrize("skip", ["error", "skip"])
def test_files_without_a_usable_row_are_refused(tmp_path: Path, skip: Any) -> None:
    header = tmp_path / "header.csv"
    header.write_text("text,label\n")
    assert "has no rows" in refusal(header, bad_rows=skip).message
    blank = put(tmp_path / "blank.parquet", text=["", None], label=[0, 1])
    assert "no row with both a text and a label" in refusal(blank, bad_rows=skip).message


def test_columns_are_found_by_their_usual_names_and_the_choice_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = put(tmp_path / "x.parquet", Review_Text=["a", "b"], Sentiment=["neg", "pos"], Id=[1, 2])
    caplog.set_level("INFO", "sentrec")
    assert load(path).texts == ["a", "b"]
    assert f"{path}: the text = Review_Text, the label = Sentiment." in caplog.text


def test_missing_columns_list_those_that_are_there(tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", reviews=["a"], verdict=[1])
    for data, missing, hint in (
        ({}, "for the label", "--label-field NAME (in a recipe data.label_column)"),
        (
            {"text_columns": ["Revue"]},
            "'Revue' and none for the label",
            "Did you mean --text-field reviews (in a recipe data.text_columns)? Name the column: --label-field NAME",
        ),
        ({"label_column": "verdikt"}, "'verdikt'", "Did you mean --label-field verdict"),
    ):
        error = refusal(path, **data)
        assert error.message == f"{path} has no column {missing}; it has: reviews, verdict."
        assert hint in str(error.hint)


def test_a_doubled_column_is_refused_and_any_delimiter_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("text,label,text\na,1,b\n")
    assert "has 2 columns 'text'" in refusal(path).message
    path.write_text("text;label\na, b;1\nc;2\n")
    assert load(path).texts == ["a, b", "c"]


@pytest.mark.parametrize("texts", [[1, 2], [["a"], ["b"]], [True, False], [b"a", b"b"]])
def test_texts_that_are_no_strings_are_refused(tmp_path: Path, texts: Any) -> None:
    error = refusal(put(tmp_path / "x.parquet", text=texts, label=[0, 1]))
    assert "not text" in error.message
    assert "data.text_columns" in str(error.hint)


def test_texts_as_categories_are_text(tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", text=pa.array(["a", "b"]).dictionary_encode(), label=[0, 1])
    assert load(path).texts == ["a", "b"]


def starred(path: Path, stars: Any, **data: Any) -> Examples:
    rows = len(stars)
    put(path, text=[f"text {row}" for row in range(rows)], label=[row % 2 for row in range(rows)], stars=stars)
    return load_examples(DataConfig(dataset=str(path), rating_column="stars", **data), "train", for_training=True)


@pytest.mark.parametrize(
    "stars",
    [
        pa.array([1, 8, 10], pa.int8()),
        [1.0, 8.0, 10.0],
        ["1", " 8 ", "10.0"],
        [Decimal("1.0"), Decimal("8.0"), Decimal("10.0")],
        pa.array(["1", "8", "10"]).dictionary_encode(),
    ],
)
def test_numbers_are_read_whatever_their_type(tmp_path: Path, stars: Any) -> None:
    ratings = starred(tmp_path / "x.parquet", stars).ratings
    assert ratings is not None
    assert ratings.dtype == np.float32
    assert ratings.tolist() == [1, 8, 10]


@pytest.mark.parametrize("stars", [[1, None, 3], ["1", "many", "3"], [1.0, float("nan"), 3.0], ["1", "inf", "3"]])
def test_rows_without_a_number_stop_or_are_left_out(
    tmp_path: Path, stars: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DataError) as caught:
        starred(tmp_path / "x.parquet", stars)
    assert "1 of 3 rows" in caught.value.message
    assert "have no number in column 'stars' (the first is row 2)" in caught.value.message
    kept = starred(tmp_path / "x.parquet", stars, bad_rows="skip")
    assert kept.ratings is not None
    assert (kept.texts, kept.labels.tolist(), kept.ratings.tolist()) == (["text 0", "text 2"], [0, 0], [1, 3])
    assert "left out 1 rows" in caplog.text
    assert "or a number in column 'stars'" in caplog.text


@pytest.mark.parametrize(
    ("stars", "message"),
    [
        ([None, None], "has no row with a text, a label and a number in column 'stars'"),
        ([datetime.date(2020, 1, 1)] * 2, "column 'stars' of"),
        ([True, False], "holds bool values, not numbers"),
    ],
)
def test_a_column_of_something_else_is_refused(tmp_path: Path, stars: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        starred(tmp_path / "x.parquet", stars, bad_rows="skip")


def test_a_missing_column_is_named_with_the_ways_out(tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", text=["a", "b"], label=[0, 1])
    data = DataConfig(dataset=str(path), rating_column="stars")
    with pytest.raises(DataError, match="no column 'stars'; it has: text, label") as caught:
        load_examples(data, "train", for_training=True)
    assert "data.rating_column=null --set objective.ratings=0" in str(caught.value.hint)
    assert load_examples(data, "train").ratings is None  # rows that judge need none


def test_the_rows_to_learn_from_keep_their_stars_and_judging_rows_have_none(tmp_path: Path) -> None:
    rows = np.arange(200)
    texts = [f"text {row % 190}" for row in rows]  # ten texts are there twice
    path = put(tmp_path / "x.parquet", text=texts, label=rows % 190 % 2, stars=rows % 190)
    data = DataConfig(dataset=str(path), validation=0.2, test=0.2, train_rows=50, rating_column="stars")
    splits, plain = load_splits(data), load_splits(data.model_copy(update={"rating_column": None}))
    assert splits.train.ratings is not None
    assert [f"text {stars:g}" for stars in splits.train.ratings] == splits.train.texts
    assert len(splits.train) == 50
    assert splits.validation.ratings is splits.test.ratings is plain.train.ratings is None
    for part in ("train", "validation", "test"):
        assert getattr(splits, part).fingerprint() == getattr(plain, part).fingerprint()


def test_files_to_judge_by_need_no_stars(tmp_path: Path) -> None:
    train = put(tmp_path / "train.parquet", text=["a", "b", "c"], label=[0, 1, 1], stars=[1, 8, 9])
    judged = [put(tmp_path / f"{name}.parquet", text=[f"{name} d", "e"], label=[0, 1]) for name in ("one", "two")]
    data = DataConfig(dataset=str(train), validation=str(judged[0]), test=str(judged[1]), rating_column="stars")
    splits = load_splits(data)
    assert splits.train.ratings is not None
    assert splits.train.ratings.tolist() == [1, 8, 9]
    assert splits.test.ratings is None


def test_numbers_that_are_no_stars_but_numbers_are_read(tmp_path: Path) -> None:
    ratings = starred(tmp_path / "x.parquet", pa.array([2**60 + 1, 2**60 + 3, 5])).ratings
    assert ratings is not None
    assert ratings[0] == pytest.approx(2.0**60)


def test_the_first_bad_row_is_counted_among_all_rows(tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", text=["a", "b", "c", " "], label=["3", "5", "1", "1"])
    error = refusal(path, label_map={"1": "bad", "5": "good"})
    assert "1 of 3 rows" in error.message
    assert "the first is row 4" in error.message


def test_reviews_without_stars_and_stars_without_a_review_are_no_mistakes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "goodreads.csv"
    path.write_text("Book Id,Title,My Rating,My Review\n1,A,5,lovely\n2,B,0,no stars\n3,C,4,\n4,D,1,dull\n")
    assert load(path).texts == ["lovely", "dull"]  # 0 is no rating there
    assert "left out 2 rows" in caplog.text
    nan = tmp_path / "apps.csv"
    nan.write_text("App,Translated_Review,Sentiment\nA,fine,Positive\nA,nan,nan\nB,bad,Negative\n")
    assert load(nan).texts == ["fine", "bad"]
    nan.write_text("App,Translated_Review,Sentiment\nA,fine,Positive\nA,what?,nan\nB,bad,Negative\n")
    assert "1 of 3 rows" in refusal(nan).message

"""Every row is read by its own fields, a broken value costs only itself, and long texts do not fill the memory."""

import json
import math
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from sentrec.data.columns import FieldNames
from sentrec.data.sources import Source
from sentrec.data.text_rows import Row
from sentrec.errors import DataError
from sentrec.recommend.reviews import Reject, Review, read_chunks


def read(path: Path, names: FieldNames | None = None) -> tuple[list[Review], list[Reject]]:
    chunks = list(read_chunks([Source(str(path))], names or FieldNames(), 100))
    return [one for reviews, _ in chunks for one in reviews], [one for _, rejects in chunks for one in rejects]


def json_lines(path: Path, *lines: str | dict[str, object]) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_fields_that_the_first_row_lacks_are_read_from_the_others(tmp_path: Path) -> None:
    path = json_lines(
        tmp_path / "a.jsonl",
        {"movie": "a", "text": "b"},
        {"movie": "a", "text": "c", "rating": 8, "id": "x"},
        {"item": "d", "review": "e", "stars": 3},
    )
    reviews, rejects = read(path)
    assert [(one.movie, one.text, one.id, one.rating) for one in reviews] == [
        ("a", "b", None, None),
        ("a", "c", "x", 8.0),
        ("d", "e", None, 3.0),
    ]
    assert rejects == []


def test_a_first_row_without_a_item_or_text_costs_only_itself(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", {"text": "whose?"}, {"movie": "a"}, {"movie": "a", "text": "b"})
    reviews, rejects = read(path)
    assert [one.line for one in reviews] == [3]
    assert [one.reason for one in rejects] == ["no item (field 'movie')", "no text (field 'text')"]


@pytest.mark.parametrize("first", ["%% garbage, here %%", "[1, 2]", ""])
def test_json_lines_are_known_without_a_suffix_though_the_first_line_is_broken(tmp_path: Path, first: str) -> None:
    reviews, rejects = read(json_lines(tmp_path / "reviews", first, {"movie": "a", "text": "b"}))
    assert [(one.line, one.movie) for one in reviews] == [(2, "a")]
    assert len(rejects) == bool(first)


@pytest.mark.parametrize("rating", ["NaN", '"n/a"', '" "', "null", '"NaN"'])
def test_a_missing_rating_is_none_and_no_mistake(tmp_path: Path, rating: str) -> None:
    reviews, rejects = read(json_lines(tmp_path / "a.jsonl", f'{{"movie": "a", "text": "b", "rating": {rating}}}'))
    assert (reviews[0].rating, rejects) == (None, [])


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [("rating", "1" * 400, "is no number"), ("rating", "1e999", "is no number"), ("id", '{"a": 1}', "is no name")],
)
def test_an_optional_field_that_cannot_be_read_is_told_and_costs_no_text(
    tmp_path: Path, field: str, value: str, reason: str
) -> None:
    path = json_lines(tmp_path / "a.jsonl", f'{{"movie": "a", "text": "b", "{field}": {value}}}')
    (review,), (told,) = read(path)
    assert getattr(review, field) is None
    assert (told.line, told.is_kept) == (1, True)
    assert reason in told.reason
    assert f"(field '{field}')" in told.reason


def test_a_number_of_five_thousand_digits_costs_its_line_only(tmp_path: Path) -> None:
    path = json_lines(tmp_path / "a.jsonl", '{"movie": ' + "1" * 5000 + "}", {"movie": "a", "text": "b"})
    reviews, rejects = read(path)
    assert [one.line for one in reviews] == [2]
    assert rejects[0].reason.startswith("not JSON: ")


def test_broken_values_of_parquet_cost_only_themselves(tmp_path: Path) -> None:
    bad_text = pa.Array.from_buffers(
        pa.string(), 3, [None, pa.py_buffer(np.array([0, 2, 3, 5], np.int32)), pa.py_buffer(b"ok\xffok")]
    )
    days = pa.array([0, 1, 2**30], pa.int32()).cast(pa.date32())
    items = pa.array([b"tt1", b"tt2", b"tt3"], pa.binary())
    path = tmp_path / "a.parquet"
    pa.parquet.write_table(pa.table({"movie": items, "text": bad_text, "date": days}), path)
    reviews, rejects = read(path)
    assert [(one.movie, one.date) for one in reviews] == [("tt1", "1970-01-01"), ("tt3", None)]
    assert [(one.line, one.is_kept) for one in rejects] == [(2, False), (3, True)]
    assert "the text (field 'text') cannot be read" in rejects[0].reason


def test_of_parquet_only_the_needed_columns_are_read_in_batches_bounded_by_size(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = [f"{number} {'x' * 200_000}" for number in range(300)]
    table = pa.table({"movie": ["a"] * 300, "text": texts, "other": texts})
    pa.parquet.write_table(table, path, use_dictionary=False)
    before = pa.total_allocated_bytes()
    most = 0
    for row in Source(str(path)).rows(FieldNames().select):
        assert isinstance(row, Row)
        assert set(row.fields) == {"movie", "text"}
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 100_000_000


def test_a_quote_that_is_never_closed_costs_no_row_and_a_broken_one_is_told_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('movie,text\na,fine\nb,"open\nc,kept\nd,kept\n')
    reviews, rejects = read(path)
    assert [(one.line, one.text) for one in reviews] == [(2, "fine"), (3, '"open'), (4, "kept"), (5, "kept")]
    path.write_text('movie,text\na,fine\nb,"open, really\nc,lost\n')
    reviews, rejects = read(path)
    assert [one.movie for one in reviews] == ["a"]
    assert [(one.line, one.reason) for one in rejects] == [
        (3, "not CSV: unexpected end of data, in a row that spans 2 lines: is a quote open?")
    ]


def test_a_chunk_of_long_texts_ends_early_and_always_at_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentrec.text.encoding.CHUNK_CHARACTERS", 100)
    rows = [json.dumps({"movie": "a", "text": f"{number} " + "x" * 38}) for number in range(7)]
    path = json_lines(tmp_path / "a.jsonl", *rows)
    chunks = [len(reviews) for reviews, _ in read_chunks([Source(str(path))], FieldNames(), 1000)]
    assert chunks == [3, 3, 1]


def test_long_texts_that_differ_in_their_middle_are_no_duplicates() -> None:
    first, second = (Review("s", 1, "m", "x" * 90_000 + middle + "x" * 90_000) for middle in "ab")
    assert first.text == second.text
    assert first.digest != second.digest
    assert first.digest == Review("t", 2, "m", "x" * 90_000 + "a" + "x" * 90_000).digest


def test_a_file_name_that_is_no_text_has_a_name_that_is(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.jsonl"
    json_lines(path, {"movie": "a", "text": "b"})
    (review,), _ = read(path)
    assert review.source.encode()


@pytest.mark.parametrize(
    ("names", "header", "hint"),
    [
        (FieldNames(movie="titel"), "The title,Title,text", "Did you mean --movie-field Title?"),
        (FieldNames(text="body"), "movie,The Body", "Did you mean --text-field 'The Body'?"),
        (FieldNames(), "movie,Reviewz", "Did you mean --text-field Reviewz?"),
        (FieldNames(movie="title"), "a,text", "Name the column: --movie-field NAME"),
        (FieldNames(), "Onderwerp,text", "Name the column: --movie-field NAME. Without one, `sentrec predict a.csv`"),
    ],
)
def test_a_missing_field_is_answered_with_the_nearest_one(
    tmp_path: Path, names: FieldNames, header: str, hint: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n{','.join('x' for _ in header.split(','))}\n")
    with pytest.raises(DataError, match="has no column") as caught:
        read(path, names)
    assert str(caught.value.hint).replace(f"{tmp_path}/", "").startswith(hint)


def test_a_row_left_out_is_kept_as_json(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('movie,text,note\n,"it\'s ""fine""",é\nM, ,x\n')
    _, rejects = read(path)
    assert [json.loads(one.content) for one in rejects] == [
        {"movie": "", "text": 'it\'s "fine"', "note": "é"},
        {"movie": "M", "text": " ", "note": "x"},
    ]


def test_values_that_json_lacks_and_long_ones_do_not_spoil_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {"movie": [None] * 2, "text": ["b", "c" * 5000], "rating": [math.inf, 3.0], "id": [b"i", b"\xff"]}
    columns["date"] = [date(2024, 1, 2)] * 2
    pa.parquet.write_table(pa.table(columns), path)
    _, rejects = read(path)
    first, second = (json.loads(one.content, parse_constant=pytest.fail) for one in rejects)
    assert first == {"movie": None, "text": "b", "rating": "inf", "id": "i", "date": "2024-01-02"}
    assert second["text"] == "c" * 200 + "…"
    assert second["id"] == "\\xff"
    assert len(rejects[1].content) < 1000


def test_an_item_is_told_by_its_id_where_its_name_is_missing_or_written_differently(tmp_path: Path) -> None:
    rows = [("Alien", 1), (None, 1), ("ALIEN (1979)", 1), (None, 7), ("Crash", 2), ("Crash", 3)]
    path = json_lines(tmp_path / "a.jsonl", *({"movie": name, "movie_id": key, "text": "t"} for name, key in rows))
    assert [one.movie for one in read(path)[0]] == ["Alien", "Alien", "Alien", "7", "Crash", "Crash (3)"]
    by_title = json_lines(tmp_path / "b.jsonl", {"movie_id": 5, "movie_title": "Heat", "text": "t"})
    assert read(by_title)[0][0].movie == "Heat"


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ('hotel,review\nA,"they said \\"never\\", twice"\nB,fine\n', ['they said "never", twice', "fine"]),
        ("hotel,review\nA,one\r<br/>two\nB,fine\n", ["one <br/>two", "fine"]),
        ("| hotel | review |\n|---|:--|\n| A | fine |\n", [" fine "]),
        ("hotel,review\nA,fine\nB,nan\n", ["fine"]),
        ("hotel,review,stars\nA,fine\nB,good,5\nB,good,5\n", ["good", "good"]),
    ],
)
def test_quotes_and_line_ends_of_other_programs(tmp_path: Path, content: str, texts: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content.encode())
    assert [one.text for one in read(path)[0]] == texts


def test_exports_say_which_title_is_the_review_s_and_which_number_no_rating(tmp_path: Path) -> None:
    unrated = {"book_id": "b", "review_text": "t", "read_at": "", "rating": 0}
    assert read(json_lines(tmp_path / "a.jsonl", unrated))[0][0].rating is None
    profile = {"name": "accounts/1/reviews/2", "reviewer": {"displayName": "A"}, "starRating": "FIVE", "comment": "t"}
    with pytest.raises(DataError, match="no column for the item"):
        read(json_lines(tmp_path / "b.jsonl", profile))
    steam = {"app_name": "G", "review_text": "t", "review_score": -1, "review_votes": 0}
    assert read(json_lines(tmp_path / "c.jsonl", steam))[0][0].rating is None

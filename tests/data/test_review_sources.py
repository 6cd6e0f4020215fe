"""Any usual file is read row by row; a bad row is told with its line and reason, and costs no other."""

import gzip
import io
import json
import sys
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentrec.data import text_rows as module
from sentrec.data.columns import FieldNames
from sentrec.data.sources import Source
from sentrec.data.text_rows import BadRow, Row
from sentrec.errors import DataError
from sentrec.recommend.reviews import Reject, Review, read_chunks
from sentrec.text.encoding import LONGEST_TEXT

ROWS = [
    {"movie": "Heat", "text": 'Great, "really"\ngreat', "rating": 9.0},
    {"movie": "Cats", "text": "No.", "rating": 2.0},
]


def as_json_lines() -> bytes:
    return "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def as_csv() -> bytes:
    return b'movie,text,rating\r\nHeat,"Great, ""really""\ngreat",9.0\r\nCats,No.,2.0\r\n'


def as_parquet() -> bytes:
    buffer = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(ROWS), buffer)
    return buffer.getvalue()


FORMATS = {"jsonl": as_json_lines, "csv": as_csv, "parquet": as_parquet}


def read(path: Path, names: FieldNames | None = None) -> tuple[list[Review], list[Reject]]:
    chunks = list(read_chunks([Source(str(path))], names or FieldNames(), 2))
    return [one for reviews, _ in chunks for one in reviews], [one for _, rejects in chunks for one in rejects]


@pytest.mark.parametrize("name", FORMATS)
def test_standard_input_is_told_by_its_content(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    content = gzip.compress(FORMATS[name]())
    monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": io.BufferedReader(io.BytesIO(content))}))  # type: ignore[arg-type]
    ((reviews, rejects),) = read_chunks([Source("-")], FieldNames(), 10)
    assert ([review.movie for review in reviews], rejects) == (["Heat", "Cats"], [])
    assert reviews[0].source == "standard input"


def test_bad_lines_of_json_are_told_with_line_and_reason_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    lines = [
        '{"movie": "A", "text": "fine, très très fine"}'.encode(),
        b"{broken",
        b"[1, 2]",
        b"",
        b'{"movie": "A", "text": "caf\xe9"}',
        b'{"text": "whose?"}',
        b'{"movie": "A"}',
        b'{"movie": "A", "text": "  "}',
        b'{"movie": "A", "text": 7}',
        b'{"movie": ["A"], "text": "x"}',
        b'{"movie": "A", "text": "half \\ud83d"}',
        b'{"movie": "A", "text": "x", "rating": "many"}',
        b'{"movie": 7.0, "text": "bell \\u0007 and \\u0000", "rating": "8"}',
    ]
    path.write_bytes(b"\n".join(lines))
    reviews, rejects = read(path, FieldNames(rating="rating"))
    assert [(one.line, one.movie, one.rating) for one in reviews] == [
        *((1, "A", None), (11, "A", None), (12, "A", None), (13, "7", 8.0))
    ]
    expected = {
        2: "not JSON",
        3: "not a JSON object",
        5: "not UTF-8: byte 0xe9",
        6: "no item (field 'movie')",
        7: "no text (field 'text')",
        8: "no text (field 'text')",
        9: "not a string but a int",
        10: "the item (field 'movie') is no name",
        12: "is no number: 'many'",
    }
    assert [one.line for one in rejects] == list(expected)
    assert [one.line for one in rejects if one.is_kept] == [12]
    for one in rejects:
        assert expected[one.line] in one.reason
        assert one.source == str(path)


def test_bad_rows_of_csv_are_told_with_the_line_they_begin_on(tmp_path: Path) -> None:
    path = tmp_path / "reviews.csv"
    path.write_bytes(b'\xef\xbb\xbfmovie;text\nA;"two\nlines"\nB\nC;na\xefve\n\nD;fine\n')
    reviews, rejects = read(path)
    assert [(one.line, one.movie) for one in reviews] == [(2, "A"), (7, "D")]
    assert [(one.line, one.reason) for one in rejects] == [
        (4, "the row has 1 fields, the header 2"),
        (5, "the text (field 'text') is not UTF-8 at character 3"),
    ]


def test_a_line_that_is_too_long_is_left_out_without_being_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE", 100)
    path = tmp_path / "reviews.jsonl"
    path.write_text(
        json.dumps({"movie": "A", "text": "x" * 500}) + "\n" + json.dumps({"movie": "B", "text": "y"}) + "\n"
    )
    assert [(type(row), row.line) for row in Source(str(path)).rows()] == [(BadRow, 1), (Row, 2)]


def test_a_review_of_ten_megabytes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "reviews.jsonl"
    path.write_text(json.dumps({"movie": "A", "text": "long " * 2_000_000}))
    (review,), rejects = read(path)
    assert len(review.text) == LONGEST_TEXT + 1
    assert rejects == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.json", b'[{"movie": "A"}]', "no column for the text; row 1 has: movie."),
        ("a.txt", b"just some words\nand more", "no column for the item; its header has: text."),
        ("a.csv", b"theatre_play,text\nA,b\n", "no column for the item; its header has: theatre_play, text."),
        ("a.jsonl", b'{"theatre_play": 1, "text": 2}\n{}', "no column for the item; line 1 has: theatre_play, text."),
        ("a.jsonl", b"{}\n", "no column for the item and none for the text; line 1 has: no column at all."),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_that_says_why(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match="a\\.") as caught:
        read(path)
    assert message in caught.value.message


def test_fields_are_named_by_the_user_or_by_custom(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("movie_id,review,stars,who\ntt1,fine,3,ann\n")
    (review,), _ = read(path, FieldNames(user="who"))
    assert review == Review(str(path), 2, "tt1", "fine", rating=3.0, user="ann", item=("movie_id", "tt1"))
    with pytest.raises(DataError, match="no column 'film'"):
        read(path, FieldNames(movie="film"))


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), min_size=1, max_size=8))
def test_any_text_survives_json_lines(tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str]]) -> None:
    path = tmp_path_factory.mktemp("any") / "reviews.jsonl"
    path.write_text("".join(json.dumps({"movie": movie, "text": text}) + "\n" for movie, text in pairs))
    reviews, rejects = read(path)
    assert len(reviews) + len(rejects) == len(pairs)
    named = [(unicodedata.normalize("NFC", " ".join(movie.split())), text) for movie, text in pairs]
    kept = {(movie, text) for movie, text in named if movie and text.strip()}
    assert {(one.movie, one.text) for one in reviews} <= kept


def test_a_table_without_usual_names_is_told_from_prose(tmp_path: Path) -> None:
    path = tmp_path / "answers"
    path.write_text('"Q1. Where, and when?",Q2. How?,Q3. And?\n' + '"Here, now",well,fine\n' * 6)
    rows = list(Source(str(path)).rows())
    assert isinstance(rows[0], Row)
    assert list(rows[0].fields) == ["Q1. Where, and when?", "Q2. How?", "Q3. And?"]
    path.write_text("Nice, clean, quiet.\nWe came, saw and left.\n" * 6)
    assert next(iter(Source(str(path)).rows())) == Row(1, {"text": "Nice, clean, quiet."})

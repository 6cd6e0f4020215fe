"""Every file format is read the same, and a file that cannot be read is named with the reason and what helps."""

import bz2
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from sentrec.data.tables import looks_like_file, mirror_folder, mirrored_datasets, read_file
from sentrec.errors import DataError

ROWS = [("1984", "good"), ('say "hi", they\nsaid', "bad"), ("café 👍", "good"), ("NA", "null")]


def as_csv(delimiter: str = ",") -> bytes:
    quoted = [(text.replace('"', '""'), label) for text, label in ROWS]
    lines = [f'"{text}"{delimiter}"{label}"' for text, label in quoted]
    return "\n".join([f"text{delimiter}label", *lines, ""]).encode()


def as_jsonl() -> bytes:
    return "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in ROWS).encode()


def as_parquet() -> bytes:
    buffer = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist([{"text": text, "label": label} for text, label in ROWS]), buffer)
    return buffer.getvalue()


FORMATS: dict[str, Callable[[], bytes]] = {
    "csv": as_csv,
    "tsv": lambda: as_csv("\t"),
    "jsonl": as_jsonl,
    "ndjson": as_jsonl,
    "json": as_jsonl,
    "parquet": as_parquet,
}
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
}


def error_of(path: Path, content: bytes | None = None) -> DataError:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_file(path, ("text",))
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, kind: str, compression: str) -> None:
    path = tmp_path / f"rows.{kind}{compression}"
    path.write_bytes(COMPRESSIONS[compression](FORMATS[kind]()))
    table = read_file(path, ("text",))
    assert list(zip(table.column("text").to_pylist(), table.column("label").to_pylist(), strict=True)) == ROWS
    assert looks_like_file(str(path))


def test_upper_case_suffixes_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    for name, content in (("rows.CSV", as_csv()), ("rows.JSONL", as_jsonl())):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content)
        assert read_file(tmp_path / name, ("text",)).column_names == ["text", "label"]


def test_a_text_column_stays_text_whatever_it_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("text,label\n1984,1\n,0\ntrue,1\n")
    assert read_file(path, ("text",)).column("text").to_pylist() == ["1984", "", "true"]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl.gz"])
def test_a_missing_and_an_empty_file_are_told_apart(tmp_path: Path, name: str) -> None:
    assert "does not exist" in error_of(tmp_path / name).message
    assert "is empty" in error_of(tmp_path / name, b"").message


@pytest.mark.parametrize("name", ["a.txt", "a.xlsx", "a", "a.gz", "a.csv.zip"])
def test_an_unknown_format_lists_the_known_ones(tmp_path: Path, name: str) -> None:
    error = error_of(tmp_path / name, b"x")
    assert "no known format" in error.message
    assert ".parquet" in str(error.hint)


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("cut.parquet", as_parquet()[:-20], "whole"),
        ("text.parquet", b"text,label\ngood,1\n", "whole"),
        ("cut.parquet.gz", gzip.compress(as_parquet(), mtime=0)[:-30], "whole"),
        ("cut.csv.gz", gzip.compress(as_csv(), mtime=0)[:-12], ""),
        ("not.csv.gz", as_csv(), ""),
        ("not.jsonl.zst", as_jsonl(), ""),
        ("ragged.csv", b"text,label\ngood,1\nfine, really,1\n", "double quotes"),
        ("ragged.tsv", b"text\tlabel\ngood\t1\nfine\n", "double quotes"),
        ("latin.csv", "text,label\ncafé,1\n".encode("latin-1"), "UTF-8"),
        ("latin.jsonl", '{"text": "café", "label": 1}\n'.encode("latin-1"), "UTF-8"),
        ("utf16.csv", "text,label\ngood,1\n".encode("utf-16"), "UTF-8"),
        ("array.json", b'[\n{"text": "a", "label": 1}\n]\n', "Each line must be one JSON object"),
        ("mixed.jsonl", b'{"text": "a"}\n{"text": 3}\n', "same types"),
        ("half.jsonl", b'{"text": "a", "label": 1}\n{"text": "b", "la', "Each line must be one JSON object"),
    ],
)
def test_a_broken_file_says_what_is_wrong_and_what_helps(tmp_path: Path, name: str, content: bytes, hint: str) -> None:
    error = error_of(tmp_path / name, content)
    assert "cannot be read" in error.message
    assert hint in str(error.hint)


def test_a_ragged_row_is_told_by_its_number(tmp_path: Path) -> None:
    rows = "text,label\n" + "good,1\n" * 5 + "fine, really,1\n"
    assert "Row #7" in error_of(tmp_path / "ragged.csv", rows.encode()).message


def test_a_folder_with_a_file_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    assert "does not exist" in error_of(tmp_path / "folder.csv").message


def test_a_home_folder_is_spelled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "reviews").write_text("x")
    assert looks_like_file("~/reviews")
    assert not looks_like_file("~/absent")


def test_the_mirror_lists_its_folders_that_hold_parquet_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (mirrored_datasets(), mirror_folder("cinema")) == ([], None)
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path / "absent"))
    assert (mirrored_datasets(), mirror_folder("cinema")) == ([], None)
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path))
    (tmp_path / "cinema").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "cinema" / "train.parquet").write_bytes(as_parquet())
    assert mirrored_datasets() == ["cinema"]
    assert mirror_folder("cinema") == tmp_path / "cinema"
    assert mirror_folder("empty") is None

"""Every file format is read the same, and a file that cannot be read is named with the reason and what helps."""

import bz2
import gzip
import io
import json
import lzma
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from glove_server import zipped

from sentrec.data.formats import looks_like_file
from sentrec.data.locate import locate_split
from sentrec.data.tables import mirror_folder, mirrored_datasets, read_table
from sentrec.errors import DataError
from sentrec.recipe.loading import recipe_from_dict, recipe_tree

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


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(255 - byte for byte in content[middle : middle + 4]) + content[middle + 4 :]


COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zip": lambda content: zipped({"folder/rows.txt": content, "__MACOSX/rows": b"x"}),
    ".zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
}


def every(header: Sequence[str]) -> Sequence[str]:
    return header


def error_of(path: Path, content: bytes | None = None) -> DataError:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_table(path, every)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_rows(tmp_path: Path, kind: str, compression: str) -> None:
    path = tmp_path / f"rows.{kind}{compression}"
    path.write_bytes(COMPRESSIONS[compression](FORMATS[kind]()))
    table = read_table(path, every).columns
    assert list(zip(table.column("text").to_pylist(), table.column("label").to_pylist(), strict=True)) == ROWS
    assert looks_like_file(str(path))


def test_upper_case_suffixes_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    for name, content in (("rows.CSV", as_csv()), ("rows.JSONL", as_jsonl())):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content)
        assert read_table(tmp_path / name, every).header == ("text", "label")


def test_a_text_column_stays_text_whatever_it_looks_like(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("text,label\n1984,1\n,0\ntrue,1\n")
    assert read_table(path, every).columns.column("text").to_pylist() == ["1984", "", "true"]


def test_what_is_no_path_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    for name in (
        str(tmp_path / "loop.csv"),
        "~nobody/a.csv",
        "x" * 5000 + ".csv",
        "zero\0.csv",
        str(tmp_path / "pipe.csv"),
    ):
        with pytest.raises(DataError) as caught:
            read_table(Path(name), every)
        assert len(caught.value.message) < 600


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl.gz"])
def test_a_missing_file_an_empty_one_and_a_folder_are_told_apart(tmp_path: Path, name: str) -> None:
    assert "does not exist" in error_of(tmp_path / name).message
    assert "is empty" in error_of(tmp_path / name, b"").message
    (tmp_path / f"x{name}").mkdir()
    assert "is a folder" in error_of(tmp_path / f"x{name}").message
    assert "is empty" in error_of(tmp_path / "b.csv.gz", gzip.compress(b"", mtime=0)).message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.parquet", as_parquet()[:-20]),
        ("garbled.parquet", as_parquet()[:-40] + b"x" * 32 + as_parquet()[-8:]),
        ("cut.parquet.gz", gzip.compress(as_parquet(), mtime=0)[:-30]),
        ("cut.csv.gz", gzip.compress(as_csv(), mtime=0)[:-12]),
        ("flipped.csv.bz2", flipped(bz2.compress(as_csv()))),
        ("flipped.csv.xz", flipped(lzma.compress(as_csv()))),
        ("flipped.jsonl.zst", flipped(COMPRESSIONS[".zst"](as_jsonl() * 50))),
        ("cut.zip", zipped({"a.csv": as_csv()})[:-20]),
        ("broken.xlsx", zipped({"xl/workbook.xml": b"<"})),
        ("deep.json", b"[" * 20_000 + b"]" * 20_000),
        ("half.json", b'[{"text": "a", "label": 1}, {"te'),
    ],
)
def test_a_broken_file_is_one_line_with_a_hint(tmp_path: Path, name: str, content: bytes) -> None:
    error = error_of(tmp_path / name, content)
    assert "cannot be read" in error.message
    assert len(error.message) < 600


@pytest.mark.parametrize(
    ("name", "content", "line", "reason"),
    [
        (
            "ragged.csv",
            b"text,label\n" + b"good,1\n" * 5 + b"fine, really,1\n",
            7,
            "the row has 3 fields, the header 2",
        ),
        ("ragged.tsv", b"text\tlabel\ngood\t1\nfine\n", 3, "the row has 1 fields, the header 2"),
        ("quote.csv", b'text,label\na,1\n"open, really,2\nb,3\n', 3, "is a quote open?"),
        ("half.jsonl", b'{"text": "a", "label": 1}\n{"text": "b", "la', 2, "not JSON"),
        (
            "deep.jsonl",
            b'{"text": "a", "label": 1}\n{"label": ' + b"[" * 20_000 + b"]" * 20_000 + b"}\n",
            2,
            "not JSON",
        ),
        ("digits.jsonl", b'{"text": "a", "label": 1}\n{"label": ' + b"1" * 5000 + b"}\n", 2, "not JSON"),
    ],
)
def test_a_broken_row_is_told_by_its_line(tmp_path: Path, name: str, content: bytes, line: int, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (bad,) = read_table(path, every).bad
    assert bad.line == line
    assert reason in bad.reason


def test_a_quote_that_is_never_closed_costs_no_row(tmp_path: Path) -> None:
    path = tmp_path / "quotes.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{'' if row != 3 else chr(34)}row {row}\tgood\n" for row in range(200)))
    assert read_table(path, every).columns.num_rows == 200


def test_one_line_of_fifty_megabytes_is_read_or_told(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("text,label\n" + "word " * 10_000_000 + ",1\nshort,0\n")
    assert read_table(path, every).columns.num_rows == 2


def test_a_home_folder_is_spelled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "reviews").write_text("x")
    assert looks_like_file("~/reviews")
    assert not looks_like_file("~/absent")


def test_a_stray_file_called_as_a_split_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("train", "test", "reviews.dat"):
        (tmp_path / name).write_text("x")
    assert [looks_like_file(name) for name in ("train", "test", "./train", "reviews.dat")] == [False, False, True, True]


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


def test_any_folder_of_splits_is_a_dataset_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cinema").mkdir()
    (tmp_path / "cinema" / "train.parquet").write_bytes(as_parquet())
    data = recipe_from_dict(recipe_tree("quickstart", ["data.dataset=./cinema"])).data
    assert locate_split(data, "train") == tmp_path / "cinema" / "train.parquet"
    with pytest.raises(DataError) as error:
        locate_split(recipe_from_dict(recipe_tree("quickstart", ["data.dataset=cinema"])).data, "train")
    assert "./cinema" in str(error.value.hint)

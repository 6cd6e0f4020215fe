from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sentrec.adapt.corpus import batches, parts_of, same_texts
from sentrec.errors import DataError, SentrecError


def read(*names: object, columns: tuple[str, ...] = ()) -> list[str]:
    return [text for batch in batches(parts_of([str(name) for name in names], columns)) for text in batch]


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data" / "films"
    folder.mkdir(parents=True)
    for split in ("train", "unsupervised", "test"):
        rows = {"text": [f"{split} one", f"{split} two"], "label": [0, 1]}
        pq.write_table(pa.table(rows), folder / f"{split}.parquet")
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path / "data"))
    return folder


def test_a_dataset_stands_for_its_texts_without_those_of_test(mirror: Path) -> None:
    assert read("films") == ["train one", "train two", "unsupervised one", "unsupervised two"]


def test_a_split_stands_for_itself(mirror: Path) -> None:
    assert read("films/unsupervised") == ["unsupervised one", "unsupervised two"]


def test_learning_from_test_texts_is_done_with_a_warning(mirror: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read("films/test") == ["test one", "test two"]
    assert "not of unseen texts" in caplog.text


def test_unknown_datasets_and_splits_get_the_nearest_name(mirror: Path) -> None:
    with pytest.raises(DataError) as unknown:
        parts_of(["filns"])
    assert "films" in (unknown.value.hint or "") + unknown.value.message
    with pytest.raises(DataError, match="no split 'unsupervise'") as split:
        parts_of(["films/unsupervise"])
    assert split.value.hint == "did you mean 'unsupervised'?"


def test_plain_text_has_a_text_a_line_and_blank_ones_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_bytes("\ufeffone film\n\n  \nzwei Filme\u00e9".encode())
    assert [text.strip() for text in read(path)] == ["one film", "zwei Filme\u00e9"]


def test_tables_have_a_usual_column_or_the_named_ones(tmp_path: Path) -> None:
    jsonl, table = tmp_path / "a.jsonl", tmp_path / "b.csv"
    jsonl.write_text('{"review": "first", "n": 1}\n{"review": null, "n": 2}\n', encoding="utf-8")
    table.write_text("head,body\nA,1984\n,alone\n", encoding="utf-8")
    assert read(jsonl) == ["first"]
    assert read(table, columns=("head", "body")) == ["A\n1984", "alone"]


@pytest.mark.parametrize(
    ("name", "content", "columns", "message", "hint"),
    [
        ("a.csv", b"body,n\nx,1\n", (), "has no column 'text'; it has: body, n", "--text-column NAME"),
        ("a.jsonl", b'{"text": 3}\n', (), "holds int64 values, not text", "--text-column NAME"),
        ("a.txt", b"\n \n", (), "there is no text", "right file"),
        ("a.txt", b"caf\xe9\n", (), "cannot be read", "as UTF-8"),
        ("a.csv", b"", (), "is empty", "rows"),
    ],
)
def test_what_cannot_be_read_is_told_with_what_to_do(
    tmp_path: Path, name: str, content: bytes, columns: tuple[str, ...], message: str, hint: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path / name, columns=columns)
    assert hint in (error.value.hint or "")


def test_a_missing_file_is_told_before_anything_is_read(tmp_path: Path) -> None:
    [part] = parts_of([str(tmp_path / "none.jsonl")])
    with pytest.raises(SentrecError, match="does not exist"):
        part.identity()


def test_the_same_source_twice_is_refused(mirror: Path) -> None:
    with pytest.raises(DataError, match="films/train is named twice"):
        parts_of(["films", "films/train"])


def test_an_altered_file_has_another_identity(tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text("one\n", encoding="utf-8")
    [part] = parts_of([str(path)])
    before = part.identity()
    path.write_text("one more\n", encoding="utf-8")
    assert part.identity() != before


@pytest.mark.parametrize(
    ("names", "labels", "same"),
    [
        (["imdb"], ["imdb/train", "imdb/unsupervised"], True),
        (["imdb"], ["imdb/train"], True),  # a dataset may have no more splits
        (["imdb"], ["imdb/test"], False),
        (["imdb"], ["imdb/train", "amazon/train"], False),
        (["imdb", "amazon"], ["amazon/train", "imdb/train"], True),
        (["imdb", "amazon"], ["imdb/train"], False),
        (["imdb/unsupervised"], ["imdb/train", "imdb/unsupervised"], False),
        (["imdb/train"], ["amazon/train"], False),
        (["mine.txt"], ["/elsewhere/mine.txt"], True),
        (["mine.txt"], ["other.txt"], False),
        (["imdb"], ["mine.txt"], False),
        (["good, bad.csv"], ["good", "bad.csv"], True),  # as a source that lists both with commas is read
    ],
)
def test_names_are_told_from_those_of_other_texts_without_looking(
    names: list[str], labels: list[str], same: bool
) -> None:
    assert same_texts(names, labels) == same

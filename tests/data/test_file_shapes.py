"""Files as people have them: each is read rightly by predict, recommend, evaluate and train, or refused with a hint."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest

from sentrec.data.columns import FieldNames
from sentrec.data.examples import load_examples
from sentrec.data.labels import match_labels
from sentrec.data.sources import Source
from sentrec.errors import DataError
from sentrec.inference.lines import classify_source
from sentrec.inference.prediction import Prediction
from sentrec.recipe import DataConfig
from sentrec.recommend.reviews import read_chunks

ITEMS = ["Sea View", "Sea View", "Old Mill", "Old Mill"]
TEXTS = ["lovely rooms, superb", "dull and awful; never again", "a moving café, très naïve", "bleak|bleak, 'bleak'"]
MEANT = ["positive", "negative", "positive", "negative"]
ROWS = [
    {"hotel": item, "review": text, "sentiment": label} for item, text, label in zip(ITEMS, TEXTS, MEANT, strict=True)
]
COMMANDS = ("predict", "recommend", "train", "evaluate")


class Stub:
    """A predictor that only says that it was asked."""

    tells_stars = False

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        return [Prediction("positive", 1.0, {"positive": 1.0}) for _ in texts]


def csv_of(rows: Sequence[dict[str, Any]] = ROWS, mark: str = ",", end: str = "\n", every: bool = False) -> str:
    def cell(value: Any) -> str:
        text = str(value)
        quoted = every or any(one in text for one in (mark, '"', "\n"))
        return '"' + text.replace('"', '""') + '"' if quoted else text

    return end.join([mark.join(map(cell, rows[0])), *(mark.join(map(cell, row.values())) for row in rows), ""])


def with_labels(*labels: Any, name: str = "sentiment") -> list[dict[str, Any]]:
    return [{"hotel": row["hotel"], "review": row["review"], name: one} for row, one in zip(ROWS, labels, strict=True)]


def named(item: str | None, text: str, label: str, labels: Sequence[Any], **others: Any) -> str:
    """A CSV file with these columns, as some site exports it."""
    rows = []
    for row, one in zip(ROWS, labels, strict=True):
        there = {} if item is None else {item: row["hotel"]}
        rows.append({**others, **there, text: row["review"], label: one})
    return csv_of(rows)


def jsonl(rows: Sequence[Any] = ROWS) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def parquet() -> bytes:
    buffer = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(ROWS), buffer)
    return buffer.getvalue()


def excel(cover: bool = False) -> bytes:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    sheet = book.create_sheet() if cover else book.active
    assert sheet is not None
    for row in [
        [],
        *([["Guests of 2025"], []] if cover else []),
        list(ROWS[0]),
        *(list(row.values()) for row in ROWS),
        [None],
    ]:
        sheet.append(row)
    book.save(buffer)
    return buffer.getvalue()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


COLUMNS = {name: [row[name] for row in ROWS] for name in ROWS[0]}
STARS = [5, 1, 4, 2]

ALL: dict[str, tuple[str, str | bytes]] = {
    "comma": ("a.csv", csv_of()),
    "semicolon": ("a.csv", csv_of(mark=";")),
    "tab": ("a.tsv", csv_of(mark="\t")),
    "tab in .csv": ("a.csv", csv_of(mark="\t")),
    "bar": ("a.csv", csv_of(mark="|")),
    "all quoted": ("a.csv", csv_of(every=True)),
    "byte order mark": ("a.csv", b"\xef\xbb\xbf" + csv_of().encode()),
    "Windows line ends": ("a.csv", csv_of(end="\r\n")),
    "old Mac line ends": ("a.csv", csv_of(end="\r")),
    "Excel's sep=": ("a.csv", "sep=;\n" + csv_of(mark=";")),
    "UTF-16": ("a.csv", csv_of().encode("utf-16")),
    "UTF-16 without a mark": ("a.csv", csv_of().encode("utf-16-le")),
    "Windows-1252": ("a.csv", csv_of().encode("windows-1252")),
    "Latin-1": ("a.csv", csv_of(mark=";").encode("latin-1")),
    "Mac Roman": ("a.csv", csv_of().encode("mac-roman")),
    "no suffix": ("reviews", csv_of()),
    "table in .txt": ("a.txt", csv_of(mark="\t")),
    "spaces and capitals": ("a.csv", csv_of().replace("hotel,review,sentiment", "Hotel Name, Review Text ,SENTIMENT")),
    "open quote": (
        "a.csv",
        "hotel\treview\tsentiment\n"
        + "".join(
            "\t".join([row["hotel"], ('"' if number == 1 else "") + row["review"], row["sentiment"]]) + "\n"
            for number, row in enumerate(ROWS)
        ),
    ),
    "empty cells at the end": ("a.csv", csv_of().replace("negative\n", "negative,,\n")),
    "blank lines": ("a.csv", csv_of().replace("negative\n", "negative\n\n")),
    "JSON lines": ("a.jsonl", jsonl()),
    "JSON lines in UTF-16": ("a.jsonl", jsonl().encode("utf-16")),
    "JSON lines without suffix": ("a", jsonl()),
    "JSON lines called .json": ("a.json", jsonl()),
    "JSON array": ("a.json", json.dumps(ROWS)),
    "JSON array, indented": ("a.json", json.dumps(ROWS, indent=2)),
    "JSON object of records": ("a.json", json.dumps({"count": 4, "reviews": ROWS}, indent=1)),
    "JSON by column": ("a.json", json.dumps(COLUMNS)),
    "JSON of pandas": ("a.json", json.dumps({name: dict(enumerate(one)) for name, one in COLUMNS.items()})),
    "JSON by index": ("a.json", json.dumps({f"r{number}": row for number, row in enumerate(ROWS)})),
    "Parquet": ("a.parquet", parquet()),
    "Parquet without suffix": ("a", parquet()),
    "Excel": ("a.xlsx", excel()),
    "Excel with a cover and a title": ("a.xlsx", excel(cover=True)),
    "title above the columns": ("a.csv", "Guests of 2025\n\n" + csv_of()),
    "title above the columns, filled up": ("a.csv", "Guests of 2025;;\n;;\n" + csv_of(mark=";")),
    "names with brackets": ("a.csv", csv_of().replace("hotel,review,sent", "Hotel (name),Review [English],Sent")),
    "gzip": ("a.csv.gz", gzip.compress(csv_of().encode())),
    "bzip2": ("a.csv.bz2", bz2.compress(csv_of().encode())),
    "xz": ("a.csv.xz", lzma.compress(csv_of().encode())),
    "zstd": ("a.jsonl.zst", zstd(jsonl().encode())),
    "zip": ("a.zip", zipped(reviews_csv=csv_of().encode(), readme_md=b"x")),
    "Parquet in gzip": ("a.parquet.gz", gzip.compress(parquet())),
    "one sentiment, many spellings": ("a.csv", csv_of(with_labels("POS", "neg", "Positive", "NEG"))),
    "truth values": ("a.jsonl", jsonl(with_labels(True, False, True, False))),
    "stars": ("a.csv", csv_of(with_labels(*STARS, name="Rating"))),
    "stars as fractions": ("a.csv", csv_of(with_labels("5/5", "1/5", "3.5/4", "0.5/4"))),
    "stars as signs": ("a.csv", csv_of(with_labels("★★★★★", "★", "★★★★☆", "★½"))),
    "grades": ("a.csv", csv_of(with_labels("A-", "D", "B+", "F"))),
    "Letterboxd": ("a.csv", named("Name", "Review", "Rating", [4.5, 0.5, 5, 1], **{"Letterboxd URI": "u"})),
    "Amazon 2018": (
        "a.jsonl",
        jsonl(
            [
                {"overall": stars, "asin": row["hotel"], "reviewText": row["review"], "summary": "title"}
                for row, stars in zip(ROWS, STARS, strict=True)
            ]
        ),
    ),
    "Goodreads": ("a.csv", named("Title", "My Review", "My Rating", STARS, **{"Book Id": 1, "Author": "x"})),
    "Steam": ("a.csv", named("app_name", "review_text", "review_score", [1, -1, 1, -1], review_votes=0)),
    "Play Store of Kaggle": ("a.csv", named("App", "Translated_Review", "Sentiment", ["Positive", "Negative"] * 2)),
}
"""Files that every command reads."""

SOME: dict[str, tuple[str, str | bytes, dict[str, str]]] = {
    "Kaggle's IMDB": ("a.csv", named(None, "review", "sentiment", MEANT), {"recommend": "--movie-field NAME"}),
    "TripAdvisor": ("a.csv", named(None, "Review", "Rating", STARS), {"recommend": "`sentrec predict"}),
    "Play Store": (
        "a.csv",
        named(None, "content", "score", STARS, reviewId="x", thumbsUpCount=1, userName="u"),
        {"recommend": "--movie-field NAME"},
    ),
    "a text a line": (
        "a.txt",
        "\n".join(TEXTS),
        {"recommend": "--movie-field NAME", "train": "data.label_column=NAME", "evaluate": "data.label_column=NAME"},
    ),
    "array of texts": (
        "a.json",
        json.dumps(TEXTS),
        {"recommend": "--movie-field NAME", "train": "data.label_column=NAME", "evaluate": "data.label_column=NAME"},
    ),
}
"""Files that lack what some commands need; what those answer."""

NO_TEXT = {"predict": "--text-field NAME", "recommend": "--movie-field NAME"} | dict.fromkeys(
    ("train", "evaluate"), "data.text_columns=[NAME]"
)
NONE: dict[str, tuple[str, str | bytes, dict[str, str]]] = {
    "no header": ("a.csv", csv_of().partition("\n")[2].replace("Sea View", "17"), NO_TEXT),
    "other words": ("a.csv", csv_of().replace("hotel,review,sentiment", "alfa,beta,gamma"), NO_TEXT),
    "column twice": ("a.csv", csv_of().replace(",sentiment", ",review"), dict.fromkeys(COMMANDS, "Rename one of them")),
    "empty": ("a.csv", "", dict.fromkeys(COMMANDS, "It needs rows")),
    "old Excel": ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99, dict.fromkeys(COMMANDS, "Save it as .xlsx")),
    "two files in a zip": ("a.zip", zipped(a_csv=b"x", b_csv=b"y"), dict.fromkeys(COMMANDS, "name one of them")),
    "cut gzip": ("a.csv.gz", gzip.compress(csv_of().encode() * 9)[:-40], dict.fromkeys(COMMANDS, "Is it whole")),
    "garbled Parquet": ("a.parquet", parquet()[:-9] + b"x" + parquet()[-8:], dict.fromkeys(COMMANDS, "Is it whole")),
    "broken array": ("a.json", json.dumps(ROWS)[:-20], dict.fromkeys(COMMANDS, "Is it whole")),
}
"""Files that nobody reads."""


def predicted(path: Path) -> list[Any]:
    return [one.text for one in classify_source(Stub(), Source(str(path)))]  # type: ignore[arg-type]


def recommended(path: Path) -> list[Any]:
    chunks = read_chunks([Source(str(path))], FieldNames(), 100, lambda _: None)
    return [(one.movie, one.text) for chunk in chunks for one in chunk]


def trained(path: Path) -> list[Any]:
    examples = load_examples(DataConfig(dataset=str(path)), "train")
    return list(zip(examples.texts, (examples.label_names[number] for number in examples.labels), strict=True))


def evaluated(path: Path) -> list[Any]:
    examples = load_examples(DataConfig(dataset=str(path)), "train")
    labels, _ = match_labels(examples.labels, examples.label_names, ("negative", "positive"), str(path))
    return list(zip(examples.texts, np.array(["negative", "positive"])[labels].tolist(), strict=True))


READ: dict[str, Callable[[Path], list[Any]]] = dict(
    zip(COMMANDS, (predicted, recommended, trained, evaluated), strict=True)
)
OWN_CLASSES = ("truth values", "Steam", "Play Store of Kaggle")
"""Labels that are two classes under names of their own, which training keeps."""


@pytest.mark.parametrize("shape", [*ALL, *SOME, *NONE])
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_reads_a_file_rightly_or_says_what_to_do(tmp_path: Path, shape: str, command: str) -> None:
    name, content, hints = (*ALL[shape], {}) if shape in ALL else (SOME | NONE)[shape]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    hint = hints.get(command)
    if hint is not None:
        with pytest.raises(DataError) as caught:
            READ[command](path)
        assert hint in str(caught.value.hint)
        assert len(caught.value.message) < 400
        return
    texts = [('"' if shape == "open quote" and number == 1 else "") + text for number, text in enumerate(TEXTS)]
    expected = {
        "predict": texts,
        "recommend": list(zip(ITEMS, texts, strict=True)),
        "train": list(zip(texts, MEANT, strict=True)),
        "evaluate": list(zip(texts, MEANT, strict=True)),
    }[command]
    found = READ[command](path)
    if command == "train" and shape in OWN_CLASSES:
        found = [(text, {"true": "positive", "1": "positive"}.get(label.lower(), "negative")) for text, label in found]
        if shape == "Play Store of Kaggle":
            found = [(text, label) for (text, _), label in zip(found, MEANT, strict=True)]
    assert found == expected

"""Files as people have them, and what a command that lacks something in one answers."""

import bz2
import gzip
import io
import json
import lzma
import re
import zipfile
from collections.abc import Sequence
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet
from archives import archive

ITEMS = ["Sea View", "Sea View", "Old Mill", "Old Mill"]
TEXTS = ["lovely rooms, superb", "dull and awful; never again", "a moving café, très naïve", "bleak|bleak, 'bleak'"]
MEANT = ["positive", "negative", "positive", "negative"]
ROWS = [
    {"hotel": item, "review": text, "sentiment": label} for item, text, label in zip(ITEMS, TEXTS, MEANT, strict=True)
]
COMMANDS = ("predict", "recommend", "train", "evaluate")


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


def workbook(*sheets: list[list[Any]], merged: Sequence[str] = (), hidden: int | None = None) -> bytes:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for number, rows in enumerate(sheets):
        sheet = book.active if number == 0 else book.create_sheet()
        assert sheet is not None
        for row in rows:
            sheet.append(row)
    for cells in merged:
        book.worksheets[0].merge_cells(cells)
    if hidden is not None:
        book.worksheets[hidden].sheet_state = "hidden"
    book.save(buffer)
    return buffer.getvalue()


def short_dimension(book: bytes) -> bytes:
    """A workbook as other programs write it, which says that its sheet is one cell."""
    with zipfile.ZipFile(io.BytesIO(book)) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    return archive(
        {name: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="A1"', one) for name, one in parts.items()}
    )


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
    return archive({name.replace("_", "."): content for name, content in files.items()})


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


CELLS = [list(row.values()) for row in ROWS]
HEADER = list(ROWS[0])
WITHOUT_ITEM = {one: [dict(list(row.items())[1:]) for row in ROWS if row["hotel"] == one] for one in ITEMS}
NESTED = [
    {"hotel": {"name": row["hotel"]}, "review": {"text": row["review"], "label": row["sentiment"]}} for row in ROWS
]
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
    "open quote": ("a.csv", csv_of(mark="\t").replace("\tdull", '\t"dull')),
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
    "index without a name": ("a.csv", csv_of([{"": n, **row} for n, row in enumerate(ROWS)])),
    "R's numbers of rows": (
        "a.csv",
        "".join(f'"{n}",' * bool(n) + line + "\n" for n, line in enumerate(csv_of(every=True).splitlines())),
    ),
    "single quotes": (
        "a.csv",
        "\n".join(",".join("'" + str(one).replace("'", "\\'") + "'" for one in row) for row in [HEADER, *CELLS]),
    ),
    "rows without the last column": ("a.csv", csv_of().replace("sentiment\n", "sentiment,notes\n")),
    "comments above": ("a.csv", "# written by a tool\n# 4 rows, of 2025\n" + csv_of()),
    "second row of names": (
        "a.csv",
        csv_of().replace("hotel,review,sentiment\n", "hotel,feedback,\n,review,sentiment\n"),
    ),
    "survey's second row": (
        "a.csv",
        csv_of().replace("sentiment\n", "sentiment\nResponse,Open-Ended Response,Response\n"),
    ),
    "commas after JSON lines": ("a.jsonl", jsonl().replace("}\n", "},\n")),
    "reviews inside of hotels": (
        "a.json",
        json.dumps([{"hotel": item, "stars": 3, "reviews": rows} for item, rows in WITHOUT_ITEM.items()]),
    ),
    "JSON lines of hotels": (
        "a.jsonl",
        jsonl([{"hotel": item, "reviews": rows} for item, rows in WITHOUT_ITEM.items()]),
    ),
    "reviews by hotel": ("a.json", json.dumps(WITHOUT_ITEM)),
    "nested fields": ("a.jsonl", jsonl(NESTED)),
    "records deep inside": ("a.json", json.dumps({"status": "ok", "data": {"page": 1, "reviews": ROWS}})),
    "a sheet a year": ("a.xlsx", workbook([HEADER, *CELLS[:2]], [HEADER, *CELLS[2:]])),
    "hidden sheet": ("a.xlsx", workbook([HEADER, ["Old", "old text", "negative"]], [HEADER, *CELLS], hidden=0)),
    "notes above the columns": ("a.xlsx", workbook([["Report"], ["made by", "Bob"], [], HEADER, *CELLS])),
    "merged cells": (
        "a.xlsx",
        workbook(
            [["hotel", "feedback", None], [None, "review", "sentiment"]]
            + [[None if n % 2 else row[0], *row[1:]] for n, row in enumerate(CELLS)],
            merged=("A1:A2", "B1:C1", "A3:A4", "A5:A6"),
        ),
    ),
    "workbook that states fewer rows": ("a.xlsx", short_dimension(workbook([HEADER, *CELLS]))),
    "CSV called .xlsx": ("a.xlsx", csv_of()),
    "zip of an export": ("a.zip", zipped(reviews_csv=csv_of().encode(), profile_csv=b"name\nx\n")),
    "truth values": ("a.jsonl", jsonl(with_labels(True, False, True, False))),
    "stars": ("a.csv", csv_of(with_labels(*STARS, name="Rating"))),
    "stars as fractions": ("a.csv", csv_of(with_labels("5/5", "1/5", "3.5/4", "0.5/4"))),
    "stars of Amazon in German": (
        "a.csv",
        csv_of(
            with_labels(
                "5,0 von 5 Sternen", "1,0 von 5 Sternen", "4,0 von 5 Sternen", "2,0 von 5 Sternen", name="Bewertung"
            ),
            mark=";",
        ),
    ),
    "stars as words": ("a.csv", csv_of(with_labels("FIVE", "ONE", "FOUR", "TWO", name="Rating"))),
    "opinions as words": ("a.csv", csv_of(with_labels("Excellent", "Terrible", "Very good", "Poor", name="Rating"))),
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
        {"recommend": "--movie-field NAME", "train": "--label-field NAME", "evaluate": "--label-field NAME"},
    ),
    "fastText": (
        "a.txt",
        "".join(f"__label__{row['sentiment']} {row['review']}\n" for row in ROWS),
        {"recommend": "--movie-field NAME"},
    ),
    "array of texts": (
        "a.json",
        json.dumps(TEXTS),
        {"recommend": "--movie-field NAME", "train": "--label-field NAME", "evaluate": "--label-field NAME"},
    ),
}
"""Files that lack what some commands need; what those answer."""

NO_TEXT = {"predict": "--text-field NAME", "recommend": "--movie-field NAME"} | dict.fromkeys(
    ("train", "evaluate"), "--text-field NAME"
)
NONE: dict[str, tuple[str, str | bytes, dict[str, str]]] = {
    "no header": ("a.csv", csv_of().partition("\n")[2].replace("Sea View", "17"), NO_TEXT),
    "other words": ("a.csv", csv_of().replace("hotel,review,sentiment", "alfa,beta,gamma"), NO_TEXT),
    "column twice": ("a.csv", csv_of().replace(",sentiment", ",review"), dict.fromkeys(COMMANDS, "Rename one of them")),
    "empty": ("a.csv", "", dict.fromkeys(COMMANDS, "It needs rows")),
    "HTML": (
        "a.xls",
        "<html><table><tr><td>hotel</td></tr></table></html>",
        dict.fromkeys(COMMANDS, "spreadsheet program"),
    ),
    "PDF": ("a.pdf", b"%PDF-1.4\n%\xe2\xe3\n1 0 obj", dict.fromkeys(COMMANDS, "Save its texts")),
    "Word": ("a.docx", zipped(**{"word/document_xml": b"<x/>"}), dict.fromkeys(COMMANDS, "Save its texts")),
    "no text": ("a.bin", bytes(range(256)) * 20, dict.fromkeys(COMMANDS, "It may be CSV")),
    "no header, tabs": ("a.txt", "".join(f"{row['review']}\t1\n" for row in ROWS), NO_TEXT),
    "old Excel": ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99, dict.fromkeys(COMMANDS, "Save it as .xlsx")),
    "two files in a zip": ("a.zip", zipped(a_csv=b"x", b_csv=b"y"), dict.fromkeys(COMMANDS, "name one of them")),
    "cut gzip": ("a.csv.gz", gzip.compress(csv_of().encode() * 9)[:-40], dict.fromkeys(COMMANDS, "Is it whole")),
    "garbled Parquet": ("a.parquet", parquet()[:-9] + b"x" + parquet()[-8:], dict.fromkeys(COMMANDS, "Is it whole")),
    "broken array": ("a.json", json.dumps(ROWS)[:-20], dict.fromkeys(COMMANDS, "Is it whole")),
}
"""Files that nobody reads."""

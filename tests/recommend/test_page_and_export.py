"""The list for programs and for people: complete, escaped, and self-contained."""

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

from sentrec.recommend.export import to_csv, to_json_lines, to_page
from sentrec.recommend.quotes import Quote
from sentrec.recommend.ranking import RankedItem

_HOSTILE = '<script>alert("x")</script> & "more",\nand 😍'
ITEM = RankedItem(
    rank=1,
    movie="tt1",
    title=_HOSTILE,
    year=1999,
    genres=("Comedy", "<b>"),
    reviews=1234,
    duplicates=2,
    mean=0.9,
    share_positive=0.95,
    low=0.8,
    high=0.96,
    score=0.8,
    mean_rating=8.5,
    similarity=0.5,
    quotes={"positive": Quote(_HOSTILE, 3, 45, 0.99, '"id"'), "negative": None},
)
SUMMARY = {"items": 5, "reviews": 2000, "duplicates": 2, "rejected": 1, "rejects_file": "x"}


class Reader(HTMLParser):
    """Collects tags, attributes and text; unbalanced tags fail."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_shows_what_reviews_say_as_text_only() -> None:
    reader = Reader(to_page([ITEM], SUMMARY))
    assert reader.open == []
    assert not reader.tags & {"script", "b", "img", "link", "iframe"} - {"b"}
    assert reader.text.count(_HOSTILE) == 2
    assert "2,000 reviews of 5 items, 1 of them shown; 2 exact repetitions counted once; 1 row left out" in reader.text
    for part in ("1999, Comedy, <b>", "0.800", "1,234", "8.5", "95%"):
        assert part in reader.text


def test_the_page_counts_in_words_and_needs_nothing_from_elsewhere() -> None:
    summary = {"items": 1, "reviews": 1, "duplicates": 1, "rejected": 2, "rejects_file": "x"}
    page = to_page([ITEM], summary)
    assert "1 review of 1 item; 1 exact repetition counted once; 2 rows left out" in page
    assert not re.search(r"https?:|url\(|@import|src=|href=", page)
    assert {name for name, _ in Reader(page).attributes} <= {
        *("lang", "charset", "name", "content", "class", "style", "title", "role", "aria-label", "aria-hidden")
    }


def test_csv_and_json_lines_hold_the_same_item() -> None:
    (row,) = csv.DictReader(io.StringIO(to_csv([ITEM])))
    (line,) = map(json.loads, to_json_lines([ITEM]).splitlines())
    assert row["title"] == line["title"] == _HOSTILE
    assert (row["genres"], line["genres"]) == ("Comedy|<b>", ["Comedy", "<b>"])
    assert float(row["score"]) == line["score"] == 0.8
    assert line["quotes"]["positive"]["text"] == _HOSTILE
    assert row["positive_quote"] == _HOSTILE.replace("\n", " ")
    assert row["negative_quote"] == ""
    assert line["quotes"]["positive"]["start"] == 3


def test_a_quote_never_breaks_a_row_of_csv() -> None:
    quote = Quote("It broke\r in\r\n\x0btwo", 0, 20, 0.9, "x")
    table = to_csv([replace(ITEM, title="Heat", quotes={"positive": quote, "negative": quote})])
    assert [len(row) for row in csv.reader(table.splitlines())] == [20, 20]
    assert "It broke in two" in table


def test_half_a_surrogate_pair_can_be_written_and_read_again() -> None:
    item = replace(ITEM, movie="\ud83d", title="caf\u00e9 \ud83d")
    assert json.loads(to_json_lines([item]).encode())["movie"] == "\ud83d"
    assert b"caf\xc3\xa9 \\ud83d" in to_csv([item]).encode()

"""Everyday tables of reviews on the command line: columns, labels, encodings, and what becomes of bad rows."""

import csv
import json
import os
import threading
from pathlib import Path

import pytest
from command_line import Invoke

pytestmark = pytest.mark.usefixtures("starter")
GOOD, BAD = "the film was lovely and superb", "a dull and boring film"


def write_csv(name: str, rows: list[list[str]], encoding: str = "utf-8") -> str:
    with Path(name).open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows(rows)
    return name


def read_csv(name: str) -> list[dict[str, str]]:
    with Path(name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_recommend_takes_an_encoding(invoke: Invoke) -> None:
    file = write_csv("r.csv", [["hotel", "text"], *[["Ça va", f"{GOOD} {number}"] for number in range(4)]], "cp437")
    ranked = invoke("recommend", file, "--encoding", "cp437", "--positive", "good", "--json")
    assert ranked.exit_code == 0, ranked.output
    assert json.loads(ranked.stdout)["movie"] == "Ça va"
    wrong = invoke("recommend", file, "--encoding", "cp0", "--positive", "good")
    assert isinstance(wrong.exception, Exception)
    assert "no encoding that is known" in str(wrong.exception)


@pytest.mark.parametrize(("labels", "rows"), [("1=bad, 5=good", 8), ("1=bad,5=good,3=bad", 12)])
def test_labels_say_what_labels_mean(invoke: Invoke, labels: str, rows: int) -> None:
    lines = [[f"{text} {n}", stars] for n in range(4) for text, stars in ((GOOD, "5"), (BAD, "1"), (BAD, "3"))]
    file = write_csv("r.csv", [["review", "label"], *lines])
    result = invoke("evaluate", "starter", "--data", file, "--labels", labels, "--no-plots", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["metrics"]["n"] == rows


def test_labels_that_are_no_pairs_are_refused(invoke: Invoke) -> None:
    result = invoke("train", "quickstart", "--labels", "good")
    assert result.exit_code == 2
    assert "1=bad,5=good" in " ".join(result.output.split())


def test_stars_are_shown_where_half_of_the_reviews_have_a_number(invoke: Invoke) -> None:
    rows = [["Half", "4"], ["Half", "yes"], ["Few", "3.7"], ["Few", "?"], ["Few", ""], ["None", ""]]
    file = write_csv("r.csv", [["film", "stars", "text"], *[[*row, f"{GOOD} {n}"] for n, row in enumerate(rows)]])
    ranked = invoke("recommend", file, "--positive", "good", "--min-reviews", "1", "--json")
    stars = {one["movie"]: one["mean_rating"] for one in map(json.loads, ranked.stdout.splitlines())}
    assert stars == {"Half": 4.0, "Few": None, "None": None}
    assert "No stars are shown for 1 item: 2 of their 3 reviews have no number." in ranked.stderr


@pytest.mark.parametrize(
    ("ratings", "stars"),
    [((85, 4, 90, 5), {"A": None, "B": 90.0, "C": 5.0}), ((85, 4, *[70] * 18), {"A": 44.5, "B": 70.0, "C": 70.0})],
    ids=["stars among points", "one bad rating of 100"],
)
def test_ratings_on_several_scales_have_no_mean(
    invoke: Invoke, ratings: tuple[int, ...], stars: dict[str, float | None]
) -> None:
    items = ["A", "A", *(["B", "C"] * len(ratings))][: len(ratings)]
    rows = [[item, str(one), f"{GOOD} {n}"] for n, (item, one) in enumerate(zip(items, ratings, strict=True))]
    file = write_csv("r.csv", [["film", "rating", "text"], *rows])
    ranked = invoke("recommend", file, "--positive", "good", "--min-reviews", "1", "--json")
    assert {one["movie"]: one["mean_rating"] for one in map(json.loads, ranked.stdout.splitlines())} == stars
    assert ("on several scales" in ranked.stderr) == (stars["A"] is None)


@pytest.mark.parametrize(
    ("ratings", "stars"),
    [
        (("4/5", "★★★½", "B+", "8 / 10"), 3.8125),  # 4, 3.5, 3.75 (9 steps of 12 from F to A+) and 4 of 5
        (("4/5", "5", "3,5"), 4.1667),  # plain numbers up to 5 are of 5
        (("4/5", "90%", "7", "9"), 8.25),  # others tell the scale, unless most ratings say one: 8, 9, 7 and 9 of 10
        (("4/5", "2/5", "3/5", "88"), 3.0),
        (("4/5", "100%", "2", "88"), None),  # 2 of what?
    ],
)
def test_ratings_that_say_their_scale_are_stars(invoke: Invoke, ratings: tuple[str, ...], stars: float | None) -> None:
    rows = [["A", one, f"{GOOD} {number}"] for number, one in enumerate(ratings)]
    file = write_csv("r.csv", [["film", "rating", "text"], *rows])
    ranked = invoke("recommend", file, "--positive", "good", "--json")
    assert ranked.exit_code == 0, ranked.output
    assert json.loads(ranked.stdout)["mean_rating"] == (stars and pytest.approx(stars, abs=1e-4))


def test_predict_writes_rows_that_cannot_be_used_to_a_file_of_their_own(invoke: Invoke) -> None:
    rows = [["title", "text"], ["=1+1", GOOD], ["-3.5", "@dull"], ["blank", ""], ["one", "two", "three"]]
    file = write_csv("r.csv", rows)
    result = invoke("predict", file, "--out", "out.csv")
    assert result.exit_code == 0, result.output
    assert "2 rows could not be used, see r.csv.rejects.jsonl. First: line 4, no text" in result.stderr
    written = read_csv("out.csv")
    assert [row["title"] for row in written] == ["'=1+1", "-3.5", "blank"]
    assert [row["text"] for row in written] == [GOOD, "'@dull", ""]
    rejects = [json.loads(line) for line in Path("r.csv.rejects.jsonl").read_text().splitlines()]
    assert [(one["line"], one["source"]) for one in rejects] == [(4, "r.csv"), (5, "r.csv")]
    assert "3 fields, the header 2" in rejects[1]["reason"]
    invoke("predict", file, "--out", "plain.csv", "--no-csv-safe", "--rejects", "mine.jsonl")
    assert read_csv("plain.csv")[0]["title"] == "=1+1"
    assert Path("mine.jsonl").read_text() == Path("r.csv.rejects.jsonl").read_text()
    assert invoke("predict", file, "--rejects", "mine.jsonl").exit_code == 2


def test_a_table_without_rows_is_an_error_and_leaves_no_file(invoke: Invoke) -> None:
    Path("r.csv").write_text("text,label\n")
    result = invoke("predict", "r.csv", "--out", "answers.parquet")
    assert "r.csv has no rows" in str(result.exception)
    assert not Path("answers.parquet").exists()


def test_predict_lists_languages_and_reads_pipes(invoke: Invoke) -> None:
    Path("r.txt").write_text(f"{GOOD}\nФильм отличный\n")
    result = invoke("predict", "r.txt", "--languages")
    assert [line.split()[:3] for line in result.stdout.splitlines()[1:]] == [
        ["Latin", "1", "100%"],
        ["Cyrillic", "1", "0%"],
    ]
    for other in ("--json", "--explain"):
        assert invoke("predict", "r.txt", "--languages", other).exit_code == 2
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_text(f"{GOOD}\n"))
    writer.start()
    assert invoke("predict", "pipe").stdout.split()[-len(GOOD.split()) :] == GOOD.split()
    writer.join()

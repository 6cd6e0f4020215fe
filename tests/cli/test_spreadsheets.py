"""Everyday tables of reviews on the command line: columns, labels, encodings, and what becomes of bad rows."""

import csv
import json
import os
import threading
from pathlib import Path

import openpyxl
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


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("Hotel name;Guest;Stars (1-5);Comments", ("Hotel name", "Comments", "Stars (1-5)")),
        ("property_name;guest_review;overall_score", ("property_name", "guest_review", "overall_score")),
        ("Game;Opinion;Score out of 10", ("Game", "Opinion", "Score out of 10")),
        ("Hôtel;Avis;Note", ("Hôtel", "Avis", "Note")),
        ("Hotel;Opinión;Puntuación", ("Hotel", "Opinión", "Puntuación")),
        ("Clothing ID;Title;Review Text;Rating", ("Clothing ID", "Review Text", "Rating")),
        ("Review_ID;Branch;Review_Text;Rating", ("Branch", "Review_Text", "Rating")),
        ("name;reviews.text;reviews.rating;id", ("name", "reviews.text", "reviews.rating")),
        ("id;reviewText;originalScore;scoreSentiment", ("id", "reviewText", "originalScore")),
        ("product_name;product_price;Rate;Review;Summary", ("product_name", "Summary", "Rate")),
    ],
)
def test_columns_are_found_by_what_people_call_them(invoke: Invoke, header: str, roles: tuple[str, ...]) -> None:
    values = dict.fromkeys(header.split(";"), "x") | dict(zip(roles, ("A", "B", "4"), strict=True))
    rows = [values | {roles[1]: f"{GOOD} {number}"} for number in range(3)]
    file = write_csv("r.csv", [list(values), *[list(row.values()) for row in rows]])
    ranked = invoke("recommend", file, "--positive", "good", "--json")
    assert ranked.exit_code == 0, ranked.output
    found = json.loads(ranked.stdout)
    assert (found["movie"], found["reviews"], found["mean_rating"]) == ("A", 3, 4.0)
    assert invoke("predict", file, "--json").stdout.count('"label": "good"') == 3


def test_a_category_beside_stars_is_the_product_s(invoke: Invoke) -> None:
    rows = [["product", "category", "rating", "review"], ["A", "Garden", "5", GOOD], ["B", "Kitchen", "1", BAD]]
    options = ("--data", write_csv("r.csv", rows), "--no-plots", "--json", "--labels", "1=bad,5=good")
    assert json.loads(invoke("evaluate", "starter", *options).stdout)["metrics"]["n"] == 2
    only = (
        "--data",
        write_csv("s.csv", [["category", "review"], ["good", GOOD], ["bad", BAD]]),
        "--no-plots",
        "--json",
    )
    assert json.loads(invoke("evaluate", "starter", *only).stdout)["metrics"]["n"] == 2


def test_several_columns_of_an_export_are_one_text(invoke: Invoke) -> None:
    header = ["Hotel_Name", "Negative_Review", "Positive_Review", "Reviewer_Score"]
    file = write_csv("r.csv", [header, ["A", "dull and boring rooms", "lovely staff", "7.5"]])
    result = invoke("predict", file)
    assert "dull and boring rooms lovely staff" in result.stdout
    assert "r.csv: the text = Negative_Review + Positive_Review." in result.stderr


def test_scores_are_written_as_their_name_says(invoke: Invoke) -> None:
    file = write_csv("r.csv", [["hotel", "text", "stars"], ["=A", GOOD, "5"], ["B", BAD, "1"]])
    arguments = ("recommend", file, "--positive", "good", "--min-reviews", "1", "--scores")
    assert invoke(*arguments, "s.csv").exit_code == 0
    rows = read_csv("s.csv")
    assert [(row["source"], row["line"], row["movie"], row["rating"]) for row in rows] == [
        ("r.csv", "2", "'=A", "5.0"),
        ("r.csv", "3", "B", "1.0"),
    ]
    assert [float(row["probability"]) > 0.5 for row in rows] == [True, False]
    assert "only scores kept as Parquet can be ranked" in str(invoke("recommend", "--scores", "s.csv").exception)
    assert "no known kind of table" in str(invoke(*arguments, "s.txt").exception)


def test_quiet_commands_print_results_only(invoke: Invoke) -> None:
    file = write_csv("r.csv", [["hotel", "review", "stars"], ["A", GOOD, "5"], ["B", BAD, "1"]])
    for arguments in (
        ("predict", file),
        ("evaluate", "starter", "--data", file, "--no-plots", "--labels", "1=bad,5=good"),
    ):
        loud, quiet = invoke(*arguments), invoke(*arguments, "-q")
        assert "r.csv: the " in loud.stderr
        assert (quiet.stderr, quiet.stdout) == ("", loud.stdout)


@pytest.mark.parametrize("text", ["./reviews", "../a", "~/a", "/home/a", "a.csv"])
def test_a_path_that_is_not_there_is_no_text(invoke: Invoke, text: str) -> None:
    assert f"{text} does not exist" in str(invoke("predict", text).exception)
    assert invoke("predict", "9/10", "n/a", "/s").exit_code == 0


def test_a_hint_names_the_column_whose_last_word_is_usual(invoke: Invoke) -> None:
    file = write_csv("r.csv", [["when", "Our hotel", "Written guest feedback"], ["x", "A", GOOD]])
    assert "--text-field 'Written guest feedback'?" in str(invoke("predict", file).exception.hint)  # type: ignore[union-attr]
    assert "--movie-field 'Our hotel'? Without" in str(invoke("recommend", file).exception.hint)  # type: ignore[union-attr]


def test_evaluate_names_all_columns_that_it_lacks_and_takes_them_by_option(invoke: Invoke) -> None:
    header = ["guest_opinion_text", "guest_score_of_10"]
    file = write_csv("r.csv", [header, [GOOD, "9"], [BAD, "2"], ["a fine day", "5"]])
    error = invoke("evaluate", "starter", "--data", file).exception
    hint = str(error.hint)  # type: ignore[union-attr]
    assert "Did you mean --text-field guest_opinion_text" in hint
    assert "Did you mean --label-field guest_score_of_10" in hint
    options = ("--text-field", header[0], "--label-field", header[1], "--labels", "2=bad,9=good")
    result = invoke("evaluate", "starter", "--data", file, *options, "--no-plots", "--json")
    assert json.loads(result.stdout)["metrics"]["n"] == 2


def test_titles_above_the_columns_are_no_row(invoke: Invoke) -> None:
    rows = [["Hotel", "Guest no.", "Stars", "Comments"], *[["A", str(n), "5", f"{GOOD} {n}"] for n in range(3)]]
    file = write_csv("a.csv", [["Guest reviews 2025"], [], *rows])
    write_csv("b.csv", [["Guest reviews 2025", "", "", ""], ["", "", "", ""], *rows])
    book = openpyxl.Workbook()
    book.active.title = "Cover"  # type: ignore[union-attr]
    sheet = book.create_sheet("Reviews")
    for row in ([], ["Guest reviews 2025"], [], *rows, [None] * 9 + ["stray"]):
        sheet.append(row)
    book.save("c.xlsx")
    for file, line in (("a.csv", 4), ("b.csv", 4), ("c.xlsx", 5)):
        found = [json.loads(one) for one in invoke("predict", file, "--json").stdout.splitlines()]
        assert [one["line"] for one in found] == list(range(line, line + len(found)))
        assert [one.get("label") for one in found] == ["good"] * 3 + [None] * (file == "c.xlsx")
    assert "c.xlsx: read of its 2 sheets: 'Reviews'." in invoke("predict", "c.xlsx").stderr


def test_a_sheet_without_usual_names_keeps_all_columns(invoke: Invoke) -> None:
    book = openpyxl.Workbook()
    for row in (["Our guests"], ["A", GOOD, "yes"], ["B", BAD]):
        book.active.append(row)  # type: ignore[union-attr]
    book.save("a.xlsx")
    assert "its header has: Our guests, column 2, column 3." in str(invoke("predict", "a.xlsx").exception)
    found = [
        json.loads(one) for one in invoke("predict", "a.xlsx", "--text-field", "column 2", "--json").stdout.splitlines()
    ]
    assert [one["label"] for one in found] == ["good", "bad"]


def test_a_blank_row_far_below_adds_no_column(invoke: Invoke) -> None:
    texts = [GOOD] * 1500 + ["", BAD]
    file = write_csv("r.csv", [["number", "text"], *[[str(number), text] for number, text in enumerate(texts)]])
    result = invoke("predict", file, "--out", "out.csv")
    assert result.exit_code == 0, result.output
    rows = read_csv("out.csv")
    assert list(rows[0]) == ["number", "text", "label", "probability"]
    assert [row["label"] for row in rows[1499:]] == ["good", "", "bad"]

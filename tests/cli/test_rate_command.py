"""`sentrec rate`, and `train` and `evaluate` of recipes that rate, as a user types them."""

import csv
import json
from pathlib import Path

import pytest
from command_line import Sentrec
from small_films import FILMS, SMALL_TREES
from small_runs import start_sentrec

FOLDS = ("--folds", "2", "--set", "model.boosting.folds=2")


def sets(*changes: str) -> list[str]:
    return [word for change in (*SMALL_TREES, *changes) for word in ("--set", change)]


def test_a_process_trains_rates_and_evaluates(films: Path, tmp_path: Path) -> None:
    run, rated = str(tmp_path / "run"), tmp_path / "rated.csv"
    for command in (
        ("train", "tmdb-ratings", "--out", run, *sets(f"data.dataset={films}")),
        ("rate", run, str(films), "--out", str(rated), "--reasons", "2"),
        ("evaluate", run, *FOLDS),
    ):
        process = start_sentrec(*command)
        out, errors = process.communicate()
        assert process.returncode == 0, errors
        assert "Traceback" not in errors
    assert "mean of the training" in " ".join(out.split())
    rows = list(csv.DictReader(rated.open(encoding="utf-8")))
    assert len(rows) == FILMS
    assert set(rows[0]) == {"key", "title", "rating", "low", "high", "deviation", "base", "reasons"}
    for row in rows:
        assert 0 <= float(row["low"]) <= float(row["rating"]) <= float(row["high"]) <= 10
        assert row["reasons"].count(";") == 1


def test_time_divides_rows_by_date_and_predictions_are_written(films: Path, tmp_path: Path, sentrec: Sentrec) -> None:
    written = tmp_path / "rows.jsonl"
    changes = sets(f"data.dataset={films}", "data.test_from='2010'")
    words = ("--split-by", "time", "--predictions", str(written), "--json", *FOLDS[2:])
    code, out, _ = sentrec("evaluate", "tmdb-ratings", *changes, *words)
    assert code == 0
    result = json.loads(out)
    rows = [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    years = {row["id"]: row["release_date"] for row in csv.DictReader(films.open(encoding="utf-8"))}
    assert rows
    assert all(years[row["key"]] >= "2010" for row in rows)
    assert result["metrics"]["tmdb-ratings"]["votes >= 1"]["n"] == len(rows)
    assert result["division"].startswith("rows from 2010 on")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "tmdb-ratings", "--set", "data.target=stars"), "has no column 'stars'"),
        (("train", "tmdb-ratings", "--set", "data.votes=voters"), "has no column 'voters'"),
        (("train", "tmdb-ratings", "--set", "data.target=title"), "is no number: 'Film 0'"),
        (("train", "tmdb-ratings", "--set", "data.scale=[0,6]"), "outside of the scale 0 to 6"),
        (("train", "tmdb-ratings", "--seeds", "2"), "joins classifiers"),
        (("evaluate", "quickstart", "--folds", "3"), "classifies"),
        (("evaluate", "tmdb-ratings", "--folds", "3", "--split", "train"), "--folds divides the recipe's own rows"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(
    words: tuple[str, ...], message: str, films: Path, sentrec: Sentrec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    changes = () if "quickstart" in words else ("--set", f"data.dataset={films}")
    code, _, errors = sentrec(*words, *changes)
    assert code in (1, 2)
    assert message in " ".join(errors.replace("│", " ").split())
    assert not Path("runs").exists()


def test_lists_that_do_not_parse_are_unknown_and_told_once(rated_run: Path, tmp_path: Path, sentrec: Sentrec) -> None:
    (tmp_path / "new.csv").write_text('id,title,genres,runtime\n1,A,"[{broken",90\n2,B,"[",100\n', encoding="utf-8")
    code, out, errors = sentrec("rate", str(rated_run), str(tmp_path / "new.csv"))
    assert code == 0
    assert len([line for line in out.splitlines() if line.lstrip()[0].isdigit()]) == 2
    assert "2 values of 'genres'" in errors
    assert "the first: line 2" in errors


@pytest.mark.parametrize("words", [("predict", "a film", "--model"), ("evaluate",)])
def test_a_run_that_rates_says_so_where_texts_are_classified(
    words: tuple[str, ...], rated_run: Path, sentrec: Sentrec
) -> None:
    code, _, errors = sentrec(*words, str(rated_run))
    assert code == 1
    assert "rates" in errors
    assert "sentrec rate" in errors or "--folds" in errors


def test_a_run_that_rates_is_shown_and_compared_by_its_r2(rated_run: Path, sentrec: Sentrec) -> None:
    code, out, errors = sentrec("models", "show", str(rated_run))
    assert code == 0, errors
    assert "Rates: vote_average" in out
    assert "boosted trees over facts (pre-release)" in out
    code, out, errors = sentrec("models", "compare", str(rated_run), str(rated_run), "--json")
    r2 = json.loads((rated_run / "metrics.json").read_text())["rating"]["votes >= 1"]["r2"]
    assert json.loads(out)["figures"]["votes >= 1, r2"] == [r2, r2]


@pytest.mark.parametrize(
    "command",
    [
        ("predict", "good", "--model"),
        ("explain", "good", "--model"),
        ("recommend", "films.csv", "--model"),
        ("serve", "--model"),
        ("evaluate",),
        ("export", "--out", "small"),
    ],
)
def test_what_needs_texts_or_classes_refuses_a_run_of_facts_in_a_line(
    command: tuple[str, ...], rated_run: Path, sentrec: Sentrec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("films.csv").write_text("movie,text\nHeat,Good\n", encoding="utf-8")
    named = (*command, str(rated_run)) if command[-1] != "small" else ("export", str(rated_run), "--out", "small")
    code, _, errors = sentrec(*named)
    assert code == 1
    assert "rates" in errors.splitlines()[0]
    assert "Hint:" in errors
    assert "fault of sentrec" not in errors

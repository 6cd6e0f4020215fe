"""What the page does with files and reports is what the commands do."""

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import sentrec
from sentrec.app.files import FileTab, classify_file, columns_of, rank_file
from sentrec.app.rendering import answers, frame, quotes, report_names, report_of
from sentrec.errors import DataError, RunError
from sentrec.explain import Explanation, Token
from sentrec.inference.prediction import Prediction
from sentrec.inference.predictor import Predictor
from sentrec.recommend.quotes import Quote
from sentrec.recommend.ranking import RankOptions
from sentrec.runs.directory import Run

ROWS = [
    (item, f"the film was {word} and {word}, row {row}", stars)
    for item, word, stars in (("Tern", "lovely", 5), ("Gull", "awful", 1))
    for row in range(3)
]


@pytest.fixture(scope="module")
def predictor(small_run: Run) -> Predictor:
    return sentrec.load(small_run.path, "cpu")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Reviews in columns with odd names, and one row without a text."""
    path = tmp_path / "reviews.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("Vogel", "Eindruck", "Sterne"), *ROWS, ("Tern", "", 3)])
    return path


def test_columns_are_found_by_their_names(file: Path, tmp_path: Path) -> None:
    assert columns_of(str(file)) == (("Vogel", "Eindruck", "Sterne"), {"rating": "Sterne"})
    (tmp_path / "named.jsonl").write_text('{"film": "Tern", "review": "fine"}\n', encoding="utf-8")
    assert columns_of(str(tmp_path / "named.jsonl"))[1] == {"text": "review", "movie": "film"}
    (tmp_path / "empty.csv").touch()
    with pytest.raises(DataError, match="empty"):
        columns_of(str(tmp_path / "empty.csv"))


def test_every_row_is_classified(file: Path, predictor: Predictor, tmp_path: Path) -> None:
    told: list[tuple[float | None, str]] = []
    out, summary = classify_file(predictor, str(file), "Eindruck", tmp_path, lambda *now: told.append(now))
    with out.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["label"] for row in rows] == ["good"] * 3 + ["bad"] * 3 + [""]
    assert summary == "3 good, 3 bad; 1 row without a text"
    assert told[-1] == (1.0, "7 rows")
    with pytest.raises(DataError, match="no column 'nothing'"):
        classify_file(predictor, str(file), "nothing", tmp_path, lambda *now: None)


def test_items_are_ranked_as_the_command_ranks_them(file: Path, predictor: Predictor, tmp_path: Path) -> None:
    columns = {"text": "Eindruck", "movie": "Vogel", "rating": "Sterne"}
    items, page, files = rank_file(predictor, str(file), columns, RankOptions(), tmp_path, lambda *now: None)
    assert [item.movie for item in items] == ["Tern", "Gull"]
    assert items[0].mean_rating == 5
    assert files[0].read_text(encoding="utf-8") == page
    assert [row["movie"] for row in csv.DictReader(files[1].open(encoding="utf-8"))] == ["Tern", "Gull"]
    telling = replace(items[0], quotes={"positive": Quote("So <lovely>.", 0, 12, 0.99, "line 2"), "negative": None})
    assert "So &lt;lovely&gt;." in quotes(telling)
    assert not list(Path.cwd().glob("*.rejects.jsonl"))


def test_pages_that_sent_the_same_file_do_not_disturb_each_other(
    file: Path, predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    upload = tmp_path / "uploads" / "hash-of-the-content" / "classified.csv"
    upload.parent.mkdir(parents=True)
    sent = file.rename(upload).read_bytes()
    tab = FileTab({"small": predictor})
    pages: list[Any] = [SimpleNamespace(session_hash=name) for name in ("one", "two")]
    results = []
    for page in pages:
        tab.look(str(upload), page)
        summary, shown = tab.classify(str(upload), "small", "Eindruck", page)
        assert summary.startswith("3 good, 3 bad")
        results.append(Path(shown.value[0]["path"]))
    assert upload.read_bytes() == sent
    tab.forget(pages[0])
    assert [path.exists() for path in (upload, *results)] == [True, False, True]
    tab.forget(pages[1])
    assert [path.exists() for path in (upload, *results)] == [False, False, False]


def test_nothing_that_users_wrote_becomes_markup() -> None:
    label = "<script>alert(1)</script>"
    token = Token(0, len(label), label, 1.0, True)
    why = Explanation(label, label, 1.0, 1.0, 0.0, "occlusion", (token,), (token, token))
    shown = answers({"<b>": Prediction(label, 1.0, {label: 1.0})}, {"<b>": why}) + frame('"><script>alert(2)</script>')
    assert "<script>" not in shown
    assert "<h3><b>" not in shown


def test_runs_and_studies_of_the_folder_are_shown(
    small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = tmp_path / "runs" / "study"
    study.mkdir(parents=True)
    (study / "report.md").write_text("# Verdict\n\n![plot](curve.png)\n\nIt helps.\n", encoding="utf-8")
    (study / "curve.png").write_bytes(b"png")
    (tmp_path / "runs" / "small").symlink_to(small_run.path)
    (tmp_path / "runs" / "notes").mkdir()
    names = report_names()
    assert names[-2:] == ["runs/small", "runs/study"]
    text, pictures = report_of("runs/study")
    assert text == "# Verdict\n\nIt helps.\n"
    assert [one.name for one in pictures] == ["curve.png"]
    assert "Test accuracy" in report_of("runs/small")[0]
    for name in ("runs/notes", "../runs/study", "/etc"):
        with pytest.raises(RunError):
            report_of(name)

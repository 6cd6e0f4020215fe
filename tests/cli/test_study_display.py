"""How a transfer study looks on a terminal: its tables, and where it stands meanwhile."""

import io
import re
import time
from typing import Any

import pytest
from rich.console import Console
from small_study import LABELS, result

from sentrec.cli.display import study_progress, study_table
from sentrec.transfer.results import Contrast, Row, StudyProgress, Target

INTERVAL = "-12.35 (-14.32 to -10.12)"


def against_baseline(difference: float, low: float, high: float) -> Contrast:
    return Contrast("scratch", None, 500, 500, 3, difference, (low, high), 0.01)


def row(arm: str, budget: Any, source: str | None = None, **figures: Any) -> Row:
    values = {
        "accuracy": 0.91234,
        "sd": 0.01234,
        "seeds": 3,
        "labels": 120_000 if budget == "all" else budget,
        "seconds": 100.0,
        "gap": 0.05,
        "baseline": against_baseline(-0.12345, -0.14321, -0.10123),
        "epochs_to_baseline": 12.25,
        "seconds_to_baseline": 50.0,
        "reached": 2,
    }
    return Row(target="imdb", source=source, arm=arm, budget=budget, **(values | figures))


def printed(monkeypatch: pytest.MonkeyPatch, *rows: Row, width: int = 80) -> list[str]:
    shown = io.StringIO()
    monkeypatch.setattr(study_table, "out", Console(file=shown, width=width, highlight=False))
    target = Target("imdb", ("negative", "positive"), ["text"] * 200, LABELS, 120_000)
    study_table.show_tables((target,), rows)
    return shown.getvalue().splitlines()


def test_the_widest_figures_are_whole_on_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = ("rotten-tomatoes", "a_source_with_a_name_that_fills_half_of_the_line")
    rows = [row("random-embeddings", 100_000), *(row("zero-shot", 100_000, source) for source in sources)]
    lines = printed(monkeypatch, *rows, row("full", "all", sources[0], baseline=against_baseline(0.5, 0.45, 0.55)))
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    figures = f"0.9123 ± 0.0123 {INTERVAL} 12.2"
    assert sum(" ".join(line.split()).endswith(figures) for line in lines) == 3
    assert any("+50.00 (+45.00 to +55.00)" in line for line in lines)
    assert any("100,000 random-embeddings 0.9123" in " ".join(line.split()) for line in lines)
    assert "zero-shot from rotten-tomatoes" in " ".join(" ".join(line[8:26].split()) for line in lines).strip()


def test_the_note_is_no_wider_than_the_table_where_there_is_more_room(monkeypatch: pytest.MonkeyPatch) -> None:
    *_, first, second = printed(monkeypatch, row("scratch", 500), width=200)
    assert first.startswith("Epochs to baseline")
    assert second.endswith("not reached.")
    assert max(len(first), len(second)) <= 80


def test_a_row_says_only_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"baseline": None}
    lines = printed(
        monkeypatch,
        row("zero-shot", 0, "amazon", **unknown, sd=None, epochs_to_baseline=None, reached=None),
        row("scratch", 500, **unknown, sd=None),
        row("full", 500, "amazon", sd=None, epochs_to_baseline=None, reached=1),
        row("nb-lr", 500, sd=None, epochs_to_baseline=None, reached=None),
    )
    rows = [line.split() for line in lines]
    assert ["0", "zero-shot", "0.9123"] in rows
    assert ["500", "scratch", "0.9123", "12.2"] in rows
    assert ["full", "0.9123", *INTERVAL.split(), "-"] in rows
    assert ["nb-lr", "0.9123", *INTERVAL.split()] in rows
    assert any(line.startswith("imdb from amazon: ") for line in lines)


def test_the_source_stands_in_each_row_where_there_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, row("full", "all", "amazon"), row("full", "all", "[b]news"))
    assert [line.split()[:3] for line in lines if "from" in line and "0.9123" in line] == [
        ["all", "full", "from"],
        ["full", "from", "[b]news"],
    ]
    assert any(line.startswith("imdb: 200 test rows") for line in lines)


def test_every_target_has_a_table_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(study_table, "out", Console(file=shown, width=80, highlight=False))
    targets = [Target(name, ("a", "b"), ["text"] * 200, LABELS, 150) for name in ("imdb", "other")]
    study_table.show_tables(targets, [row("scratch", "all")])
    assert shown.getvalue().count("budget") == 2
    assert shown.getvalue().count("0.9123") == 1


def test_without_a_terminal_a_line_comes_every_ten_seconds_and_for_each_cell(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    zero_shot = result("zero-shot", 2, 0, "ag [b]news", 0.71)
    with study_progress.study_progress(quiet=False) as show:
        assert show is not None
        for second in range(12):
            now[0] = float(second)
            show(StudyProgress(0, 36, "source ag [b]news, seed 1", second / 20, None if second < 5 else 3600.0))
        show(StudyProgress(1, 36, "zero-shot from ag [b]news, seed 2", 1.0, 185.0, zero_shot))
        show(StudyProgress(2, 36, "scratch, all labels of imdb, seed 2", 1.0, 185.0, result("scratch", 2)))
    assert capsys.readouterr().err.splitlines() == [
        "0/36 done; source ag [b]news, seed 1: 0%",
        "0/36 done; source ag [b]news, seed 1: 50%, 1 h 00 min left",
        "1/36 zero-shot from ag [b]news, seed 2: accuracy 0.7100 in 1 min 05 s",
        "2/36 scratch, all labels of imdb, seed 2: accuracy 0.8000 in 1 min 05 s",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_shows_one_bar_and_a_line_for_each_cell(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, width=width, highlight=False, force_terminal=True, _environ={"TERM": "xterm"})
    monkeypatch.setattr(study_progress, "err", terminal)
    doing = "full from rotten-tomatoes, 5,000 labels, seed 2"
    with study_progress.study_progress(quiet=False) as show:
        assert show is not None
        show(StudyProgress(11, 136, "scratch, seed 2", 1.0, 8999.0, result("full", 1, 5000, "rotten-tomatoes")))
        show(StudyProgress(12, 136, doing, 0.43, 8940.0))
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue()).replace("\r", "\n").split("\n")
    assert lines.count("11/136 scratch, seed 2: accuracy 0.8000 in 1 min 05 s") == 1
    bars = [line for line in lines if "━" in line]
    assert all("/136 " in bar for bar in bars)
    last = bars[-1]
    assert len(last) <= width
    assert re.search(r" 12/136 full from rotten-.* 43% 0:00:0\d 2 h 29 min left", last), last
    assert (doing in last) == (width == 120)


def test_a_study_that_was_finished_before_shows_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(study_progress, "err", Console(file=shown, width=80, force_terminal=True))
    with study_progress.study_progress(quiet=False):
        pass
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue()).strip() == ""

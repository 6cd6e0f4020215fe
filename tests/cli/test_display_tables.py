"""What `recommend` and `transfer` print: whole on 80 columns, and plain text whatever names and quotes hold."""

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from small_study import LABELS

from sentrec.cli.display import tables
from sentrec.cli.display.console import print_error
from sentrec.cli.display.tables import show_items, show_summary
from sentrec.metrics.ranking import Measure, RankingMeasures
from sentrec.recommend.items import Items
from sentrec.recommend.quotes import Quote, Side
from sentrec.recommend.ranking import RankedItem
from sentrec.recommend.stream import ScoredItems
from sentrec.transfer.results import Contrast, Row, Target

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
    monkeypatch.setattr(tables, "out", Console(file=shown, width=width, highlight=False))
    target = Target("imdb", ("negative", "positive"), ["text"] * 200, LABELS, 120_000)
    tables.show_study((target,), rows)
    return shown.getvalue().splitlines()


def test_the_widest_figures_are_whole_on_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    sources = ("rotten-tomatoes", "a_source_with_a_name_that_fills_half_of_the_line")
    rows = [row("random-embeddings", 100_000), *(row("zero-shot", 100_000, source) for source in sources)]
    lines = printed(monkeypatch, *rows, row("full", "all", sources[0], baseline=against_baseline(0.5, 0.45, 0.55)))
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    cells = f"0.9123 ± 0.0123 {INTERVAL} 12.2"
    assert sum(" ".join(line.split()).endswith(cells) for line in lines) == 3
    assert any("+50.00 (+45.00 to +55.00)" in line for line in lines)
    assert any("100,000 random-embeddings 0.9123" in " ".join(line.split()) for line in lines)
    assert "zero-shot from rotten-tomatoes" in " ".join(" ".join(line[8:26].split()) for line in lines).strip()


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


def test_every_target_has_a_table_of_its_own_and_one_note(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(tables, "out", Console(file=shown, width=200, highlight=False))
    targets = [Target(name, ("a", "b"), ["text"] * 200, LABELS, 150) for name in ("imdb", "other")]
    tables.show_study(targets, [row("scratch", "all")])
    assert shown.getvalue().count("budget") == 2
    assert shown.getvalue().count("0.9123") == 1
    *_, first, second = shown.getvalue().splitlines()
    assert (first[:18], second[-12:]) == ("Epochs to baseline", "not reached.")
    assert max(len(first), len(second)) <= 80


def test_measures_are_whole_on_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ("spearman", "kendall", "ndcg10", "ndcg50", "precision10", "precision50", "stars10", "stars50")
    stars, precision, correlation = (
        Measure(9.71, 9.51, 10.0),
        Measure(0.52, 0.44, 0.61),
        Measure(-0.123, -0.234, -0.012),
    )
    kinds = (*[correlation] * 4, *[precision] * 2, *[stars] * 2)
    values = dict(zip(keys, kinds, strict=True))
    names = ("rank score", "share positive", "tfidf-lr mean", "tfidf-lr rank score")
    best = {"top10": 10.0, "top50": 10.0}
    shown = io.StringIO()
    monkeypatch.setattr(tables, "out", Console(file=shown, width=80, highlight=False))
    chance = dict.fromkeys(keys, -0.123)
    tables.show_measures(RankingMeasures(1234, 3, 8.0, 0.4, 6.5, best, chance, dict.fromkeys(names, values), {}))
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in shown.getvalue()
    figures = [*["-0.123"] * 4, "0.52", "0.52", "9.71", "9.71"]
    assert [line.split()[-8:] for line in lines if "9.71" in line] == [figures] * 4
    intervals = ["-0.234--0.012", "0.44-0.61", "9.51-10.00"]
    assert [line.split()[-3:] for line in lines if "9.51" in line] == [intervals] * 4


def test_the_summary_says_how_fast_new_reviews_were_scored(capsys: pytest.CaptureFixture[str]) -> None:
    figures = [np.zeros(24)] * 5
    films = Items(tuple("abcdefghijklmnopqrstuvwx"), np.ones(24, int), np.zeros(24, int), *figures)
    for newly_scored in (10_000, 4_000, 0):
        show_summary(ScoredItems(films, 10_000, newly_scored=newly_scored, seconds=2.0))
    assert capsys.readouterr().err.splitlines() == [
        "10,000 reviews of 24 items, scored at 5,000 a second",
        "10,000 reviews of 24 items, 4,000 of them scored at 2,000 a second",
        "10,000 reviews of 24 items",
    ]


def item(quote: str, side: Side = "positive", **changes: Any) -> RankedItem:
    means = dict.fromkeys(("mean", "share_positive", "low", "high", "score"), 0.5)
    values = {"rank": 1, "movie": "m", "title": None, "year": None, "genres": (), "reviews": 1, "duplicates": 0}
    values |= {"mean_rating": None, "similarity": None, "quotes": {side: Quote(quote, 0, 9, 0.9, "x")}}
    return RankedItem(**means | values | changes)


def test_quotes_and_titles_reach_a_terminal_as_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    show_items([item("So \x1b[2J :cat: [red]good\nindeed", title="Heat \x1b[1m:cat: (1995)", year=1995)])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "Heat [1m:cat: (1995)  " in shown
    assert "+ So [2J :cat: [red]good indeed" in shown


def test_a_long_name_is_cut_visibly_and_a_long_quote_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    film = item("a fine film " * 8, "negative", movie="The Lighthouse Keeper's Daughter", mean_rating=8.0)
    shown = io.StringIO()
    monkeypatch.setattr(tables, "out", Console(file=shown, width=80, highlight=False))
    tables.show_items([film])
    _, line, *quoted = shown.getvalue().splitlines()
    assert line.startswith("1 The Lighthouse Kee")
    assert "…  0.500 " in line
    assert [line[:6] for line in quoted] == ["  - a ", "    fi"]
    assert max(map(len, (line, *quoted))) <= 80
    assert all(line == line.rstrip() for line in quoted)


def test_errors_and_warnings_are_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("no film is called ':cat: \x1b[1m[x]'.", "one\ntwo \x07")
    assert capsys.readouterr().err == "Error: No film is called ':cat: [1m[x]'.\nHint: One\ntwo \n"

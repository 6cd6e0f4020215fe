"""What `recommend` prints: whole on a narrow terminal, and plain text whatever names and quotes hold."""

import io

import numpy as np
import pytest
from rich.console import Console

from sentrec.cli.display import ranking
from sentrec.cli.display.console import print_error
from sentrec.cli.display.ranking import show_items, show_summary
from sentrec.metrics.ranking import Measure, RankingMeasures
from sentrec.recommend.items import Items
from sentrec.recommend.quotes import Quote
from sentrec.recommend.ranking import RankedItem
from sentrec.recommend.stream import ScoredItems


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
    monkeypatch.setattr(ranking, "out", Console(file=shown, width=80, highlight=False))
    chance = dict.fromkeys(keys, -0.123)
    ranking.show_measures(RankingMeasures(1234, 3, 8.0, 0.4, 6.5, best, chance, dict.fromkeys(names, values), {}))
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


def test_quotes_and_titles_reach_a_terminal_as_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    quote = Quote("So \x1b[2J :cat: [red]good\nindeed", 0, 9, 0.9, "x")
    figures = dict.fromkeys(("mean", "share_positive", "low", "high", "score"), 0.5)
    names = {"movie": "m", "title": "Heat \x1b[1m:cat: (1995)", "year": 1995, "genres": ()}
    counts = {"rank": 1, "reviews": 1, "duplicates": 0, "mean_rating": None, "similarity": None}
    show_items([RankedItem(**figures, **names, **counts, quotes={"positive": quote})])  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "Heat [1m:cat: (1995)  " in shown
    assert "+ So [2J :cat: [red]good indeed" in shown


def test_a_long_name_is_cut_visibly_and_a_long_quote_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    quote = Quote("a fine film " * 8, 0, 9, 0.9, "x")
    figures = dict.fromkeys(("mean", "share_positive", "low", "high", "score"), 0.5)
    names = {"movie": "The Lighthouse Keeper's Daughter", "title": None, "year": None, "genres": ()}
    counts = {"rank": 1, "reviews": 1, "duplicates": 0, "mean_rating": 8.0, "similarity": None}
    shown = io.StringIO()
    monkeypatch.setattr(ranking, "out", Console(file=shown, width=80, highlight=False))
    ranking.show_items([RankedItem(**figures, **names, **counts, quotes={"negative": quote})])
    _, film, *quoted = shown.getvalue().splitlines()
    assert film.startswith("1 The Lighthouse Kee")
    assert "…  0.500 " in film
    assert [line[:6] for line in quoted] == ["  - a ", "    fi"]
    assert max(map(len, (film, *quoted))) <= 80
    assert all(line == line.rstrip() for line in quoted)


def test_errors_and_warnings_are_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_error("no film is called ':cat: \x1b[1m[x]'.", "one\ntwo \x07")
    assert capsys.readouterr().err == "Error: No film is called ':cat: [1m[x]'.\nHint: One\ntwo \n"

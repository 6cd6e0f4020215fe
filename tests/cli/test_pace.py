"""Without a terminal, progress is a line now and then."""

import time

import pytest

from sentrec.cli.display import console
from sentrec.cli.display import scoring_progress as scoring
from sentrec.cli.display.console import Pace
from sentrec.recommend.stream import ScoringProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A list whose first item is the time."""
    now = [50.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(("at_once", "due"), [(False, [10, 20]), (True, [0, 10, 20])])
def test_a_line_is_due_at_once_if_asked_and_then_every_ten_seconds(
    clock: list[float], at_once: bool, due: list[int]
) -> None:
    pace = Pace(at_once=at_once)
    found = []
    for second in range(25):
        clock[0] = 50.0 + second
        if pace.due():
            found.append(second)
        assert pace.seconds == second
    assert found == due


def test_a_late_question_does_not_bring_lines_in_a_row(clock: list[float]) -> None:
    pace = Pace(every=5.0)
    clock[0] += 60
    assert pace.due()
    clock[0] += 1
    assert not pace.due()


def test_a_scoring_prints_figures_every_ten_seconds(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scoring, "err", type(console.err)(stderr=True, highlight=False))
    with scoring.scoring_progress(quiet=False) as show:
        assert show is not None
        for seconds, reviews in ((1, 1_000), (11, 11_000), (15, 15_000)):
            clock[0] = 50.0 + seconds
            show(ScoringProgress(reviews, 0, 7, 0.25, float(seconds)))
    assert capsys.readouterr().err == "11,000 reviews, 1,000/s, 7 rows left out (25% of the input)\n"

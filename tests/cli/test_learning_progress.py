"""Learning vectors tells where it stands."""

import time

import pytest
from rich.console import Console

from sentrec.adapt.plan import AdaptProgress
from sentrec.cli.display import console
from sentrec.cli.display.learning_progress import learning_progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A list whose first item is the time."""
    now = [50.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "err", Console(stderr=True, highlight=False))


def test_steps_are_told_every_few_seconds_and_at_the_end(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with learning_progress(quiet=False) as show:
        assert show is not None
        for step in range(1, 101):
            clock[0] = 50.0 + 0.08 * step
            show(AdaptProgress("learn", step, 100, 3.0 - step / 100))
    assert capsys.readouterr().err.splitlines() == [
        "learning: 63 of 100 steps, loss 2.3700, 3 s left",
        "learning: 100 of 100 steps, loss 2.0000",
    ]


def test_a_resumed_learning_is_timed_by_its_own_steps(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with learning_progress(quiet=False) as show:
        assert show is not None
        for step in (900, 910):
            show(AdaptProgress("learn", step, 1000, 2.0))
            clock[0] += 20.0
    assert capsys.readouterr().err == "learning: 910 of 1,000 steps, loss 2.0000, 3 min 00 s left\n"


def test_a_terminal_gets_a_bar_with_the_loss(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "err", Console(stderr=True, force_terminal=True, width=120))
    with learning_progress(quiet=False) as show:
        assert show is not None
        show(AdaptProgress("read", 4096))
        for step in (1, 2):
            show(AdaptProgress("learn", step, 2, 1.25))
    shown = capsys.readouterr().err
    assert "reading" in shown
    assert "steps, loss 1.2500" in shown


def test_quiet_shows_nothing() -> None:
    with learning_progress(quiet=True) as show:
        assert show is None

"""Where long work stands: a line now and then, and on a terminal a bar."""

import io
import re
import time
from collections.abc import Callable

import pytest
from rich.console import Console
from small_study import result

from sentrec.cli.display import console, progress
from sentrec.cli.display.progress import Pace, duration
from sentrec.recommend.stream import ScoringProgress
from sentrec.training.loop import Progress
from sentrec.transfer.results import StudyProgress

DISPLAYS = (progress.training_progress, progress.study_progress, progress.scoring_progress, progress.download_progress)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A list whose first item is the time."""
    now = [50.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Callable[[], list[str]]]:
    """Makes a terminal of some columns, and gives what reads its lines."""

    def make(width: int) -> Callable[[], list[str]]:
        shown = io.StringIO()
        live = Console(file=shown, width=width, highlight=False, force_terminal=True, _environ={"TERM": "xterm"})
        monkeypatch.setattr(progress, "err", live)
        return lambda: re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.getvalue()).replace("\r", "\n").split("\n")

    return make


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard error as it is now, and no terminal."""
    monkeypatch.setattr(progress, "err", type(console.err)(stderr=True, highlight=False))


@pytest.mark.parametrize("display", DISPLAYS)
def test_quiet_gives_no_display(display: Callable[..., object]) -> None:
    with display(quiet=True) as show:  # type: ignore[attr-defined]
        assert show is None


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


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7620, "2 h 07 min"),
    ],
)
def test_durations_are_said_as_a_person_would(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.usefixtures("plain")
def test_a_scoring_prints_counts_every_ten_seconds(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress.scoring_progress(quiet=False) as show:
        assert show is not None
        for seconds, reviews in ((1, 1_000), (11, 11_000), (15, 15_000)):
            clock[0] = 50.0 + seconds
            show(ScoringProgress(reviews, 0, 7, 0.25, float(seconds)))
    assert capsys.readouterr().err == "11,000 reviews, 1,000/s, 7 rows left out (25% of the input)\n"


def test_a_scoring_shows_a_bar_on_a_terminal(terminal: Callable[[int], Callable[[], list[str]]]) -> None:
    lines = terminal(100)
    with progress.scoring_progress(quiet=False) as show:
        assert show is not None
        show(ScoringProgress(2_000, 1_000, 0, None, 2.0))
    assert any(re.search("Scoring .* 2,000 reviews, 500/s, 1,000 from before", line) for line in lines())


@pytest.mark.usefixtures("plain")
def test_a_download_prints_its_speed_from_where_it_began(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.download_progress(quiet=False) as show:
        assert show is not None
        for seconds, done in ((0, 100), (1, 150), (6, 400), (7, 500)):
            clock[0] = 50.0 + seconds
            show("download", done * 10**6, 1000 * 10**6)
        assert capsys.readouterr().err == "download: 400 MB of 1,000 MB, 12 s left, 50.0 MB/s\n"
        for seconds, done in ((8, 0), (14, 120)):  # from another source, which begins anew
            clock[0] = 50.0 + seconds
            show("download", done * 10**6, 1000 * 10**6)
    assert capsys.readouterr().err == "download: 120 MB of 1,000 MB, 44 s left, 20.0 MB/s\n"


def test_a_download_shows_a_bar_for_each_stage(terminal: Callable[[int], Callable[[], list[str]]]) -> None:
    lines = terminal(100)
    with progress.download_progress(quiet=False) as show:
        assert show is not None
        show("download", 40, 100)
        show("download", 100, 100)
        show("parse", 5, None)
    assert any("download" in line and "100/100 bytes" in line for line in lines())
    assert any("parse" in line for line in lines())


@pytest.mark.usefixtures("plain")
def test_a_study_prints_a_line_every_ten_seconds_and_for_each_cell(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    zero_shot = result("zero-shot", 2, 0, "ag [b]news", 0.71)
    with progress.study_progress(quiet=False) as show:
        assert show is not None
        for second in range(12):
            clock[0] = 50.0 + second
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
def test_a_study_shows_one_bar_and_a_line_for_each_cell(
    terminal: Callable[[int], Callable[[], list[str]]], width: int
) -> None:
    shown = terminal(width)
    doing = "full from rotten-tomatoes, 5,000 labels, seed 2"
    with progress.study_progress(quiet=False) as show:
        assert show is not None
        show(StudyProgress(11, 136, "scratch, seed 2", 1.0, 8999.0, result("full", 1, 5000, "rotten-tomatoes")))
        show(StudyProgress(12, 136, doing, 0.43, 8940.0))
    lines = shown()
    assert lines.count("11/136 scratch, seed 2: accuracy 0.8000 in 1 min 05 s") == 1
    bars = [line for line in lines if "━" in line]
    assert all("/136 " in bar for bar in bars)
    assert len(bars[-1]) <= width
    assert re.search(r" 12/136 full from rotten-.* 43% 0:00:0\d 2 h 29 min left", bars[-1]), bars[-1]
    assert (doing in bars[-1]) == (width == 120)


def test_a_study_that_was_finished_before_shows_no_bar(terminal: Callable[[int], Callable[[], list[str]]]) -> None:
    lines = terminal(80)
    with progress.study_progress(quiet=False):
        pass
    assert "".join(lines()).strip() == ""


def test_a_training_shows_a_bar_for_each_run(terminal: Callable[[int], Callable[[], list[str]]]) -> None:
    lines = terminal(80)
    with progress.training_progress(quiet=False) as show:
        assert show is not None
        for _seed in (1, 2):
            show(Progress(1, 3, 1, 18, 0.7, 1e6, 12.0, None))
            show(Progress(3, 3, 18, 18, 0.31234, 1e6, 0.2, 0.9876, validated=True, improved=True))
    assert lines().count("epoch 3, step 18: validation accuracy 0.9876, the best so far") == 2
    bars = [line for line in lines() if line.startswith("3/3 epochs, 18/18 steps")]
    assert all(line.endswith("loss 0.312, valid 0.9876 0 s left") for line in bars), "nothing is cut on 80 columns"
    assert len(bars) >= 2

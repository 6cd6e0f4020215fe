"""How long work shows where it stands: live bars on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column

from sentrec.cli.display.console import err

if TYPE_CHECKING:
    from sentrec.glove.parse import Progress as OnDownload
    from sentrec.recommend.stream import OnProgress as OnScoring
    from sentrec.recommend.stream import ScoringProgress
    from sentrec.training.loop import Progress as TrainingProgress
    from sentrec.training.train import OnProgress as OnTraining
    from sentrec.transfer.results import StudyProgress

Show = Callable[..., None]


class Pace:
    """Says when the next line of progress is due, where no terminal can show a moving one: `every` so many seconds.

    The first one is due immediately (`at_once`) or then, too. `seconds` is the time up to the last question.
    """

    def __init__(self, every: float = 10.0, *, at_once: bool = False) -> None:
        self.seconds = 0.0
        self._every = every
        self._began = time.monotonic()
        self._next = 0.0 if at_once else every

    def due(self) -> bool:
        """Whether a line is due now; if so, the next one is due `every` seconds later."""
        self.seconds = time.monotonic() - self._began
        if self.seconds < self._next:
            return False
        self._next = self.seconds + self._every
        return True


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``42 s``, ``3 min 05 s``, ``2 h 07 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


@contextmanager
def _display(
    quiet: bool, plain: Show, live: Callable[[Progress], Show], *columns: ProgressColumn, **options: Any
) -> Iterator[Any]:
    """Gives the function that shows progress; None when nothing is to be shown."""
    if quiet:
        yield None
    elif not err.is_terminal:
        yield plain
    else:
        with Progress(*columns, console=err, **options) as bars:
            yield live(bars)


def _plain(pace: Pace, line: Callable[[Any], str], lasting: Callable[[Any], str | None] = lambda _: None) -> Show:
    """Prints `lasting` of each state that has such a line, and `line` of the others now and then."""

    def show(progress: Any) -> None:
        stays = lasting(progress)
        if stays is not None or pace.due():
            err.print(line(progress) if stays is None else stays, soft_wrap=True)

    return show


def _no_wrap(text: str) -> TextColumn:
    return TextColumn(text, table_column=Column(no_wrap=True))


def training_progress(quiet: bool) -> "AbstractContextManager[OnTraining | None]":
    """Gives the function that shows a training's steps: a bar a run, and a line that stays for each validation."""

    def live(bars: Progress) -> "OnTraining":
        step, task = 0, TaskID(-1)

        def show(now: "TrainingProgress") -> None:
            nonlocal step, task
            if now.step <= step or not step:  # the first step of a run
                task = bars.add_task("", total=now.total_steps, loss="", left="")
            step = now.step
            place = f"{now.epoch}/{now.epochs} epochs, {step:,}/{now.total_steps:,} steps"
            # What fits beside a bar on a terminal of 80 columns; the speed is on the plain lines only.
            valid = "" if now.validation_accuracy is None else f", valid {now.validation_accuracy:.4f}"
            loss, left = f"loss {now.loss:.3f}{valid}", f"{duration(now.seconds_left)} left"
            bars.update(task, description=place, completed=step, loss=loss, left=left)
            if validation := _validation(now):
                bars.console.print(validation)

        return show

    texts = (_no_wrap("{task.fields[loss]}"), _no_wrap("{task.fields[left]}"))
    columns = (_no_wrap("[bold]{task.description}"), BarColumn(bar_width=None), *texts)
    return _display(quiet, _plain(Pace(at_once=True), _training_line, _validation), live, *columns, expand=True)


def _training_line(now: "TrainingProgress") -> str:
    validated = "" if now.validation_accuracy is None else f", validation {now.validation_accuracy:.4f}"
    loss = f"loss {now.loss:.3f}, {now.tokens_per_second:,.0f} tokens/s{validated}"
    place = f"epoch {now.epoch}/{now.epochs}, step {now.step}/{now.total_steps}"
    return f"{place}: {loss}, {duration(now.seconds_left)} left"


def _validation(now: "TrainingProgress") -> str | None:
    if not now.validated:
        return None
    best = ", the best so far" if now.improved else ""
    return f"epoch {now.epoch}, step {now.step}: validation accuracy {now.validation_accuracy:.4f}{best}"


def study_progress(quiet: bool) -> "AbstractContextManager[Callable[[StudyProgress], None] | None]":
    """Gives the function that shows a study's progress: a bar over its cells, and a line for each finished one."""

    def live(bars: Progress) -> "Callable[[StudyProgress], None]":
        task = None

        def show(now: "StudyProgress") -> None:
            nonlocal task
            if task is None:  # a study whose cells are all finished never comes here, and shows no bar
                task = bars.add_task("", total=now.cells, share="", left="")
            # Whole cells only: a source that is being trained is none, and a bar must not go back when it is done.
            share, left = f"{now.share:.0%}", _time_left(now)
            bars.update(task, total=now.cells, completed=now.done, description=now.doing, share=share, left=left)
            if cell := _finished_cell(now):
                bars.console.print(cell, soft_wrap=True)

        return show

    # Only what is at work may be cut on a narrow terminal: names are long, numbers must stay whole.
    name = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    columns = (
        BarColumn(bar_width=12),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.description}", markup=False, table_column=name),
        _no_wrap("{task.fields[share]}"),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        _no_wrap("{task.fields[left]}"),
    )
    return _display(quiet, _plain(Pace(at_once=True), _study_line, _finished_cell), live, *columns, expand=True)


def _study_line(now: "StudyProgress") -> str:
    left = _time_left(now)
    return escape(f"{now.done}/{now.cells} done; {now.doing}: {now.share:.0%}{left and f', {left}'}")


def _time_left(now: "StudyProgress") -> str:
    return "" if now.seconds_left is None else f"{duration(now.seconds_left)} left"


def _finished_cell(now: "StudyProgress") -> str | None:
    if now.finished is None:
        return None
    accuracy = f"accuracy [bold]{now.finished.accuracy:.4f}[/] in {duration(now.finished.seconds)}"
    return f"{now.done}/{now.cells} {escape(now.doing)}: {accuracy}"


def scoring_progress(quiet: bool) -> "AbstractContextManager[OnScoring | None]":
    """Gives the function that shows how many reviews are scored."""

    def live(bars: Progress) -> "OnScoring":
        task = bars.add_task("", total=None, counts="")

        def show(now: "ScoringProgress") -> None:
            total = None if now.share is None else 1.0
            bars.update(task, total=total, completed=now.share or 0.0, counts=_counts(now))

        return show

    def line(now: "ScoringProgress") -> str:
        return _counts(now) + ("" if now.share is None else f" ({now.share:.0%} of the input)")

    columns = (TextColumn("[bold]Scoring"), BarColumn(bar_width=24), TextColumn("{task.fields[counts]}"))
    return _display(quiet, _plain(Pace(), line), live, *columns, TimeElapsedColumn(), transient=True)


def _counts(now: "ScoringProgress") -> str:
    parts = [f"{now.reviews:,} reviews", f"{now.reviews_per_second:,.0f}/s"]
    if now.reused:
        parts.append(f"{now.reused:,} from before")
    if now.rejected:
        parts.append(f"{now.rejected:,} rows left out")
    return ", ".join(parts)


def download_progress(quiet: bool) -> "AbstractContextManager[OnDownload | None]":
    """Gives the function that shows how many bytes of each stage are done."""
    began: dict[str, tuple[Pace, int]] = {}

    def plain(stage: str, done: int, total: int | None) -> None:
        if stage not in began or done < began[stage][1]:  # the next source begins anew
            # A resumed download starts in the middle; counting from zero would overstate its speed.
            began[stage] = (Pace(every=5.0), done)
        pace, first = began[stage]
        if pace.due():
            speed = max(1.0, (done - first) / pace.seconds)
            of_all = f" of {total / 1e6:,.0f} MB, {max(0, total - done) / speed:,.0f} s left" if total else ""
            err.print(f"{stage}: {done / 1e6:,.0f} MB{of_all}, {speed / 1e6:.1f} MB/s", soft_wrap=True)

    def live(bars: Progress) -> "OnDownload":
        tasks: dict[str, Any] = {}

        def show(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, completed=done)
            bars.update(tasks[stage], completed=done, total=total)

        return show

    columns = (TextColumn("{task.description:10}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return _display(quiet, plain, live, *columns, TimeRemainingColumn(), transient=True)

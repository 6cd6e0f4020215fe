"""How a training shows where it stands: a live line on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from sentrec.cli.display.console import Pace, err

if TYPE_CHECKING:
    from sentrec.training.loop import Progress as TrainingProgress
    from sentrec.training.train import OnProgress


@contextmanager
def training_progress(quiet: bool) -> Iterator["OnProgress | None"]:
    """Gives the function that shows a training's steps; None when nothing is to be shown."""
    if quiet:
        yield None
    elif err.is_terminal:
        with _live() as live:
            yield _LiveDisplay(live).show
    else:
        yield _PlainDisplay().show


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``42 s``, ``3 min 05 s``, ``2 h 07 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _live() -> Progress:
    return Progress(
        TextColumn("[bold]{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
        console=err,
        expand=True,
    )


class _LiveDisplay:
    """One moving line a run, and a line that stays for each validation."""

    def __init__(self, live: Progress) -> None:
        self.live = live
        self.task: TaskID | None = None
        self.step = 0

    def show(self, progress: "TrainingProgress") -> None:
        if self.task is None or progress.step <= self.step:  # the first step of the next seed's run
            self.task = self.live.add_task("", total=progress.total_steps, figures="", left="")
        self.step = progress.step
        self.live.update(
            self.task,
            description=f"{progress.epoch}/{progress.epochs} epochs, {progress.step:,}/{progress.total_steps:,} steps",
            completed=progress.step,
            figures=_few_figures(progress),
            left=f"{duration(progress.seconds_left)} left",
        )
        if progress.validated:
            self.live.console.print(_validation_line(progress))


class _PlainDisplay:
    """A line every few seconds and for each validation."""

    def __init__(self) -> None:
        self.pace = Pace(at_once=True)

    def show(self, progress: "TrainingProgress") -> None:
        if progress.validated:
            err.print(_validation_line(progress), soft_wrap=True)
        elif self.pace.due():
            place = f"epoch {progress.epoch}/{progress.epochs}, step {progress.step}/{progress.total_steps}"
            line = f"{place}: {_figures(progress)}, {duration(progress.seconds_left)} left"
            err.print(line, soft_wrap=True)


def _few_figures(progress: "TrainingProgress") -> str:
    """What fits beside a bar on a terminal of 80 columns; the speed is on the plain lines only."""
    accuracy = progress.validation_accuracy
    return f"loss {progress.loss:.3f}" + ("" if accuracy is None else f", valid {accuracy:.4f}")


def _figures(progress: "TrainingProgress") -> str:
    accuracy = progress.validation_accuracy
    validated = "" if accuracy is None else f", validation {accuracy:.4f}"
    return f"loss {progress.loss:.3f}, {progress.tokens_per_second:,.0f} tokens/s{validated}"


def _validation_line(progress: "TrainingProgress") -> str:
    best = ", the best so far" if progress.improved else ""
    return f"epoch {progress.epoch}, step {progress.step}: validation accuracy {progress.validation_accuracy:.4f}{best}"

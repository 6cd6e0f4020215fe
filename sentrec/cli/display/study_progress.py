"""How a transfer study shows where it stands: one bar over all its cells on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from sentrec.cli.display.console import Pace, err
from sentrec.cli.display.training_progress import duration

if TYPE_CHECKING:
    from collections.abc import Callable

    from sentrec.transfer.results import CellResult, StudyProgress


@contextmanager
def study_progress(quiet: bool) -> "Iterator[Callable[[StudyProgress], None] | None]":
    """Gives the function that shows a study's progress; None when nothing is to be shown."""
    if quiet:
        yield None
    elif err.is_terminal:
        with _live() as live:
            yield _LiveDisplay(live).show
    else:
        yield _PlainDisplay().show


def _live() -> Progress:
    # Only what is at work may be cut on a narrow terminal: names are long, figures must stay whole.
    name = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    return Progress(
        BarColumn(bar_width=12),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.description}", markup=False, table_column=name),
        TextColumn("{task.fields[share]}", table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
        console=err,
        expand=True,
    )


class _LiveDisplay:
    """One bar over the grid, and a line that stays for each finished cell."""

    def __init__(self, live: Progress) -> None:
        self.live = live
        self.task: TaskID | None = None

    def show(self, progress: "StudyProgress") -> None:
        if self.task is None:  # a study whose cells are all finished never comes here, and shows no bar
            self.task = self.live.add_task("", total=progress.cells, share="", left="")
        # Whole cells only: a source that is being trained is none, and a bar must not go back when it is done.
        self.live.update(
            self.task,
            total=progress.cells,
            completed=progress.done,
            description=progress.doing,
            share=f"{progress.share:.0%}",
            left=_time_left(progress),
        )
        if progress.finished is not None:
            self.live.console.print(_cell_line(progress, progress.finished), soft_wrap=True)


class _PlainDisplay:
    """A line for each finished cell, and one every few seconds."""

    def __init__(self) -> None:
        self.pace = Pace(at_once=True)

    def show(self, progress: "StudyProgress") -> None:
        if progress.finished is not None:
            err.print(_cell_line(progress, progress.finished), soft_wrap=True)
        elif self.pace.due():
            left = _time_left(progress)
            place = f"{progress.done}/{progress.cells} done; {progress.doing}: {progress.share:.0%}"
            err.print(escape(f"{place}, {left}" if left else place), soft_wrap=True)


def _time_left(progress: "StudyProgress") -> str:
    return "" if progress.seconds_left is None else f"{duration(progress.seconds_left)} left"


def _cell_line(progress: "StudyProgress", result: "CellResult") -> str:
    figures = f"accuracy [bold]{result.accuracy:.4f}[/] in {duration(result.seconds)}"
    return f"{progress.done}/{progress.cells} {escape(progress.doing)}: {figures}"

"""How learning vectors shows where it stands: a bar a stage on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sentrec.adapt.time_left import TimeLeft
from sentrec.cli.display import console
from sentrec.cli.display.training_progress import duration

if TYPE_CHECKING:
    from sentrec.adapt.plan import AdaptProgress, OnProgress

_STAGES = {
    "read": ("reading", "texts"),
    "encode": ("tokenizing", "texts"),
    "learn": ("learning", "steps"),
}


@contextmanager
def learning_progress(quiet: bool) -> Iterator["OnProgress | None"]:
    """Gives the function that shows how far the work is; None when nothing is to be shown."""
    if quiet:
        yield None
    elif console.err.is_terminal:
        with _bar() as show:
            yield show
    else:
        yield _PlainProgress().show


@contextmanager
def _bar() -> Iterator["OnProgress"]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console.err) as bars:
        tasks: dict[str, Any] = {}
        left = TimeLeft()

        def show(progress: "AdaptProgress") -> None:
            label, unit = _STAGES[progress.stage]
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(label, total=progress.total, note=unit)
            note = f"{unit}{_figure(progress)}{_left(left.seconds(progress))}"
            bars.update(tasks[progress.stage], completed=progress.done, total=progress.total, note=note)

        yield show


class _PlainProgress:
    """One line every few seconds and at the end of the learning, for logs."""

    def __init__(self) -> None:
        self._pace = console.Pace(every=5.0)
        self._left = TimeLeft()

    def show(self, progress: "AdaptProgress") -> None:
        left = _left(self._left.seconds(progress))
        ends = progress.stage == "learn" and progress.done == progress.total
        if not self._pace.due() and not ends:
            return
        label, unit = _STAGES[progress.stage]
        of_all = "" if progress.total is None else f" of {progress.total:,}"
        console.err.print(f"{label}: {progress.done:,}{of_all} {unit}{_figure(progress)}{left}", soft_wrap=True)


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f", {duration(seconds)} left"


def _figure(progress: "AdaptProgress") -> str:
    return "" if progress.error is None else f", loss {progress.error:.4f}"

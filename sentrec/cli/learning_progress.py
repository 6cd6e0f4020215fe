"""How learning vectors shows where it stands: a bar a stage on a terminal, plain lines elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sentrec.cli import console
from sentrec.cli.progress import duration

if TYPE_CHECKING:
    from sentrec.adapt.plan import AdaptProgress, OnProgress

_STAGES = {
    "read": ("reading", "texts"),
    "encode": ("tokenizing", "texts"),
    "count": ("counting", "tokens"),
    "fit": ("fitting", "half passes"),
    "learn": ("learning", "steps"),
}
_FIGURES = {"fit": "error", "learn": "loss"}
"""What `AdaptProgress.error` is in a stage."""


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
        left = _TimeLeft()

        def show(progress: "AdaptProgress") -> None:
            label, unit = _STAGES[progress.stage]
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(label, total=progress.total, note=unit)
            note = f"{unit}{_figure(progress)}{left.of(progress)}"
            bars.update(tasks[progress.stage], completed=progress.done, total=progress.total, note=note)

        yield show


class _PlainProgress:
    """One line every few seconds, after each half pass and at the end of the learning, for logs."""

    def __init__(self) -> None:
        self._pace = console.Pace(every=5.0)
        self._left = _TimeLeft()

    def show(self, progress: "AdaptProgress") -> None:
        left = self._left.of(progress)
        # Half passes are few and told at once; steps are many.
        ends = progress.stage == "fit" or (progress.stage == "learn" and progress.done == progress.total)
        if not self._pace.due() and not ends:
            return
        label, unit = _STAGES[progress.stage]
        of_all = "" if progress.total is None else f" of {progress.total:,}"
        console.err.print(f"{label}: {progress.done:,}{of_all} {unit}{_figure(progress)}{left}", soft_wrap=True)


class _TimeLeft:
    """Tells from the pace of a stage so far when it will end; a resumed one starts in the middle."""

    def __init__(self) -> None:
        self._stage = ""
        self._first = 0
        self._began = 0.0

    def of(self, progress: "AdaptProgress") -> str:
        """What to say of the time left; nothing as long as that cannot be told, and at the end."""
        if progress.stage != self._stage:
            self._stage, self._first, self._began = progress.stage, progress.done, time.monotonic()
        done = progress.done - self._first
        if not progress.total or not done or progress.done >= progress.total:
            return ""
        seconds = time.monotonic() - self._began
        return f", {duration((progress.total - progress.done) * seconds / done)} left"


def _figure(progress: "AdaptProgress") -> str:
    return "" if progress.error is None else f", {_FIGURES[progress.stage]} {progress.error:.4f}"

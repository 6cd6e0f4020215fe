"""How a scoring shows where it stands: a live line on a terminal, a line now and then elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from sentrec.cli.display.console import Pace, err

if TYPE_CHECKING:
    from sentrec.recommend.stream import OnProgress, ScoringProgress


@contextmanager
def scoring_progress(quiet: bool) -> Iterator["OnProgress | None"]:
    """Gives the function that shows a scoring's progress; None when nothing is to be shown."""
    if quiet:
        yield None
    elif not err.is_terminal:
        yield _plain_lines()
    else:
        columns = (BarColumn(bar_width=24), TextColumn("{task.fields[figures]}"), TimeElapsedColumn())
        with Progress(TextColumn("[bold]Scoring"), *columns, console=err, transient=True) as live:
            task = live.add_task("", total=None, figures="")

            def show(progress: "ScoringProgress") -> None:
                total = None if progress.share is None else 1.0
                live.update(task, total=total, completed=progress.share or 0.0, figures=_figures(progress))

            yield show


def _plain_lines() -> "OnProgress":
    pace = Pace()

    def show(progress: "ScoringProgress") -> None:
        if pace.due():
            share = "" if progress.share is None else f" ({progress.share:.0%} of the input)"
            err.print(f"{_figures(progress)}{share}", soft_wrap=True)

    return show


def _figures(progress: "ScoringProgress") -> str:
    parts = [f"{progress.reviews:,} reviews", f"{progress.reviews_per_second:,.0f}/s"]
    parts += [f"{progress.reused:,} from before"] if progress.reused else []
    parts += [f"{progress.rejected:,} rows left out"] if progress.rejected else []
    return ", ".join(parts)

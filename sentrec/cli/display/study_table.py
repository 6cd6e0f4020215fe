"""How the results of a transfer study look on a terminal: one table a target, 80 columns wide at most."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from sentrec.cli.display.console import out

if TYPE_CHECKING:
    from sentrec.transfer.results import Row, Target

_HEADINGS = ("accuracy\n± sd", "difference in points\n(95 % interval)", "epochs\nto\nbaseline")
_NOTE = (
    "Epochs to baseline: until the validation accuracy reaches the best one of\n"
    "scratch with the same labels and seed (the median); a dash: not reached."
)


def show_tables(targets: Sequence["Target"], rows: Sequence["Row"]) -> None:
    """Prints the rows of each target, and what the figures mean."""
    for target in targets:
        _show_target(target, [row for row in rows if row.target == target.name])
    out.print(f"[dim]{_NOTE}[/]")


def _show_target(target: "Target", rows: Sequence["Row"]) -> None:
    from sentrec.transfer.results import arm_name

    sources = list(dict.fromkeys(row.source for row in rows if row.source))
    origin = f" from {sources[0]}" if len(sources) == 1 else ""
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="bold")
    table.add_column("budget", justify="right", no_wrap=True)
    table.add_column("arm", overflow="fold")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    previous = None
    for row in rows:
        if previous is not None and row.budget != previous:
            table.add_row()
        budget = "" if row.budget == previous else _budget(row)
        table.add_row(budget, escape(arm_name(row.arm, row.source if len(sources) > 1 else None)), *_figures(row))
        previous = row.budget
    seeds = max((row.seeds for row in rows), default=0)
    out.print(f"\n[bold]{escape(target.name)}[/]{escape(origin)}: {_facts(target, seeds)}\n")
    out.print(table)
    out.print()


def _facts(target: "Target", seeds: int) -> str:
    from sentrec.transfer.results import seed_count

    return f"{len(target.labels):,} test rows, all = {target.train_rows:,} labels, {seed_count(seeds)}"


def _budget(row: "Row") -> str:
    return row.budget if isinstance(row.budget, str) else f"{row.budget:,}"


def _figures(row: "Row") -> tuple[str, str, str]:
    from sentrec.transfer.results import with_interval

    deviation = "" if row.sd is None else f" ± {row.sd:.4f}"
    return f"{row.accuracy:.4f}{deviation}", with_interval(row.difference, row.interval), _epochs(row)


def _epochs(row: "Row") -> str:
    if row.epochs_to_baseline is None:
        return "" if row.reached is None else "-"
    return f"{row.epochs_to_baseline:.1f}"

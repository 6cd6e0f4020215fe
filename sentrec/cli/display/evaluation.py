"""How measures of ratings look on a terminal of 80 columns."""

from collections.abc import Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table

from sentrec.cli.display.console import out

_METRICS = {"mae": "MAE", "rmse": "RMSE", "r2": "R²", "spearman": "Spearman"}


def show_ratings(measured: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Prints how good predicted ratings are: a table for each model, a line for each group of rows."""
    for name, groups in measured.items():
        table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
        table.add_column("rows", no_wrap=True)
        for heading in ("n", *_METRICS.values(), "in 90 %\ninterval"):
            table.add_column(heading, justify="right", no_wrap=True)
        for group, metrics in groups.items():
            values = (_with_interval(metrics[key], metrics[f"{key}_interval"]) for key in _METRICS)
            covered = f"{metrics['coverage']:.1%}\n[dim]± {metrics['interval_width'] / 2:.2f}[/]"
            table.add_row(escape(group), f"{metrics['n']:,}", *values, covered)
        out.print(f"[bold]{escape(name)}[/]", soft_wrap=True)
        out.print(table)
    out.print("[dim]95 % intervals by bootstrap over rows.[/]", highlight=False)


def _with_interval(value: float | None, interval: list[float] | None) -> str:
    if value is None or interval is None:
        return "n/a"
    return f"{value:.3f}\n[dim]{interval[0]:.3f}-{interval[1]:.3f}[/]"

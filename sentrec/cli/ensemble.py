"""`sentrec ensemble`: several finished runs become one model."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sentrec.cli.display.console import out as stdout
from sentrec.cli.display.console import print_json
from sentrec.cli.options import AsJson, Device, model_names, output_folder
from sentrec.cli.train import show_ensemble

if TYPE_CHECKING:
    from sentrec.runs.directory import Run


def ensemble(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Run directories; a group of seeds stands for all its runs.",
            autocompletion=model_names,
        ),
    ],
    out: Annotated[Path, output_folder("--out", help="Directory of the ensemble; the runs are copied into it.")],
    name: Annotated[str | None, typer.Option(help="What to call it; by default as its directory.")] = None,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Join runs that were trained on the same rows, with any encoders, into one model that averages them."""
    from sentrec.training.ensemble import ensemble as join

    joined = join(runs, out, name=name, device=device)
    if as_json:
        print_json(joined.metrics | {"run": str(out)})
        return
    _show_members(joined)
    show_ensemble(joined.metrics)
    stdout.print(f"\nThe ensemble is in {escape(str(out))}, a model like any run:", soft_wrap=True)
    stdout.print(f"  sentrec evaluate {escape(shlex.quote(str(out)))} --baseline nb-lr", soft_wrap=True)


def _show_members(joined: "Run") -> None:
    table = Table(title=f"{escape(joined.recipe.name)}: {len(joined.members)} runs", title_justify="left")
    table.add_column("recipe", overflow="fold")
    for heading in ("seed", "test accuracy", "validation accuracy"):
        table.add_column(heading, justify="right")
    for one in joined.metrics["members"]["runs"]:
        figures = (f"{one['test_accuracy']:.4f}", f"{one['validation_accuracy']:.4f}")
        table.add_row(escape(one["recipe"]), str(one["seed"]), *figures)
    stdout.print(table)

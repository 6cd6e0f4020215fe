"""`sentrec rate`: the rating of every row of a table, how sure that is, and what it comes from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from sentrec.cli.display.console import err, out, print_json_line, printable
from sentrec.cli.options import NAMED_RUN_HELP, Quiet, model_names, output_file
from sentrec.errors import counted

if TYPE_CHECKING:
    from sentrec.rating.rater import RatedItem

_INPUT = "A table of items (CSV, JSON, Parquet, .xlsx) or a folder of tables; credits beside TMDB's films are found."


def rate(
    run: Annotated[str, typer.Argument(help=NAMED_RUN_HELP, autocompletion=model_names, show_default=False)],
    file: Annotated[str, typer.Argument(help=_INPUT, show_default=False)],
    out_file: Annotated[
        Path | None, output_file("--out", help="Write key, title, rating, interval and reasons: .csv, .jsonl, ...")
    ] = None,
    interval: Annotated[
        float, typer.Option(min=0.01, max=0.999, help="How often an interval holds the rating that very many give.")
    ] = 0.9,
    reasons: Annotated[int, typer.Option(min=0, help="How many of the largest contributions to tell.")] = 5,
    encoding: Annotated[str | None, typer.Option(help="Encoding of a text file; else as its bytes tell.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    quiet: Quiet = False,
) -> None:
    """Rate the items of a table, e.g. films by their facts, as a run of a recipe with `task: rate` has learned to."""
    from sentrec.data.items import read_items
    from sentrec.data.writers import check_table_name, table_writer
    from sentrec.rating.rater import load_rater

    if out_file is not None:
        check_table_name(out_file)
    rater = load_rater(run)
    items = rater.rate_items(read_items(file, encoding), interval, reasons)
    if out_file is not None:
        with table_writer(out_file) as write:
            write([item.to_row() for item in items])
        err.print(printable(f"Written: {out_file} ({counted(len(items), 'row')})"), markup=False, soft_wrap=True)
        return
    for item in items:
        _print(item, as_json)


def _print(item: "RatedItem", as_json: bool) -> None:
    if as_json:
        return print_json_line(item.to_dict())
    title = printable(" ".join((item.title or item.key).split()))
    interval = f"{item.low:.1f} to {item.high:.1f}"
    out.print(Text.assemble((f"{item.rating:5.2f}", "bold"), f"  {interval:<13}  {title}"), soft_wrap=True)
    if item.reasons:
        facts = ", ".join(f"{printable(fact)} {value:+.2f}" for fact, value in item.reasons.items())
        out.print(Text(f"{'':<22}{facts}", "dim"), soft_wrap=True)

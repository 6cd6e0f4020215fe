"""`sentrec predict`: label and probability of texts."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from sentrec.cli.console import err, out

if TYPE_CHECKING:
    from sentrec.recommend.lines import LineResult


def predict(
    model: Annotated[Path, typer.Option("--model", "-m", metavar="RUN", help="The run directory.")],
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...",
            help="Texts; - (or none) reads standard input: a text, or a JSON object with text and id, a line.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    device: Annotated[str | None, typer.Option(help="Where to compute, e.g. cpu or cuda.", show_default=False)] = None,
) -> None:
    """Say how a model classifies texts: one result a line, in their order."""
    if texts and "-" in texts and len(texts) > 1:
        raise typer.BadParameter("- stands for standard input and goes alone.")
    from sentrec.predictor import load
    from sentrec.recommend.lines import classify_lines

    predictor = load(model, device)
    results = classify_lines(predictor, _lines(texts))
    unusable = _print_all(results, as_json)
    if unusable:
        err.print(f"[yellow]Warning:[/] {unusable:,} lines could not be used: they have an error for a result.")


def _lines(texts: list[str] | None) -> Iterable[bytes]:
    if texts and texts != ["-"]:
        # A text given as an argument is one text, whatever line breaks it holds, and is never JSON.
        return (json.dumps({"text": text}).encode() for text in texts)
    if sys.stdin.isatty():
        err.print("[dim]Reading texts from the keyboard, one a line; Ctrl-D ends.[/]")
    return sys.stdin.buffer


def _print_all(results: "Iterator[LineResult]", as_json: bool) -> int:
    unusable = 0
    for result in results:
        unusable += result.prediction is None
        if as_json:
            typer.echo(json.dumps(result.to_dict(), ensure_ascii=False))
        elif result.prediction is None:
            out.print(f"[red]{'error':<12}[/]        {escape(result.error or '')}", soft_wrap=True)
        else:
            label, text = escape(f"{result.prediction.label:<12}"), escape(" ".join((result.text or "").split()))
            out.print(f"[bold]{label}[/] {result.prediction.probability:6.1%}  {text}", soft_wrap=True)
    return unusable

"""`sentrec predict`: label and probability of texts."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

import sentrec
from sentrec.cli.display.console import err, out, printable
from sentrec.cli.options import MODEL_HELP, chosen_model
from sentrec.recommend.wording import counted

if TYPE_CHECKING:
    from sentrec.inference.lines import LineResult


def predict(
    texts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...",
            help="Texts; - (or none) reads standard input: a text, or a JSON object with text and id, a line.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", metavar="RUN", help=MODEL_HELP)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    device: Annotated[str | None, typer.Option(help="Where to compute, e.g. cpu or cuda.", show_default=False)] = None,
) -> None:
    """Say how a model classifies texts: one result a line, in their order."""
    if texts and "-" in texts and len(texts) > 1:
        raise typer.BadParameter("- stands for standard input and goes alone.")
    if texts and not all(text.strip() for text in texts):
        raise typer.BadParameter("a text is empty.")
    predictor = sentrec.load(chosen_model(model), device)
    from sentrec.inference.lines import CHUNK, classify_lines

    # Who types lines wants each answer at once.
    chunk = 1 if sys.stdin.isatty() else CHUNK
    unusable = _print_all(classify_lines(predictor, _lines(texts), chunk), as_json)
    if unusable:
        lines = counted(unusable, "line")
        err.print(f"[yellow]Warning:[/] {lines} could not be used: the result is an error.", soft_wrap=True)


def _lines(texts: list[str] | None) -> Iterable[bytes]:
    if texts and texts != ["-"]:
        # A text given as an argument is one text, whatever line breaks it holds, and is never JSON.
        return (json.dumps({"text": text}).encode() for text in texts)
    if sys.stdin.isatty():
        err.print("[dim]Reading texts from the keyboard, one a line; Ctrl-D ends.[/]")
    return sys.stdin.buffer


def _print_all(results: "Iterator[LineResult]", as_json: bool) -> int:
    from sentrec.recommend.export import to_json

    unusable = 0
    for result in results:
        unusable += result.prediction is None
        if as_json:
            typer.echo(to_json(result.to_dict()))
        else:
            out.print(_line(result), soft_wrap=True)
    return unusable


def _line(result: "LineResult") -> Text:
    """Label, probability, the id in brackets where there is one, and the text."""
    key = "" if result.id is None else f"[{result.id}] "
    if result.prediction is None:
        return Text.assemble((f"{'error':<12}", "red"), printable(f"         {key}{result.error}"))
    text = printable(" ".join(f"{key}{result.text}".split()))
    return Text.assemble((f"{result.prediction.label:<12}", "bold"), f" {result.prediction.probability:6.1%}  {text}")

"""`sentrec models`: which models there are, and the card of each."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sentrec.cli.display import console
from sentrec.cli.options import NAMED_RUN_HELP, AsJson, model_names
from sentrec.errors import shortened

app = typer.Typer(help="List models, and show what is known of one.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models that come with sentrec and the finished runs in the folder runs."""
    from sentrec.export.known import known_models

    models = known_models()
    if as_json:
        console.print_json([model.to_dict() for model in models])
        return
    table = Table("model", "recipe", box=None, header_style="bold", pad_edge=False)
    for heading in ("test accuracy", "MB"):
        table.add_column(heading, justify="right")
    table.add_column("card")
    for model in models:
        reached = f"R² {_cell(model.r2)}" if model.accuracy is None else f"{model.accuracy:.4f}"
        numbers = (reached, f"{model.megabytes:.2f}")
        table.add_row(escape(model.name), escape(model.recipe), *numbers, "yes" if model.has_card else "no")
    console.out.print(table)
    console.err.print("[dim]Read a card: sentrec models show NAME · use one: --model NAME[/]")


@app.command()
def compare(
    models: Annotated[
        list[str], typer.Argument(metavar="RUN...", help=NAMED_RUN_HELP, autocompletion=model_names, show_default=False)
    ],
    as_json: AsJson = False,
) -> None:
    """Show what finished runs reached, side by side, and in what their recipes differ."""
    from dataclasses import asdict

    from sentrec.export.known import compare_models

    found = compare_models(models)
    if as_json:
        console.print_json(asdict(found))
        return
    table = Table("", *map(escape, found.names), box=None, header_style="bold", pad_edge=False)
    for key, values in found.figures.items():
        if any(value is not None for value in values):
            table.add_row(key.replace("_", " "), *map(_cell, values))
    table.add_section()
    for key, values in found.recipes.items():
        table.add_row(f"[dim]{escape(key)}[/]", *map(_cell, values))
    console.out.print(table)
    if not found.same_test:
        console.err.print("[yellow]Note:[/] they were not measured on the same test rows.", soft_wrap=True)
    first, second = found.names[0], found.names[-1]
    folds = " --folds 5" if any(key.endswith(", r2") for key in found.figures) else ""
    hint = f"Is a difference more than chance? sentrec evaluate {escape(first)} --against {escape(second)}{folds}"
    console.err.print(f"[dim]{hint}[/]", soft_wrap=True)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 10 else f"{value:,.1f}"
    return "-" if value is None else f"{value:,}" if type(value) is int else escape(shortened(str(value), 60))


@app.command()
def show(
    model: Annotated[str, typer.Argument(help=NAMED_RUN_HELP, autocompletion=model_names)] = "starter",
    as_json: AsJson = False,
) -> None:
    """Print the card of a model: what it was made from, how good it is, and where it fails."""
    from sentrec.export.known import card_of, card_text_of

    if as_json:
        console.print_json(card_of(model))
        return
    text = card_text_of(model)
    if console.out.is_terminal:
        from rich.markdown import Markdown  # which no other command needs, and which slows every start

        console.out.print(Markdown(text))
    else:
        typer.echo(text, nl=False)

"""`sentrec recipes`: the built-in recipes, and checking any recipe."""

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sentrec.cli.display import console
from sentrec.cli.options import RECIPE_HELP, AsJson, Overrides, recipe_names

app = typer.Typer(help="List, show, copy and check recipes.", no_args_is_help=True)

_NameOrFile = Annotated[str, typer.Argument(help=RECIPE_HELP, metavar="NAME_OR_FILE", autocompletion=recipe_names)]


@app.command("list")
def list_recipes(as_json: AsJson = False) -> None:
    """List the built-in recipes."""
    from sentrec.recipe.reading import builtin_recipes

    recipes = builtin_recipes()
    if as_json:
        console.print_json([{"name": one.name, "command": one.command, "summary": one.summary} for one in recipes])
        return
    table = Table("recipe", "command", "what it shows", box=None, header_style="bold", pad_edge=False)
    for recipe in recipes:
        table.add_row(recipe.name, recipe.command, escape(recipe.summary))
    console.out.print(table)
    console.err.print("[dim]Run one: sentrec COMMAND --recipe NAME · read it: sentrec recipes show NAME[/]")


@app.command()
def show(recipe: _NameOrFile) -> None:
    """Print a recipe as it is written."""
    from sentrec.recipe.reading import find_recipe

    typer.echo(find_recipe(recipe).read_text(encoding="utf-8"), nl=False)


@app.command()
def copy(
    recipe: Annotated[
        str, typer.Argument(help="A built-in recipe's name.", metavar="NAME", autocompletion=recipe_names)
    ],
    destination: Annotated[Path | None, typer.Argument(help="New file or folder; else the current folder.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Copy a built-in recipe to a file that you can change."""
    from sentrec.recipe.reading import command_for, copy_recipe

    target = copy_recipe(recipe, destination, force)
    command = shlex.join(["sentrec", command_for(target), "--recipe", str(target)])
    console.err.print(f"Copied to {escape(str(target))}. Run it: {escape(command)}", soft_wrap=True)


@app.command()
def check(recipe: _NameOrFile, overrides: Overrides = None) -> None:
    """Check a recipe and show what it will use; exit code 1 if anything is wrong or missing."""
    from sentrec.checks.findings import all_usable
    from sentrec.checks.recipe import check_recipe, check_study
    from sentrec.recipe.reading import command_for, find_recipe
    from sentrec.training.recipe import load_recipe
    from sentrec.transfer.loading import load_transfer

    name, changes = command_for(find_recipe(recipe)), overrides or ()
    is_study = name == "transfer"
    findings = check_study(load_transfer(recipe, changes)) if is_study else check_recipe(load_recipe(recipe, changes))
    console.out.print(f"{escape(recipe)} is a valid recipe. It uses:", soft_wrap=True)
    console.print_findings(findings)
    if not all_usable(findings):
        console.err.print("[bold red]Error:[/] not everything that it uses is there.")
        raise typer.Exit(1)
    again = [word for change in changes for word in ("--set", change)]
    command = shlex.join(["sentrec", name, "--recipe", recipe, *again])
    console.err.print(f"Ready: {escape(command)}", soft_wrap=True)

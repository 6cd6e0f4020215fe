"""The `sentrec` command: its subcommands, and the one place where errors become messages and exit codes."""

import sys
from typing import Annotated

import typer

import sentrec
from sentrec.cli import console, doctor, encoders, evaluate, fetch_glove, recipes
from sentrec.errors import SentrecError

app = typer.Typer(
    name="sentrec",
    help="Small, fast sentiment models on shared GloVe embeddings.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sentrec {sentrec.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    console.show_log()


app.command("fetch-glove")(fetch_glove.fetch_glove)
app.command("encoders")(encoders.encoders)
app.add_typer(recipes.app, name="recipes")
app.command("doctor")(doctor.doctor)
app.command("evaluate")(evaluate.evaluate)


def run() -> None:
    """Runs the command line; the entry point of the ``sentrec`` script.

    Exit codes: 0 success, 1 a `SentrecError` or a fault of sentrec itself, 2 wrong usage, 130 interrupted.
    """
    try:
        app()
    except SentrecError as error:
        if "--debug" in sys.argv:
            raise
        console.print_error(error.message, error.hint)
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except KeyboardInterrupt:
        console.print_error("interrupted")
        sys.exit(130)
    except Exception as error:
        if "--debug" in sys.argv:
            raise
        console.print_error(
            f"this is a fault of sentrec: {type(error).__name__}: {error}",
            "Run `sentrec --debug ...` and report the traceback.",
        )
        sys.exit(1)

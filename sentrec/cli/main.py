"""The `sentrec` command: its subcommands and those of plugins, and the one place where errors become messages."""

import atexit
import gc
import io
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import sentrec
from sentrec.cli import (
    doctor,
    encoders,
    evaluate,
    explain,
    export,
    fetch_glove,
    models,
    predict,
    rate,
    recipes,
    recommend,
    search,
    train,
    transfer,
    web,
)
from sentrec.cli.display import console
from sentrec.errors import Interrupted, PluginError, SentrecError, shortened
from sentrec.plugins import CommandEntry, command_registry


class PluginCommand(TyperCommand):
    """Stands for a plugin's command in listings, and becomes it when it is run or asked for its help."""

    def __init__(self, entry: CommandEntry) -> None:
        summary = entry.summary or f"From {entry.origin}."
        super().__init__(entry.name, help=summary, rich_help_panel="Commands of plugins")
        self.entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, which is imported now."""
        return self._imported().make_context(info_name, args, parent, **extra)

    def _imported(self) -> Any:
        entry = self.entry
        target = entry.load()
        try:
            plugin = target if isinstance(target, typer.Typer) else typer.Typer(rich_markup_mode="rich")
            if target is not plugin:
                plugin.command(entry.name, help=None if target.__doc__ else entry.summary)(target)
            return typer.main.get_command(plugin)
        # A plugin is foreign code; what it registered may be no function, or one whose parameters typer cannot take.
        except Exception as error:
            raise PluginError(
                f"command '{entry.name}' ({entry.origin}) cannot be used: {type(error).__name__}: {error}.",
                f"Update or uninstall {entry.origin.partition(' ')[0]}.",
            ) from error


class CommandsAndPlugins(TyperGroup):
    """The commands of sentrec, then those of plugins; a plugin takes the name of none of sentrec's."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names, those of plugins last."""
        own = super().list_commands(ctx)
        return [*own, *sorted(command_registry().commands.keys() - set(own))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, or None."""
        own = super().get_command(ctx, cmd_name)
        entry = None if own else command_registry().commands.get(cmd_name)
        return PluginCommand(entry) if entry else own


app = typer.Typer(
    name="sentrec",
    cls=CommandsAndPlugins,
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


_COMMANDS: tuple[Callable[..., None], ...] = (
    train.train,
    train.ensemble,
    search.search,
    transfer.transfer,
    fetch_glove.fetch_glove,
    encoders.encoders,
    doctor.doctor,
    evaluate.evaluate,
    export.export,
    predict.predict,
    explain.explain,
    rate.rate,
    recommend.recommend,
    web.app,
    web.serve,
)
for _command in _COMMANDS:
    app.command(_command.__name__.replace("_", "-"))(_command)
app.add_typer(recipes.app, name="recipes")
app.add_typer(models.app, name="models")

_REMOVED = {
    "adapt-glove": "Training fine-tunes the word vectors (model.embeddings: fine-tuned, the default), as accurately.",
    "learn-regions": "model.ngrams.lsa learns from texts without labels, and gains more.",
}
"""Commands of older versions, and what to use instead."""


def _refuse_removed_command(context: typer.Context) -> None:
    raise SentrecError(f"`sentrec {context.info_name}` was removed.", _REMOVED[str(context.info_name)])


for _name in _REMOVED:
    _options = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    app.command(_name, hidden=True, context_settings=_options)(_refuse_removed_command)


def run() -> None:
    """Runs the command line; the entry point of the ``sentrec`` script.

    Exit codes: 0 success, 1 a `SentrecError` or a fault of sentrec itself, 2 wrong usage, 130 interrupted.
    """
    _set_up_process()
    # Taken out by hand, so that it may stand anywhere on the line and not only before the command.
    debug = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    try:
        app()
    except Exception as error:
        if debug:
            raise
        sys.exit(_report(error))
    except KeyboardInterrupt:
        console.print_error("interrupted")
        sys.exit(130)


def _set_up_process() -> None:
    """Settings that only a process of our own may have; they must be made before torch is imported."""
    # Importing torch makes half a million objects, almost none of them garbage: looking for it takes a tenth of the
    # time that `predict` takes for one text, and looking once more at exit (what is frozen is left out) another tenth.
    gc.set_threshold(500_000, 10, 10)
    atexit.register(gc.freeze)
    # torch's threads wait for one another by spinning; where another program takes a core, that spinning makes training
    # ten times slower. A short spin costs nothing on an idle machine.
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    for stream in (sys.stdout, sys.stderr):
        # What a console's encoding lacks becomes a question mark; a text must not end a command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _report(error: Exception) -> int:
    """Prints an error as a user should see it, and gives the exit code."""
    if isinstance(error, Interrupted):
        console.err.print(f"\nInterrupted: {error.message}\n{error.hint}", markup=False, soft_wrap=True)
        return 130
    if isinstance(error, SentrecError):
        console.print_error(error.message, error.hint)
    elif isinstance(error, BrokenPipeError):
        # The reader of our output has gone, e.g. `| head`; what is still buffered for it must not raise at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    elif isinstance(error, OSError) and error.filename:
        console.print_error(f"{shortened(error.filename)}: {error.strerror}.", "Check the path and its permissions.")
    elif isinstance(error, MemoryError):
        console.print_error("not enough memory.", "Close other programs, or take a smaller file or model.")
    else:
        console.print_error(
            f"this is a fault of sentrec: {type(error).__name__}: {shortened(error, 2000)}",
            "Run the command again with --debug and report the traceback.",
        )
    return 1

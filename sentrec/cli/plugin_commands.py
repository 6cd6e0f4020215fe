"""Commands that plugins bring: listed by what they registered, imported only when they are run."""

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from sentrec.errors import PluginError
from sentrec.plugins import CommandEntry, command_registry


class PluginCommand(TyperCommand):
    """Stands for a plugin's command in listings, and becomes it when it is run or asked for its help."""

    def __init__(self, entry: CommandEntry) -> None:
        super().__init__(
            entry.name, help=entry.summary or f"From {entry.origin}.", rich_help_panel="Commands of plugins"
        )
        self.entry = entry

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself.

        Raises:
            PluginError: If it cannot be imported, or is no command.
        """
        return _command(self.entry).make_context(info_name, args, parent, **extra)


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


def _command(entry: CommandEntry) -> Any:
    target = entry.load()
    try:
        app = target if isinstance(target, typer.Typer) else typer.Typer(rich_markup_mode="rich")
        if target is not app:
            app.command(entry.name, help=None if target.__doc__ else entry.summary)(target)
        return typer.main.get_command(app)
    # A plugin is foreign code; what it registered may be no function, or one whose parameters typer cannot take.
    except Exception as error:
        raise PluginError(
            f"command '{entry.name}' ({entry.origin}) cannot be used: {type(error).__name__}: {error}.",
            f"Update or uninstall {entry.origin.partition(' ')[0]}.",
        ) from error

"""How the commands speak: results on standard output, everything else on standard error."""

import json
import logging
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

out = Console(highlight=False)
"""Results: what a user pipes into a file."""

err = Console(stderr=True, highlight=False)
"""Progress, warnings and errors."""


def print_json(value: Any) -> None:
    """Prints `value` as one JSON document on standard output, without colours or wrapping."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_error(message: str, hint: str | None = None) -> None:
    """Prints ``Error: ...`` and, where there is one, what to do next."""
    err.print(f"[bold red]Error:[/] {escape(message)}", soft_wrap=True)
    if hint:
        err.print(f"[bold]Hint:[/] {escape(hint)}", soft_wrap=True)


class WarningHandler(logging.Handler):
    """Shows the core's log records (it never prints itself) as one line each on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one record."""
        style = {logging.WARNING: "yellow", logging.ERROR: "red"}.get(record.levelno, "dim")
        label = f"[{style}]{record.levelname.capitalize()}:[/] " if record.levelno >= logging.WARNING else ""
        err.print(label + escape(record.getMessage()), soft_wrap=True)


def show_log(level: int = logging.INFO) -> None:
    """Sends the ``sentrec`` logger's records from `level` upwards to standard error."""
    logger = logging.getLogger("sentrec")
    logger.handlers = [WarningHandler()]
    logger.setLevel(level)
    logger.propagate = False

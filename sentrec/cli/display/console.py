"""How the commands speak: results on standard output, everything else on standard error."""

import json
import logging
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.text import Text

if TYPE_CHECKING:
    from sentrec.checks.findings import Finding

_STYLES = {"ok": "green", "note": "yellow", "missing": "bold red"}
_COMMANDS = ("sentrec", "pip", "export", "python")


class _Printable(Console):
    """A console on which no text can command the terminal, whatever names and texts a user's files hold."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Renders as `rich.console.Console.render` does, without escape sequences in any text."""
        for segment in super().render(renderable, options):
            clean = segment.control or segment.text.isprintable()
            yield segment if clean else Segment(printable(segment.text), segment.style)


class _Results(_Printable):
    """A console that leaves out the spaces with which rich fills each line, unless a terminal shows them."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Prints as `rich.console.Console.print` does."""
        if self.is_terminal:
            super().print(*objects, **options)
            return
        with self.capture() as captured:
            super().print(*objects, **options)
        *lines, unfinished = captured.get().split("\n")
        whole = "".join(line.rstrip(" ") + "\n" for line in lines)
        super().print(Text(whole + unfinished), end="", soft_wrap=True)


out = _Results(highlight=False, emoji=False)
"""Results: what a user pipes into a file."""

err = _Printable(stderr=True, highlight=False, emoji=False)
"""Progress, warnings and errors."""


def printable(text: str) -> str:
    """Text without what commands a terminal (escape sequences) or cannot be printed; line breaks stay."""
    return "".join(mark for mark in text if mark.isprintable() or mark == "\n")


def print_json(value: Any) -> None:
    """Prints `value` as one JSON document on standard output, without colours or wrapping."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    typer.echo("".join(mark if mark.isprintable() or mark == "\n" else json.dumps(mark)[1:-1] for mark in text))


def print_json_line(value: Any) -> None:
    """Prints `value` as one line of JSON on standard output."""
    from sentrec.recommend.export import to_json

    typer.echo(to_json(value))


def sentence(text: str) -> str:
    """`text` with a capital letter at its beginning, if it begins with a word and not with a name or a command."""
    first = (text.split(maxsplit=1) or [""])[0].rstrip(",;")
    is_word = first.isascii() and first.isalpha() and first.islower() and first not in _COMMANDS
    is_word = is_word and not any(text.startswith(word) or word == first for word in sys.argv if word)
    return text[:1].upper() + text[1:] if is_word else text


def print_error(message: str, hint: str | None = None) -> None:
    """Prints ``Error: ...`` and, where there is one, what to do next."""
    err.print(f"[bold red]Error:[/] {escape(sentence(printable(message)))}", soft_wrap=True)
    if hint:
        err.print(f"[bold]Hint:[/] {escape(sentence(printable(hint)))}", soft_wrap=True)


def print_findings(findings: Iterable["Finding"]) -> None:
    """Prints each finding and, beneath it, what fixes it."""
    findings = list(findings)
    width = max((len(finding.topic) for finding in findings), default=0)
    for finding in findings:
        state = f"[{_STYLES[finding.state]}]{finding.state:<8}[/]"
        out.print(f"  {state} {finding.topic:<{width}} {escape(finding.detail)}", soft_wrap=True)
        if finding.fix:
            out.print(f"{'':{width + 12}}[dim]→ {escape(finding.fix)}[/]", soft_wrap=True)


class WarningHandler(logging.Handler):
    """Shows the core's log records (it never prints itself) as one line each on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints one record."""
        style = {logging.WARNING: "yellow", logging.ERROR: "red"}.get(record.levelno, "dim")
        label = f"[{style}]{record.levelname.capitalize()}:[/] " if record.levelno >= logging.WARNING else ""
        err.print(label + escape(sentence(printable(record.getMessage()))), soft_wrap=True)


def show_log(level: int = logging.INFO) -> None:
    """Sends the ``sentrec`` logger's records from `level` upwards to standard error."""
    logger = logging.getLogger("sentrec")
    logger.handlers = [WarningHandler()]
    logger.setLevel(level)
    logger.propagate = False

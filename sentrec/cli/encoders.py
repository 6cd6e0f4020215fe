"""`sentrec encoders`: what can stand in a recipe's ``encoder:`` section."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from sentrec.cli.display.console import out, print_json
from sentrec.cli.options import AsJson, encoder_names

if TYPE_CHECKING:
    from sentrec.plugins import Entry

_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def encoders(
    name: Annotated[
        str | None, typer.Argument(help="Show only this encoder.", autocompletion=encoder_names, show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the encoders that plugins bring: origin, summary and options."""
    from sentrec.plugins import registry

    found = registry()
    known: list[Entry] = [*found.encoders.values(), *found.models.values()]
    entries = [found.entry(name)] if name else sorted(known, key=lambda entry: entry.name)
    failed = [] if name else [report for report in found.reports if report.error]
    described = [_describe(entry) for entry in entries]
    if as_json:
        reasons = [{"name": report.name, "origin": report.origin, "error": report.error} for report in failed]
        print_json(described[0] if name else {"encoders": described, "failed": reasons})
        return
    for encoder in described:
        _show(encoder)
    for report in failed:
        out.print(f"[bold red]{escape(report.name)}[/] [dim]({escape(report.origin)})[/] failed to load: ", end="")
        out.print(escape(report.error or ""), soft_wrap=True)


def _describe(entry: "Entry") -> dict[str, Any]:
    described = {"name": entry.name, "origin": entry.origin, "summary": entry.summary}
    try:
        return described | {"options": _options(entry.config.model_json_schema())}
    # The options are a plugin's own code: one that cannot be described must not hide the other encoders.
    except Exception as error:
        return described | {"options": [], "error": f"its options cannot be shown: {type(error).__name__}: {error}"}


def _options(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "type": _type_in_words(field),
            "default": field.get("default"),
            "description": field.get("description", ""),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _type_in_words(field: dict[str, Any]) -> str:
    """A JSON schema as a reader would say it, e.g. ``integer ≥ 1`` or ``mean | max``."""
    if "enum" in field:
        return " | ".join(str(value) for value in field["enum"])
    if "anyOf" in field:
        return " | ".join(_type_in_words(choice) for choice in field["anyOf"])
    if field.get("type") == "array":
        return f"list of {_type_in_words(field.get('items', {}))}"
    bounds = [f"{sign} {field[key]:g}" for key, sign in _BOUNDS.items() if key in field]
    return " ".join([str(field.get("type", "value")), ", ".join(bounds)]).strip()


def _show(encoder: dict[str, Any]) -> None:
    out.print(f"[bold]{escape(encoder['name'])}[/] [dim]({escape(encoder['origin'])})[/]  {escape(encoder['summary'])}")
    if "error" in encoder:
        out.print(f"  [red]{escape(encoder['error'])}[/]")
    table = Table("option", "type", "default", "description", box=None, padding=(0, 2), header_style="dim")
    for option in encoder["options"]:
        default = "none" if option["default"] is None else str(option["default"])
        table.add_row(*map(escape, (option["name"], option["type"], default, option["description"])))
    if encoder["options"]:
        out.print(table)
    out.print()

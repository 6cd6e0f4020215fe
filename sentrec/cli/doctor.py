"""`sentrec doctor`: what is there, what is missing, and the command that fixes it."""

from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from sentrec.cli.display import console
from sentrec.cli.options import AsJson
from sentrec.errors import counted

if TYPE_CHECKING:
    from sentrec.checks.doctor import Diagnosis


def doctor(as_json: AsJson = False) -> None:
    """Show versions, device, caches, plugins and data folders, and what is missing."""
    from dataclasses import asdict

    from sentrec.checks.doctor import diagnose
    from sentrec.checks.findings import all_usable

    diagnosis = diagnose()
    usable = all_usable(diagnosis.findings)
    if as_json:
        console.print_json({**asdict(diagnosis), "usable": usable})
    else:
        _print(diagnosis)
        verdict = "[green]sentrec is ready.[/]" if usable else "[bold red]sentrec is not usable yet: see above.[/]"
        console.out.print(f"\n{verdict}")
    if not usable:
        raise typer.Exit(1)


def _print(diagnosis: "Diagnosis") -> None:
    plugins = (
        f"{one.name} ({one.origin})" + (": left out, see below" if one.error else "") for one in diagnosis.plugins
    )
    sections = {
        "versions": [", ".join(f"{name} {version or 'missing'}" for name, version in diagnosis.versions.items())],
        "extras": [", ".join(_extra(*pair) for pair in diagnosis.extras.items())],
        "device": _device_lines(diagnosis),
        "cache": _cache_lines(diagnosis),
        "plugins": list(plugins),
        "data": _data_lines(diagnosis),
    }
    for title, lines in sections.items():
        console.out.print(f"[bold]{title}[/]")
        for line in lines:
            console.out.print(f"  {escape(line)}", soft_wrap=True)
    if diagnosis.findings:
        console.out.print("\n[bold]worth knowing[/]")
        console.print_findings(diagnosis.findings)


def _extra(name: str, missing: list[str]) -> str:
    return f"{name} lacks {' and '.join(missing)} (pip install 'sentrec[{name}]')" if missing else f"{name} is there"


def _device_lines(diagnosis: "Diagnosis") -> list[str]:
    device = diagnosis.device
    if not device:
        return ["torch cannot be imported"]
    arithmetic = "bfloat16" if device["bfloat16"] else "float32 only"
    threads = f"{counted(device['threads'], 'thread')} of {counted(device['processors'], 'processor')}"
    return [f"{device['name']} ({device['type']}), {arithmetic}; {threads}; {device['platform']}"]


def _cache_lines(diagnosis: "Diagnosis") -> list[str]:
    cache = diagnosis.cache
    lines = [f"{cache['home']}: {cache['free_bytes'] / 1e9:.1f} GB free"]
    for glove in cache["glove"]:
        state = "damaged" if glove["problem"] else f"{glove['words']:,} words"
        lines.append(f"GloVe {glove['name']}, {glove['dim']} dimensions: {state}, {glove['bytes'] / 1e6:.0f} MB")
    sizes = ", ".join(f"{name}/ {size / 1e6:,.1f} MB" for name, size in cache["folders"].items())
    lines.append(f"{sizes}: these may be deleted; all but interrupted work (scoring: --resume) is made again by itself")
    return lines


def _data_lines(diagnosis: "Diagnosis") -> list[str]:
    folder, datasets = diagnosis.data["folder"], diagnosis.data["datasets"]
    if folder is None:
        return ["SENTREC_DATA is not set: named data sets come from the hub"]
    return [f"SENTREC_DATA={folder}", *(f"{name}: {', '.join(splits)}" for name, splits in datasets.items())]

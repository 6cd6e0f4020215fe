"""Shows findings, one a line."""

from collections.abc import Iterable

from rich.markup import escape

from sentrec.checks.findings import Finding
from sentrec.cli.display import console

_STYLES = {"ok": "green", "note": "yellow", "missing": "bold red"}


def print_findings(findings: Iterable[Finding]) -> None:
    """Prints each finding and, beneath it, what fixes it."""
    findings = list(findings)
    width = max((len(finding.topic) for finding in findings), default=0)
    for finding in findings:
        state = f"[{_STYLES[finding.state]}]{finding.state:<8}[/]"
        console.out.print(f"  {state} {finding.topic:<{width}} {escape(finding.detail)}", soft_wrap=True)
        if finding.fix:
            console.out.print(f"{'':{width + 12}}[dim]→ {escape(finding.fix)}[/]", soft_wrap=True)

"""What a check found: the one form in which checks report, so that every command shows them alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: What it is about, in a word or two, e.g. ``glove``.
        state: ``ok``; ``note`` for what works but is worth knowing; ``missing`` for what has to be fixed first.
        detail: What was found.
        fix: The command or step that fixes it, where there is one.
    """

    topic: str
    state: Literal["ok", "note", "missing"]
    detail: str
    fix: str | None = None


def all_usable(findings: Iterable[Finding]) -> bool:
    """Whether nothing is missing."""
    return all(finding.state != "missing" for finding in findings)

"""What a check found: the one form in which checks report, so that every command shows them alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sentrec.errors import SentrecError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    topic: str  # what it is about, in a word or two, e.g. ``glove``
    state: Literal["ok", "note", "missing"]  # a note works but is worth knowing; what is missing has to be fixed first
    detail: str  # what was found
    fix: str | None = None  # the command or step that fixes it, where there is one


def missing(topic: str, error: SentrecError) -> Finding:
    """What an error says, as something that has to be fixed."""
    return Finding(topic, "missing", error.message, error.hint)


def all_usable(findings: Iterable[Finding]) -> bool:
    """Whether nothing is missing."""
    return all(finding.state != "missing" for finding in findings)

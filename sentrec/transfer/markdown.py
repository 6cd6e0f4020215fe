"""Markdown whose words are data: whatever they hold, they are shown as they are."""

import html
import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$#])")


def escaped(text: str) -> str:
    """Text on one line, without anything that Markdown or HTML would take for its own."""
    return _SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def markdown_table(headings: Sequence[str], right: Iterable[int], lines: Iterable[Sequence[str]]) -> str:
    """A table in GitHub's Markdown; its cells have to be Markdown already.

    Args:
        headings: One for each column.
        right: Places of the columns that are flush right, from 0.
        lines: The cells, line by line.
    """
    flush_right = set(right)
    rule = ["---:" if place in flush_right else "---" for place in range(len(headings))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (headings, rule, *lines))


def code_block(language: str, text: str) -> str:
    """A fenced block; the fence is longer than any within."""
    fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall(r"`+", text))])
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"

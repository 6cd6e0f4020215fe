"""How figures and names of a study are written: in sentences, tables, plots and Markdown."""

import html
import re
from collections.abc import Iterable, Sequence

from sentrec.transfer.results import Budget

_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$#])")


def points(share: float, digits: int) -> str:
    """A share in percentage points, with a sign unless it rounds to nothing."""
    rounded = round(100 * share, digits)
    return f"{rounded:+.{digits}f}" if rounded else f"{0:.{digits}f}"


def with_interval(difference: float | None, interval: tuple[float, float] | None, digits: int = 2) -> str:
    """A difference in percentage points with the ends of its interval; nothing where there is none."""
    if difference is None or interval is None:
        return ""
    low, high = interval
    return f"{points(difference, digits)} ({points(low, digits)} to {points(high, digits)})"


def p_text(p_value: float) -> str:
    """A p-value with two digits."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def seed_count(count: int) -> str:
    """A number of seeds."""
    return "1 seed" if count == 1 else f"{count} seeds"


def label_count(budget: Budget) -> str:
    """A label budget."""
    return "all labels" if budget == "all" else f"{budget:,} labels"


def arm_name(arm: str, source: str | None) -> str:
    """An arm, with its source where it is to be named."""
    return arm if source is None else f"{arm} from {source}"


def escaped(text: str) -> str:
    """Text on one line, without anything that Markdown or HTML would interpret."""
    return _SPECIAL.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))


def markdown_table(headings: Sequence[str], right: Iterable[int], lines: Iterable[Sequence[str]]) -> str:
    """A table in GitHub's Markdown; its cells have to be Markdown already.

    Args:
        headings: One for each column.
        right: Columns that are aligned right, from 0.
        lines: The cells, line by line.
    """
    aligned = set(right)
    rule = ["---:" if column in aligned else "---" for column in range(len(headings))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (headings, rule, *lines))


def code_block(language: str, text: str) -> str:
    """A fenced block; the fence is longer than any within."""
    fence = "`" * max([3, *(len(ticks) + 1 for ticks in re.findall(r"`+", text))])
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"

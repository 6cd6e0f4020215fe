"""A ranking for programs: JSON lines and CSV."""

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sentrec.data.writers import harmless

if TYPE_CHECKING:
    from sentrec.recommend.ranking import RankedItem

_COLUMNS = (
    *("rank", "movie", "title", "year", "genres", "reviews", "duplicates", "mean", "share_positive"),
    *("score", "expected", "low", "high", "mean_rating", "similarity", "positive_quote", "negative_quote"),
)


def to_json_lines(items: "Sequence[RankedItem]") -> str:
    """One JSON object an item and line."""
    return "".join(to_json(item.to_dict()) + "\n" for item in items)


def to_json(value: Any) -> str:
    """One line of JSON that can be written as UTF-8: half a surrogate pair has the rest escaped too."""
    line = json.dumps(value, ensure_ascii=False)
    return line if _is_utf8(line) else json.dumps(value)


def to_csv(items: "Sequence[RankedItem]", safe: bool = True) -> str:
    """A header, then one row an item; genres separated by ``|``, of the quotes only their text, on one line.

    Args:
        items: The list.
        safe: Whether to put an apostrophe before text that a spreadsheet would run as a formula (CWE-1236).
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for item in items:
        quotes = {f"{side}_quote": " ".join(quote.text.split()) for side, quote in item.quotes.items() if quote}
        row = item.to_dict() | {"genres": "|".join(item.genres)} | quotes
        writer.writerow({name: harmless(value) for name, value in row.items()} if safe else row)
    table = buffer.getvalue()
    return table if _is_utf8(table) else table.encode("utf-8", "backslashreplace").decode()


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

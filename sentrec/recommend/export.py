"""A ranking for programs: JSON lines and CSV."""

import csv
import io
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentrec.recommend.ranking import RankedFilm

_COLUMNS = (
    *("rank", "movie", "title", "year", "genres", "reviews", "duplicates", "mean", "share_positive"),
    *("expected", "low", "high", "score", "mean_rating", "similarity", "positive_quote", "negative_quote"),
)


def to_json_lines(films: "Sequence[RankedFilm]") -> str:
    """One JSON object a film and line."""
    return "".join(to_json(film.to_dict()) + "\n" for film in films)


def to_json(value: Any) -> str:
    """One line of JSON that can be written as UTF-8: half a surrogate pair has the rest escaped too."""
    line = json.dumps(value, ensure_ascii=False)
    return line if _is_utf8(line) else json.dumps(value)


def to_csv(films: "Sequence[RankedFilm]") -> str:
    """A header, then one row a film; genres separated by ``|``, of the quotes only their text, on one line."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for film in films:
        quotes = {f"{side}_quote": " ".join(quote.text.split()) for side, quote in film.quotes.items() if quote}
        writer.writerow(film.to_dict() | {"genres": "|".join(film.genres)} | quotes)
    table = buffer.getvalue()
    return table if _is_utf8(table) else table.encode("utf-8", "backslashreplace").decode()


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True

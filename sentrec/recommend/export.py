"""A ranking for programs: JSON lines and CSV."""

import csv
import io
import json
from collections.abc import Sequence

from sentrec.recommend.ranking import RankedFilm

_COLUMNS = (
    *("rank", "movie", "title", "year", "genres", "reviews", "duplicates", "mean", "share_positive"),
    *("expected", "low", "high", "score", "mean_rating", "similarity", "positive_quote", "negative_quote"),
)


def to_json_lines(films: Sequence[RankedFilm]) -> str:
    """One JSON object a film and line."""
    return "".join(json.dumps(film.to_dict(), ensure_ascii=False) + "\n" for film in films)


def to_csv(films: Sequence[RankedFilm]) -> str:
    """A header, then one row a film; genres separated by ``|``, of the quotes only their text."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for film in films:
        quotes = {f"{side}_quote": quote.text for side, quote in film.quotes.items() if quote}
        writer.writerow(film.to_dict() | {"genres": "|".join(film.genres)} | quotes)
    return buffer.getvalue()

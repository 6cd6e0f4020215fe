"""`sentrec.recommend`: reviews from files or from memory in, ranked items out."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sentrec.data.sources import Select, Source
from sentrec.data.text_rows import AnyRow, BadRow, Row
from sentrec.recommend.catalogue import Catalogue
from sentrec.recommend.ranking import RankOptions
from sentrec.recommend.recommend import Recommendation, recommend_sources
from sentrec.recommend.stream import ScoringOptions

Reviews = str | Path | Sequence[str | Path] | Iterable[Mapping[str, Any]]


def recommend(
    reviews: Reviews,
    model: str | Path = "starter",
    *,
    options: RankOptions | None = None,
    scoring: ScoringOptions | None = None,
    catalogue: Catalogue | None = None,
    positive: str | None = None,
    device: str | None = None,
) -> Recommendation:
    """Scores reviews with a model and ranks the items that they are about.

    Args:
        reviews: One file or several (CSV, JSON, Parquet, Excel), an iterable of rows (dictionaries), or a table of
            pandas or pyarrow. Columns are found by their usual names; ``scoring.names`` says otherwise.
        model: A run's directory, or ``starter``.
        options: What the list is to be: its length, order and filters.
        scoring: How reviews are read.
        catalogue: Titles, years and genres.
        positive: The class that means liked, if not ``positive``.
        device: Where to compute.

    Returns:
        The ranking, with quotes; ``.items`` is the list, the best first.

    Raises:
        DataError: If reviews cannot be read, or no item can be ranked.
    """
    from sentrec.inference.predictor import load
    from sentrec.recommend.scoring import ModelScorer

    scorer = ModelScorer(load(model, device), positive)
    scoring = scoring or ScoringOptions()
    if isinstance(reviews, str | Path):
        reviews = [reviews]
    if isinstance(reviews, Sequence) and all(isinstance(one, str | Path) for one in reviews):
        sources = [Source(str(one), scoring.encoding) for one in reviews]
        return recommend_sources(sources, scorer, options, scoring, catalogue)
    # Nobody can resume what lies in memory.
    with tempfile.TemporaryDirectory(prefix="sentrec-") as work:
        scoring = replace(scoring, work=Path(work) / "parts")
        return recommend_sources([RowsSource(reviews)], scorer, options, scoring, catalogue)


class RowsSource(Source):
    """Rows from memory, numbered from 1, in the place of a file.

    Args:
        rows: Dictionaries, or a table of pandas or pyarrow.
    """

    def __init__(self, rows: Any) -> None:
        self.path = self.name = "reviews"
        self.is_standard_input = True
        self.header = None
        self.format = None
        self.size = 0
        self._rows = rows

    def bytes_read(self) -> int:
        """Always 0: how much there is, is not known."""
        return 0

    def rows(self, select: Select | None = None) -> Iterator[AnyRow]:
        """Every row in order; what is no dictionary is a `BadRow`."""
        for number, fields in enumerate(_dictionaries(self._rows), start=1):
            if isinstance(fields, Mapping):
                yield Row(number, {str(name): value for name, value in fields.items()})
            else:
                yield BadRow(number, "not a dictionary of fields", repr(fields)[:1000])


def _dictionaries(rows: Any) -> Iterator[Any]:
    if hasattr(rows, "to_batches"):  # pyarrow
        for batch in rows.to_batches():
            yield from batch.to_pylist()
    elif hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # pandas
        yield from rows.astype(object).where(rows.notna(), None).to_dict("records")
    else:
        yield from rows

"""Reviews from files or from memory in, ranked items out: `sentrec.recommend`, and the steps of which it is made."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sentrec.data.sources import Select, Source, open_sources
from sentrec.data.text_rows import AnyRow, BadRow, Row
from sentrec.errors import DataError
from sentrec.recommend.background import Background
from sentrec.recommend.catalogue import Catalogue
from sentrec.recommend.chunks import Scorer, read_scores
from sentrec.recommend.items import SOFTEN, Items, ItemSums, temporary_database
from sentrec.recommend.quotes import ExtremeReviews, choose_quotes, telling_words
from sentrec.recommend.ranking import RankedItem, RankOptions, rank_items
from sentrec.recommend.stream import OnProgress, ScoredItems, ScoringOptions, chunk_cache, score_items

Files = Sequence[str | Path | Source]
Reviews = str | Path | Files | Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Recommendation:
    """A ranking and what it came from.

    Attributes:
        items: The list, the best first.
        scored: All items, and how many reviews did and did not count.
    """

    items: list[RankedItem]
    scored: ScoredItems

    def summary(self) -> dict[str, Any]:
        """The counts in plain JSON types."""
        return self.scored.summary()


def recommend(
    reviews: Reviews,
    model: str | Path | Scorer = "starter",
    *,
    options: RankOptions | None = None,
    scoring: ScoringOptions | None = None,
    catalogue: Catalogue | None = None,
    background: Background | None = None,
    positive: str | None = None,
    device: str | None = None,
    on_progress: OnProgress | None = None,
    explain: bool = False,
) -> Recommendation:
    """Scores reviews with a model as a stream, and ranks the items that they are about.

    Memory does not grow with the number of reviews, only with that of items; what must be remembered of each review
    lies on disk.

    Args:
        reviews: One file or several (CSV, JSON, Parquet, Excel; ``-`` is standard input), folders, patterns or
            addresses (s3://, gs://, hf://) of such, an iterable of rows (dictionaries), or a table of pandas or
            pyarrow. Columns are found by their usual names; ``scoring.names`` says otherwise.
        model: A run's directory, or ``starter``, or a scorer of your own.
        options: What the list is to be: its length, order and filters.
        scoring: How reviews are read.
        catalogue: Titles, years and genres.
        background: What is known of items beside their reviews: a prior, and real ratings of some.
        positive: The class that means liked, if not ``positive``.
        device: Where to compute.
        on_progress: Called after each chunk.
        explain: Whether to tell which words made the scores.

    Returns:
        The ranking, with quotes; ``.items`` is the list, the best first.

    Raises:
        DataError: If reviews cannot be read, or no item can be ranked.
        Interrupted: On Ctrl-C; the same call with ``scoring.resume`` goes on.
    """
    if isinstance(model, str | Path):
        from sentrec.inference.predictor import load
        from sentrec.recommend.scoring import ModelScorer

        model = ModelScorer(load(model, device), positive)
    scoring = scoring or ScoringOptions()
    if isinstance(reviews, str | Path):
        reviews = [reviews]
    with ExitStack() as stack:
        if not (isinstance(reviews, Sequence) and all(isinstance(one, str | Path | Source) for one in reviews)):
            reviews = [RowsSource(reviews)]
            # Nobody can resume what lies in memory.
            work = stack.enter_context(tempfile.TemporaryDirectory(prefix="sentrec-"))
            scoring = replace(scoring, work=Path(work) / "chunks")
        return stack.enter_context(
            recommendation(reviews, model, options, scoring, catalogue, on_progress, background, explain)
        )


@contextmanager
def recommendation(
    files: Files,
    scorer: Scorer,
    options: RankOptions | None = None,
    scoring: ScoringOptions | None = None,
    catalogue: Catalogue | None = None,
    on_progress: OnProgress | None = None,
    background: Background | None = None,
    explain: bool = False,
) -> Iterator[Recommendation]:
    """Gives what `recommend` does; the scores are kept for ``resume`` until the block ends well.

    So whatever goes wrong while the ranking is written does not cost them.
    """
    scoring = scoring or ScoringOptions()
    sources = _opened(files, scoring)
    with chunk_cache(sources, scorer, scoring) as cache:
        with temporary_database() as database:
            extremes = ExtremeReviews(database)
            scored = score_items(sources, scorer, scoring, cache, extremes, on_progress)
            items = rank_items(scored.items, options or RankOptions(), catalogue, background)
            movies = [item.movie for item in items]
            quotes = choose_quotes(movies, extremes, scorer)
            words = telling_words(movies, extremes, scorer) if explain else {}
        told = [replace(item, quotes=quotes[item.movie], words=words.get(item.movie, {})) for item in items]
        yield Recommendation(told, scored)


@contextmanager
def item_sums(
    files: Files, scorer: Scorer, scoring: ScoringOptions | None = None, on_progress: OnProgress | None = None
) -> Iterator[ScoredItems]:
    """Gives every item with its sums, without ranking any; the scores are kept until the block ends well."""
    scoring = scoring or ScoringOptions()
    sources = _opened(files, scoring)
    with chunk_cache(sources, scorer, scoring) as cache:
        yield score_items(sources, scorer, scoring, cache, on_progress=on_progress)


def _opened(files: Files, scoring: ScoringOptions) -> list[Source]:
    if not files:
        raise DataError("there are no reviews to read.", "Name a file at least, or give rows.")
    opened = ([file] if isinstance(file, Source) else open_sources([str(file)], scoring.encoding) for file in files)
    return [source for sources in opened for source in sources]


def rank_scores(
    path: Path,
    options: RankOptions | None = None,
    catalogue: Catalogue | None = None,
    soften: float = SOFTEN,
    background: Background | None = None,
) -> Recommendation:
    """Ranks the items of a scores file (see `ScoringOptions`) again, without a model; there are no quotes then."""
    scored = scored_sums(path, soften)
    return Recommendation(rank_items(scored.items, options or RankOptions(), catalogue, background), scored)


def scored_sums(path: Path, soften: float = SOFTEN) -> ScoredItems:
    """Every item of a scores file with its sums; a `DataError` if the file is no scores file, or empty."""
    with temporary_database() as database:
        sums = ItemSums(database, soften)
        for batch in read_scores(path):
            sums.add(batch)
        items = sums.result()
    if not len(items):
        raise DataError(f"{path} holds no reviews.")
    return ScoredItems(items, int(items.reviews.sum() + items.duplicates.sum()))


def baseline_items(
    files: Files,
    run: str | Path,
    name: str,
    scoring: ScoringOptions,
    positive: str | None = None,
    on_progress: OnProgress | None = None,
) -> Items:
    """Scores files (no standard input, which can be read once) with a linear n-gram model; writes nothing.

    It is ``nb-lr`` or ``tfidf-lr``, trained on the very rows that a run was trained on.
    """
    from sentrec.evaluation.rows import RunData
    from sentrec.ngrams.baselines import make_baseline
    from sentrec.recommend.scoring import BaselineScorer
    from sentrec.runs.directory import open_run

    train = RunData(open_run(run)).part("train")
    model = make_baseline(name).fit(train.texts, train.labels, len(train.label_names))
    scorer = BaselineScorer(model, train.label_names, positive)
    return score_items(_opened(files, scoring), scorer, scoring, None, on_progress=on_progress).items


class RowsSource(Source):
    """Rows from memory, numbered from 1, in the place of a file: dictionaries, or a table of pandas or pyarrow."""

    def __init__(self, rows: Any) -> None:
        self.path = self.name = "reviews"
        self.is_standard_input = True
        self.header = self.format = self._file = None
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

"""Reviews in, ranked items out: the one way through this room."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sentrec.data.sources import Source
from sentrec.errors import DataError
from sentrec.recommend.catalogue import Catalogue
from sentrec.recommend.items import SOFTEN, Items, ItemSums, SeenTexts
from sentrec.recommend.parts import read_scores
from sentrec.recommend.quotes import ExtremeReviews, choose_quotes
from sentrec.recommend.ranking import RankedItem, RankOptions, rank_items
from sentrec.recommend.scores import Scorer
from sentrec.recommend.stream import OnProgress, ScoredItems, ScoringOptions, part_store, score_items


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
    files: Sequence[str | Path],
    scorer: Scorer,
    options: RankOptions | None = None,
    scoring: ScoringOptions | None = None,
    catalogue: Catalogue | None = None,
    on_progress: OnProgress | None = None,
) -> Recommendation:
    """Scores reviews as a stream and ranks their items.

    Memory does not grow with the number of reviews, only with that of items; what must be remembered of each review
    lies on disk.

    Args:
        files: JSON lines, CSV or Parquet, plain or compressed; ``-`` is standard input.
        scorer: What scores a review.
        options: What the list is to be.
        scoring: How reviews are read.
        catalogue: Titles, years and genres.
        on_progress: Is told after each chunk.

    Returns:
        The ranking, with quotes.

    Raises:
        DataError: If a file cannot be read, or no item can be ranked.
        Interrupted: On Ctrl-C; the same call with ``resume`` goes on.
    """
    with recommendation(files, scorer, options, scoring, catalogue, on_progress) as result:
        return result


def recommend_sources(
    sources: Sequence[Source],
    scorer: Scorer,
    options: RankOptions | None = None,
    scoring: ScoringOptions | None = None,
    catalogue: Catalogue | None = None,
    on_progress: OnProgress | None = None,
) -> Recommendation:
    """Does what `recommend` does for sources that are open, or in memory."""
    with recommendation(sources, scorer, options, scoring, catalogue, on_progress) as result:
        return result


@contextmanager
def recommendation(
    files: Sequence[str | Path | Source],
    scorer: Scorer,
    options: RankOptions | None = None,
    scoring: ScoringOptions | None = None,
    catalogue: Catalogue | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Recommendation]:
    """Gives what `recommend` does; the scores are kept for ``resume`` until the block ends well.

    So whatever goes wrong while the ranking is written does not cost them.
    """
    scoring = scoring or ScoringOptions()
    sources = [file if isinstance(file, Source) else Source(str(file), scoring.encoding) for file in files]
    with part_store(sources, scorer, scoring) as store:
        with ExtremeReviews() as extremes:
            scored = score_items(sources, scorer, scoring, store, extremes, on_progress)
            items = rank_items(scored.items, options or RankOptions(), catalogue)
            quotes = choose_quotes([item.movie for item in items], extremes, scorer)
        yield Recommendation([replace(item, quotes=quotes[item.movie]) for item in items], scored)


@contextmanager
def item_sums(
    files: Sequence[str | Path],
    scorer: Scorer,
    scoring: ScoringOptions | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[ScoredItems]:
    """Gives every item with its sums, without ranking any; the scores are kept until the block ends well.

    Args:
        files: As of `recommend`.
        scorer: What scores a review.
        scoring: How reviews are read.
        on_progress: Is told after each chunk.
    """
    scoring = scoring or ScoringOptions()
    sources = [Source(str(file), scoring.encoding) for file in files]
    with part_store(sources, scorer, scoring) as store:
        yield score_items(sources, scorer, scoring, store, on_progress=on_progress)


def rank_scores(
    path: Path, options: RankOptions | None = None, catalogue: Catalogue | None = None, soften: float = SOFTEN
) -> Recommendation:
    """Ranks the items of a scores file again, without a model; there are no quotes then.

    Args:
        path: What `ScoringOptions.scores` named.
        options: What the list is to be.
        catalogue: Titles, years and genres.
        soften: As of `ScoringOptions`.

    Raises:
        DataError: If the file is no scores file, or no item can be ranked.
    """
    scored = scored_sums(path, soften)
    return Recommendation(rank_items(scored.items, options or RankOptions(), catalogue), scored)


def scored_sums(path: Path, soften: float = SOFTEN) -> ScoredItems:
    """Every item of a scores file with its sums.

    Raises:
        DataError: If the file is no scores file, or empty.
    """
    with SeenTexts() as seen:
        sums = ItemSums(seen, soften)
        for batch in read_scores(path):
            sums.add(batch)
        items = sums.result()
    if not len(items):
        raise DataError(f"{path} holds no reviews.")
    return ScoredItems(items, int(items.reviews.sum() + items.duplicates.sum()))


def baseline_items(
    files: Sequence[str | Path],
    run: str | Path,
    name: str,
    scoring: ScoringOptions,
    positive: str | None = None,
    on_progress: OnProgress | None = None,
) -> Items:
    """Scores reviews with a linear n-gram model trained on the very rows that a run was trained on.

    Args:
        files: As of `recommend`, but not standard input: they have been read once already.
        run: The run's directory.
        name: ``nb-lr`` or ``tfidf-lr``.
        scoring: How reviews are read; nothing is written.
        positive: The class that means liked.
        on_progress: Is told after each chunk.

    Raises:
        DataError: If the run's training rows are not there any more.
    """
    from sentrec.evaluation.rows import RunData
    from sentrec.ngrams.baselines import make_baseline
    from sentrec.recommend.scoring import BaselineScorer
    from sentrec.runs.directory import open_run

    train = RunData(open_run(run)).part("train")
    model = make_baseline(name).fit(train.texts, train.labels, len(train.label_names))
    scorer = BaselineScorer(model, train.label_names, positive)
    sources = [Source(str(file), scoring.encoding) for file in files]
    return score_items(sources, scorer, scoring, None, on_progress=on_progress).items

"""Reviews in, ranked films out: the one way through this room."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sentrec.errors import DataError
from sentrec.recommend.catalogue import Catalogue
from sentrec.recommend.films import Films, FilmSums, SeenTexts
from sentrec.recommend.parts import read_scores
from sentrec.recommend.quotes import ExtremeReviews, choose_quotes
from sentrec.recommend.ranking import RankedFilm, RankOptions, rank_films
from sentrec.recommend.scoring import BaselineScorer, Scorer
from sentrec.recommend.sources import Source
from sentrec.recommend.stream import OnProgress, ScoringOptions, part_store, score_films


@dataclass(frozen=True)
class Recommendation:
    """A ranking and what it came from.

    Attributes:
        films: The list, the best first.
        all_films: Every film with its sums.
        reviews: Reviews read, duplicates included.
        duplicates: Exact repetitions that did not count.
        rejected: Rows left out.
        rejects_file: Where they were written, if there were any.
    """

    films: list[RankedFilm]
    all_films: Films
    reviews: int
    duplicates: int
    rejected: int = 0
    rejects_file: Path | None = None

    def summary(self) -> dict[str, Any]:
        """The counts in plain JSON types."""
        return {
            "films": len(self.all_films),
            "reviews": self.reviews,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "rejects_file": str(self.rejects_file) if self.rejects_file else None,
        }


def recommend(
    files: Sequence[str | Path],
    scorer: Scorer,
    options: RankOptions | None = None,
    scoring: ScoringOptions | None = None,
    catalogue: Catalogue | None = None,
    on_progress: OnProgress | None = None,
) -> Recommendation:
    """Scores reviews as a stream and ranks their films.

    Memory does not grow with the number of reviews, only with that of films; what must be remembered of each review
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
        DataError: If a file cannot be read, or no film can be ranked.
        Interrupted: On Ctrl-C; the same call with ``resume`` goes on.
    """
    scoring = scoring or ScoringOptions()
    sources = [Source(str(file)) for file in files]
    with part_store(sources, scorer, scoring) as store, ExtremeReviews() as extremes:
        scored = score_films(sources, scorer, scoring, store, extremes, on_progress)
        films = rank_films(scored.films, options or RankOptions(), catalogue)
        quotes = choose_quotes([film.movie for film in films], extremes, scorer)
    quoted = [replace(film, quotes=quotes[film.movie]) for film in films]
    duplicates = int(scored.films.duplicates.sum())
    return Recommendation(quoted, scored.films, scored.reviews, duplicates, scored.rejected, scored.rejects_file)


def rank_scores(path: Path, options: RankOptions | None = None, catalogue: Catalogue | None = None) -> Recommendation:
    """Ranks the films of a scores file again, without a model; there are no quotes then.

    Args:
        path: What `ScoringOptions.scores` named.
        options: What the list is to be.
        catalogue: Titles, years and genres.

    Raises:
        DataError: If the file is no scores file, or no film can be ranked.
    """
    with SeenTexts() as seen:
        sums = FilmSums(seen)
        for batch in read_scores(path):
            sums.add(batch)
        films = sums.result()
    if not len(films):
        raise DataError(f"{path} holds no reviews.")
    duplicates = int(films.duplicates.sum())
    ranked = rank_films(films, options or RankOptions(), catalogue)
    return Recommendation(ranked, films, int(films.reviews.sum()) + duplicates, duplicates)


def baseline_films(
    files: Sequence[str | Path],
    run: str | Path,
    name: str,
    scoring: ScoringOptions,
    positive: str | None = None,
    on_progress: OnProgress | None = None,
) -> Films:
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
    from sentrec.evaluation.baselines import make_baseline
    from sentrec.evaluation.rows import RunData
    from sentrec.runs import open_run

    train = RunData(open_run(run)).training_rows()
    model = make_baseline(name).fit(train.texts, train.labels, len(train.label_names))
    scorer = BaselineScorer(model, train.label_names, positive)
    sources = [Source(str(file)) for file in files]
    return score_films(sources, scorer, replace(scoring, scores=None), None, on_progress=on_progress).films

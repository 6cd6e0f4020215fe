"""Reviews in, ranked films out: the one way through this room."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sentrec.data.sources import Source
from sentrec.errors import DataError
from sentrec.recommend.catalogue import Catalogue
from sentrec.recommend.films import Films, FilmSums, SeenTexts
from sentrec.recommend.parts import read_scores
from sentrec.recommend.quotes import ExtremeReviews, choose_quotes
from sentrec.recommend.ranking import RankedFilm, RankOptions, rank_films
from sentrec.recommend.scores import Scorer
from sentrec.recommend.stream import OnProgress, ScoredFilms, ScoringOptions, part_store, score_films


@dataclass(frozen=True)
class Recommendation:
    """A ranking and what it came from.

    Attributes:
        films: The list, the best first.
        scored: All films, and how many reviews did and did not count.
    """

    films: list[RankedFilm]
    scored: ScoredFilms

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
    with recommendation(files, scorer, options, scoring, catalogue, on_progress) as result:
        return result


@contextmanager
def recommendation(
    files: Sequence[str | Path],
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
    sources = [Source(str(file)) for file in files]
    with part_store(sources, scorer, scoring) as store:
        with ExtremeReviews() as extremes:
            scored = score_films(sources, scorer, scoring, store, extremes, on_progress)
            films = rank_films(scored.films, options or RankOptions(), catalogue)
            quotes = choose_quotes([film.movie for film in films], extremes, scorer)
        yield Recommendation([replace(film, quotes=quotes[film.movie]) for film in films], scored)


@contextmanager
def film_sums(
    files: Sequence[str | Path],
    scorer: Scorer,
    scoring: ScoringOptions | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[ScoredFilms]:
    """Gives every film with its sums, without ranking any; the scores are kept until the block ends well.

    Args:
        files: As of `recommend`.
        scorer: What scores a review.
        scoring: How reviews are read.
        on_progress: Is told after each chunk.
    """
    scoring = scoring or ScoringOptions()
    sources = [Source(str(file)) for file in files]
    with part_store(sources, scorer, scoring) as store:
        yield score_films(sources, scorer, scoring, store, on_progress=on_progress)


def rank_scores(
    path: Path, options: RankOptions | None = None, catalogue: Catalogue | None = None, soften: float = 1.0
) -> Recommendation:
    """Ranks the films of a scores file again, without a model; there are no quotes then.

    Args:
        path: What `ScoringOptions.scores` named.
        options: What the list is to be.
        catalogue: Titles, years and genres.
        soften: As of `ScoringOptions`.

    Raises:
        DataError: If the file is no scores file, or no film can be ranked.
    """
    scored = scored_sums(path, soften)
    return Recommendation(rank_films(scored.films, options or RankOptions(), catalogue), scored)


def scored_sums(path: Path, soften: float = 1.0) -> ScoredFilms:
    """Every film of a scores file with its sums.

    Raises:
        DataError: If the file is no scores file, or empty.
    """
    with SeenTexts() as seen:
        sums = FilmSums(seen, soften)
        for batch in read_scores(path):
            sums.add(batch)
        films = sums.result()
    if not len(films):
        raise DataError(f"{path} holds no reviews.")
    return ScoredFilms(films, int(films.reviews.sum() + films.duplicates.sum()))


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
    from sentrec.evaluation.rows import RunData
    from sentrec.ngrams.baselines import make_baseline
    from sentrec.recommend.scoring import BaselineScorer
    from sentrec.runs.directory import open_run

    train = RunData(open_run(run)).training_rows()
    model = make_baseline(name).fit(train.texts, train.labels, len(train.label_names))
    scorer = BaselineScorer(model, train.label_names, positive)
    sources = [Source(str(file)) for file in files]
    return score_films(sources, scorer, scoring, None, on_progress=on_progress).films

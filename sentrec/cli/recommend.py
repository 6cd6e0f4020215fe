"""`sentrec recommend`: reviews in, ranked items out."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sentrec.cli import recommend_options as options
from sentrec.cli.display.console import print_json, show_log
from sentrec.cli.display.progress import scoring_progress
from sentrec.cli.display.tables import show_items, show_measures, show_summary
from sentrec.cli.options import chosen_model
from sentrec.cli.recommend_ratings import ONLY_WITH_RATINGS, recommend_from_ratings, refuse_options

if TYPE_CHECKING:
    from sentrec.recommend.api import Recommendation
    from sentrec.recommend.ranking import RankOptions
    from sentrec.recommend.stream import ScoredItems, ScoringOptions

_log = logging.getLogger(__name__)

_RANKING = ("top", "sort", "movies", "genre", "year", "like", "exclude", "diverse")
_OUTPUT = ("as_csv", "out_file", "html", "title", "csv_safe")
_SCORING = ("model", "resume", "positive", "precision", "device", "rejects")
_FIELDS = ("movie_field", "text_field", "id_field", "rating_field", "date_field", "user_field", "encoding")


def recommend(
    context: typer.Context,
    files: options.Files = None,
    model: options.Model = None,
    scores: options.ScoresFile = None,
    resume: options.Resume = False,
    positive: options.Positive = None,
    precision: options.Precision = options.PrecisionName.FLOAT32,
    device: options.Device = None,
    rejects: options.RejectsFile = None,
    top: options.Top = 20,
    min_reviews: options.MinReviews = 3,
    sort: options.Sort = options.SortBy.SCORE,
    movies: options.Movies = None,
    genre: options.Genre = None,
    year: options.Year = None,
    like: options.Like = None,
    exclude: options.Exclude = None,
    diverse: options.Diverse = False,
    soften: options.Soften = 1.5,
    ratings: options.Ratings = None,
    user: options.User = None,
    liked: options.Liked = None,
    recommender: options.Recommender = None,
    save: options.Save = None,
    split: options.Split = options.SplitName.USER,
    movie_field: options.MovieField = None,
    text_field: options.TextField = None,
    id_field: options.IdField = None,
    rating_field: options.RatingField = None,
    date_field: options.DateField = None,
    user_field: options.UserField = None,
    encoding: options.Encoding = None,
    as_json: options.AsJson = False,
    as_csv: options.AsCsv = False,
    out_file: options.OutFile = None,
    html: options.Html = None,
    title: options.Title = "What people like",
    csv_safe: options.CsvSafe = True,
    evaluate: options.Evaluate = False,
    baseline: options.Baseline = None,
    quiet: options.Quiet = False,
) -> None:
    """Rank items by what their reviews say, with how sure that is and why; or for one user, by --ratings of many."""
    if ratings is not None:
        return recommend_from_ratings(context)
    files = files or []
    _check_usage(files, scores, as_json and as_csv, baseline is not None, evaluate)
    _check_applicable(context, evaluate, only_scores=not files, has_catalogue=movies is not None)
    pages = _pages(out_file, html)
    outputs = {"--out": out_file, "--html": html, "--scores": scores if files else None, "--rejects": rejects}
    _check_outputs(files, outputs, (movies, exclude, None if files else scores))
    if quiet:
        show_log(logging.WARNING)
    wanted = _rank_options(top, min_reviews, sort, genre, year, like, exclude, diverse)
    fields = (movie_field, text_field, id_field, rating_field, date_field, user_field)
    scoring = _scoring_options(fields, resume=resume, scores=scores, rejects=rejects, soften=soften, encoding=encoding)
    job = _Job(files, chosen_model(model, quiet) if files else "", scoring, positive, precision.value, device, quiet)
    _carry_out(job, wanted, pages, context.params)


def _carry_out(job: "_Job", wanted: "RankOptions", pages: list[tuple[Path, str]], given: Mapping[str, Any]) -> None:
    """Scores, and prints and writes the list or its measures."""
    with ExitStack() as stack:  # all is written within it: a full disk does not cost the scores
        if given["evaluate"]:
            baseline = given["baseline"] and given["baseline"].value
            scored = _measure(job, stack, given["min_reviews"], baseline, given["as_json"])
        else:
            result = job.ranked(stack, wanted, given["movies"])
            scored = result.scored
            is_written, csv_safe = given["out_file"] is not None, given["csv_safe"]
            _print(result, given["as_json"], given["as_csv"], is_written=is_written, csv_safe=csv_safe)
            _write(pages, result, given["title"], csv_safe)
    if not job.quiet:
        show_summary(scored)


@dataclass(frozen=True)
class _Job:
    """What to score with what; progress ends with the scoring, the scores are kept until the stack is closed."""

    files: list[str]
    model: str
    scoring: "ScoringOptions"
    positive: str | None
    precision: Any
    device: str | None
    quiet: bool

    def scorer(self) -> Any:
        from sentrec.inference.predictor import load
        from sentrec.recommend.scoring import ModelScorer

        return ModelScorer(load(self.model, self.device), self.positive, self.precision)

    def ranked(self, stack: ExitStack, wanted: "RankOptions", movies: Path | None) -> "Recommendation":
        from sentrec.recommend.api import rank_scores, recommendation
        from sentrec.recommend.catalogue import read_catalogue

        catalogue = read_catalogue(movies) if movies else None
        if not self.files and self.scoring.scores:
            return rank_scores(self.scoring.scores, wanted, catalogue, self.scoring.soften)
        with scoring_progress(self.quiet) as shown:
            job = recommendation(self.files, self.scorer(), wanted, self.scoring, catalogue, shown)
            return stack.enter_context(job)

    def summed(self, stack: ExitStack) -> "ScoredItems":
        from sentrec.recommend.api import item_sums, scored_sums

        if not self.files and self.scoring.scores:
            return scored_sums(self.scoring.scores, self.scoring.soften)
        with scoring_progress(self.quiet) as shown:
            return stack.enter_context(item_sums(self.files, self.scorer(), self.scoring, shown))


def _check_usage(files: list[str], scores: Path | None, two_formats: bool, baseline: bool, evaluate: bool) -> None:
    wrong = {
        "--json and --csv: choose one.": two_formats,
        "name at least one file of reviews (- is standard input), or --scores FILE.": not files and scores is None,
        "standard input can be read once.": files.count("-") > 1,
        "--baseline needs --evaluate and files of reviews.": baseline and not (evaluate and files and "-" not in files),
    }
    for message, is_so in wrong.items():
        if is_so:
            raise typer.BadParameter(message)


def _check_applicable(context: typer.Context, evaluate: bool, only_scores: bool, has_catalogue: bool) -> None:
    """Refuses options that would do nothing, so that nobody believes that they did."""
    needless = {
        "with --evaluate, which makes no list": (*_RANKING, *_OUTPUT) if evaluate else (),
        "without files of reviews, since nothing is scored": (*_SCORING, *_FIELDS) if only_scores else (),
        "without --movies": () if has_catalogue else ("genre", "year"),
        "without --ratings": ONLY_WITH_RATINGS,
    }
    for reason, names in needless.items():
        refuse_options(context, names, reason)


def _check_outputs(files: list[str], outputs: dict[str, Path | None], inputs: tuple[Path | None, ...]) -> None:
    from sentrec.data.sources import Source
    from sentrec.recommend.outputs import check_outputs

    check_outputs([Source(file) for file in files], outputs, inputs)


def _pages(out_file: Path | None, html: Path | None) -> list[tuple[Path, str]]:
    """Files to write and their formats; refused before anything is scored."""
    pages = [] if html is None else [(html, ".html")]
    if out_file is not None:
        suffix = out_file.suffix.lower()
        if suffix not in (".jsonl", ".csv", ".html"):
            raise typer.BadParameter(f"--out {out_file}: its name must end in .jsonl, .csv or .html.")
        pages.append((out_file, suffix))
    return pages


def _rank_options(
    top: int, min_reviews: int, sort: Any, genres: Any, year: Any, like: Any, exclude: Path | None, diverse: bool
) -> "RankOptions":
    from sentrec.recommend.catalogue import parse_years, read_seen
    from sentrec.recommend.ranking import RankOptions

    if sort is options.SortBy.EXPECTED:
        _log.warning("--sort expected is now --sort score, the default; the old name will go with the next release.")
        sort = options.SortBy.SCORE
    years = parse_years(year) if year else None
    seen = read_seen(exclude) if exclude else frozenset()
    return RankOptions(top, min_reviews, sort.value, tuple(genres or ()), years, like, seen, diverse)


def _scoring_options(fields: tuple[str | None, ...], **options: Any) -> "ScoringOptions":
    from sentrec.data.columns import FieldNames
    from sentrec.recommend.stream import ScoringOptions

    return ScoringOptions(FieldNames(*fields), **options)


def _write(pages: list[tuple[Path, str]], result: "Recommendation", title: str, csv_safe: bool) -> None:
    from sentrec.files.storage import write_text
    from sentrec.recommend.export import to_csv, to_json_lines, to_page

    for path, suffix in pages:
        if suffix == ".html":
            write_text(path, to_page(result.items, result.summary(), title))
        else:
            write_text(path, to_csv(result.items, csv_safe) if suffix == ".csv" else to_json_lines(result.items))


def _print(result: "Recommendation", as_json: bool, as_csv: bool, is_written: bool, csv_safe: bool) -> None:
    if as_json or as_csv:
        from sentrec.recommend.export import to_csv, to_json_lines

        typer.echo(to_json_lines(result.items) if as_json else to_csv(result.items, csv_safe), nl=False)
    elif not is_written:
        show_items(result.items)


def _measure(job: _Job, stack: ExitStack, min_reviews: int, baseline: str | None, as_json: bool) -> "ScoredItems":
    from sentrec.recommend.agreement import measure_ranking
    from sentrec.recommend.api import baseline_items

    scored, others = job.summed(stack), {}
    if baseline:
        with scoring_progress(job.quiet) as shown:
            others[baseline] = baseline_items(job.files, job.model, baseline, job.scoring, job.positive, shown)
    measures = measure_ranking(scored.items, min_reviews, others)
    if as_json:
        print_json(measures.to_dict())
    else:
        show_measures(measures)
    return scored

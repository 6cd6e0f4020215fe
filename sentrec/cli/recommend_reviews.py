"""`sentrec recommend FILE`: scores reviews, and prints and writes the ranking or its measures."""

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sentrec.cli.display.console import print_json
from sentrec.cli.display.progress import scoring_progress
from sentrec.cli.display.tables import show_few_reviews, show_items, show_measures, show_summary, show_target
from sentrec.cli.options import chosen_engine, chosen_model
from sentrec.cli.recommend_ratings import ONLY_WITH_RATINGS, refuse_options

if TYPE_CHECKING:
    from sentrec.recommend.api import Recommendation
    from sentrec.recommend.background import Background
    from sentrec.recommend.catalogue import Catalogue
    from sentrec.recommend.ranking import RankOptions
    from sentrec.recommend.stream import ScoredItems, ScoringOptions

_log = logging.getLogger(__name__)

_RANKING = ("top", "sort", "genre", "year", "like", "exclude", "diverse", "explain")
_OUTPUT = ("as_csv", "out_file", "html", "title", "csv_safe")
_SCORING = ("explain", "model", "resume", "positive", "precision", "device", "rejects")
_ENGINE = ("engine", "workers", "address")
_FIELDS = ("movie_field", "text_field", "id_field", "rating_field", "date_field", "user_field", "encoding")


def recommend_from_reviews(context: typer.Context) -> None:
    """Ranks, or measures a ranking, as the command line asks."""
    given = context.params
    _check_usage(given)
    _check_applicable(context)
    pages = _pages(given["out_file"], given["html"])
    _check_outputs(given)
    wanted = _rank_options(given)
    _carry_out(_job(given), wanted, pages, given)


def _job(given: Mapping[str, Any]) -> "_Job":
    from sentrec.data.columns import FieldNames
    from sentrec.recommend.stream import ScoringOptions

    files = given["files"] or []
    names = FieldNames(*(given[f"{role}_field"] for role in ("movie", "text", "id", "rating", "date", "user")))
    kept = {name: given[name] for name in ("resume", "scores", "rejects", "soften", "encoding")}
    known = _Known(_catalogue(given["movies"]), _background(given["prior"], given["target"], given["movies"]))
    run = chosen_model(given["model"], given["quiet"]) if files else ""
    how = (given["positive"], given["precision"], given["device"], given["quiet"])
    engine = chosen_engine(*(given[name] for name in _ENGINE))
    return _Job(files, run, ScoringOptions(names, **kept, engine=engine), *how, known, given["explain"])


def _carry_out(job: "_Job", wanted: "RankOptions", pages: list[tuple[Path, str]], given: Mapping[str, Any]) -> None:
    """Scores, and prints and writes the list or its measures."""
    with ExitStack() as stack:  # all is written within it: a full disk does not cost the scores
        if given["evaluate"]:
            baseline = given["baseline"]
            scored = _measure(job, stack, given["min_reviews"], baseline, given["as_json"])
        else:
            result = job.ranked(stack, wanted)
            scored = result.scored
            is_written, csv_safe = given["out_file"] is not None, given["csv_safe"]
            _write(pages, result, given["title"], csv_safe)  # first: whoever reads the list may end early
            _print(result, given["as_json"], given["as_csv"], is_written=is_written, csv_safe=csv_safe)
    if not job.quiet:
        show_summary(scored)


@dataclass(frozen=True)
class _Known:
    """What is known of items beside their reviews."""

    catalogue: "Catalogue"
    background: "Background | None"


def _catalogue(movies: Path | None) -> "Catalogue":
    from sentrec.recommend.ratings.films import read_films

    return {} if movies is None else read_films(movies)


def _background(prior: str | None, target: Path | None, movies: Path | None) -> "Background | None":
    if prior is None and target is None:
        return None
    from sentrec.recommend.expectations import read_background

    return read_background(prior, target, movies)


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
    known: _Known
    explain: bool

    def scorer(self) -> Any:
        from sentrec.inference.predictor import load
        from sentrec.recommend.scoring import ModelScorer

        return ModelScorer(load(self.model, self.device), self.positive, self.precision)

    def ranked(self, stack: ExitStack, wanted: "RankOptions") -> "Recommendation":
        from sentrec.recommend.api import rank_scores, recommendation

        catalogue, background = self.known.catalogue, self.known.background
        if not self.files and self.scoring.scores:
            return rank_scores(self.scoring.scores, wanted, catalogue, self.scoring.soften, background)
        with scoring_progress(self.quiet) as shown:
            given = (self.scorer(), wanted, self.scoring, catalogue, shown, background, self.explain)
            job = recommendation(self.files, *given)
            return stack.enter_context(job)

    def summed(self, stack: ExitStack) -> "ScoredItems":
        from sentrec.recommend.api import item_sums, scored_sums

        if not self.files and self.scoring.scores:
            return scored_sums(self.scoring.scores, self.scoring.soften)
        with scoring_progress(self.quiet) as shown:
            return stack.enter_context(item_sums(self.files, self.scorer(), self.scoring, shown))


def _check_usage(given: Mapping[str, Any]) -> None:
    files, evaluate, prior = given["files"] or [], given["evaluate"], given["prior"]
    no_scores = given["scores"] is None
    wrong = {
        "--json and --csv: choose one.": given["as_json"] and given["as_csv"],
        "name at least one file of reviews (- is standard input), or --scores FILE.": not files and no_scores,
        "standard input can be read once.": files.count("-") > 1,
        "--baseline needs --evaluate and files of reviews.": given["baseline"] is not None
        and not (evaluate and files and "-" not in files),
        "--min-reviews 0 needs --prior: nothing else tells of items without reviews.": given["min_reviews"] == 0
        and prior is None,
        "--evaluate --prior needs --scores FILE: it takes reviews away.": evaluate and prior is not None and no_scores,
    }
    for message, is_so in wrong.items():
        if is_so:
            raise typer.BadParameter(message)


def _check_applicable(context: typer.Context) -> None:
    """Refuses options that would do nothing, so that nobody believes that they did."""
    given = context.params
    evaluate, has_prior = given["evaluate"], given["prior"] is not None
    needless = {
        "with --evaluate, which makes no list": (*_RANKING, *_OUTPUT) if evaluate else (),
        "with --evaluate but without --prior or --target": ("movies",)
        if evaluate and not has_prior and given["target"] is None
        else (),
        "without files of reviews, since nothing is scored": () if given["files"] else (*_SCORING, *_ENGINE, *_FIELDS),
        "without --movies": () if given["movies"] is not None or has_prior else ("genre", "year"),
        "without --ratings": ONLY_WITH_RATINGS,
    }
    for reason, names in needless.items():
        refuse_options(context, names, reason)


def _check_outputs(given: Mapping[str, Any]) -> None:
    from sentrec.data.sources import open_sources
    from sentrec.recommend.outputs import check_outputs

    files = given["files"] or []
    names = {"--out": "out_file", "--html": "html", "--scores": "scores" if files else None, "--rejects": "rejects"}
    read = [given[name] for name in ("movies", "exclude", "target")] + [None if files else given["scores"]]
    read += [Path(given["prior"])] if given["prior"] else []
    check_outputs(open_sources(files), {one: given[name] if name else None for one, name in names.items()}, read)


def _pages(out_file: Path | None, html: Path | None) -> list[tuple[Path, str]]:
    """Files to write and their formats; refused before anything is scored."""
    pages = [] if html is None else [(html, ".html")]
    if out_file is not None:
        suffix = out_file.suffix.lower()
        if suffix not in (".jsonl", ".csv", ".html"):
            raise typer.BadParameter(f"--out {out_file}: its name must end in .jsonl, .csv or .html.")
        pages.append((out_file, suffix))
    return pages


def _rank_options(given: Mapping[str, Any]) -> "RankOptions":
    from sentrec.recommend.catalogue import parse_years, read_seen
    from sentrec.recommend.ranking import RankOptions

    sort = given["sort"]
    if sort == "expected":
        _log.warning("--sort expected is now --sort score, the default; the old name will go with the next release.")
        sort = "score"
    years = parse_years(given["year"]) if given["year"] else None
    seen = read_seen(given["exclude"]) if given["exclude"] else frozenset()
    genres = tuple(given["genre"] or ())
    shown = (given["top"], given["min_reviews"], sort, genres, years, given["like"], seen, given["diverse"])
    return RankOptions(*shown)


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
    from sentrec.recommend.agreement import measure_few_reviews, measure_ranking, measure_target
    from sentrec.recommend.api import baseline_items

    scored, others, found = job.summed(stack), {}, {}
    if baseline:
        with scoring_progress(job.quiet) as shown:
            others[baseline] = baseline_items(job.files, job.model, baseline, job.scoring, job.positive, shown)
    background, catalogue, scores = job.known.background, job.known.catalogue, job.scoring.scores
    if background is not None and background.target is not None:
        target = measure_target(scored.items, background, catalogue)
        print_json(asdict(target)) if as_json else show_target(target)
        return scored
    measures = measure_ranking(scored.items, min_reviews, others, background, catalogue)
    if background is not None and scores is not None:
        found["few_reviews"] = measure_few_reviews(scores, background, catalogue, job.scoring.soften)
    if as_json:
        print_json(measures.to_dict() | {name: [asdict(one) for one in few] for name, few in found.items()})
    else:
        show_measures(measures)
        for few in found.values():
            show_few_reviews(few)
    return scored

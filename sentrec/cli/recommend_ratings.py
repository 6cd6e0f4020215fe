"""`sentrec recommend --ratings`: a list for one user, or a measurement of recommenders."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from sentrec.cli.display.console import err, print_json
from sentrec.cli.display.tables import show_evaluation, show_films

if TYPE_CHECKING:
    from sentrec.data.columns import FieldNames
    from sentrec.recommend.ranking import RankOptions
    from sentrec.recommend.ratings.lists import RecommendedFilm
    from sentrec.recommend.ratings.model import RatingsData, RatingsModel

ONLY_WITH_RATINGS = ("user", "liked", "recommender", "save", "split")
"""Options of `sentrec recommend` that say nothing of reviews."""
_OF_LISTS = ("user", "liked", "save", "top", "min_reviews", "genre", "year", "exclude", "diverse", "as_csv", "out_file")
_OF_DATA = ("recommender", "movies", "scores", "movie_field", "rating_field", "date_field", "user_field", "encoding")
_OF_BOTH = ("ratings", "as_json", "quiet")
_COLUMNS = ("rank", "key", "title", "year", "genres", "ratings", "score", "because", "stars", "stars_because")


def recommend_from_ratings(context: typer.Context) -> None:
    """Makes, saves or measures what the command line asks for."""
    given = context.params
    allowed = (*_OF_BOTH, *_OF_DATA, "evaluate", *(("split",) if given["evaluate"] else (*_OF_LISTS, "csv_safe")))
    refuse_options(context, [name for name in given if name not in allowed], _why(given))
    if given["evaluate"]:
        _evaluate(given)
    else:
        _recommend(given, explicit(context, "min_reviews"))


def explicit(context: typer.Context, name: str) -> bool:
    """Whether the command line gives an option, rather than its default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def refuse_options(context: typer.Context, names: Sequence[str], reason: str) -> None:
    """Refuses options that would do nothing, so that nobody believes that they did."""
    for parameter in context.command.params:
        if parameter.name in names and explicit(context, parameter.name or ""):
            raise typer.BadParameter(f"{parameter.opts[0]} has no effect {reason}.")


def _why(given: Mapping[str, Any]) -> str:
    return "with --ratings and --evaluate" if given["evaluate"] else "with --ratings, which makes a list for one user"


def _recommend(given: Mapping[str, Any], has_least: bool) -> None:
    from sentrec.files.storage import write_text
    from sentrec.recommend.ratings.lists import history_of, recommend_films

    is_for_somebody = given["user"] is not None or given["liked"] is not None
    if not is_for_somebody and given["save"] is None:
        raise typer.BadParameter('whom is the list for? --user ID, or --liked "Alien,Heat"')
    out: Path | None = given["out_file"]
    if out is not None and out.suffix.lower() not in (".jsonl", ".csv"):
        raise typer.BadParameter(f"--out {out}: its name must end in .jsonl or .csv.")
    options = _options(given, has_least)
    model = _model(given)
    if not is_for_somebody:
        return
    films = recommend_films(model, history_of(model, given["user"], given["liked"]), options)
    if out is not None:
        write_text(out, _to_csv(films, given["csv_safe"]) if out.suffix.lower() == ".csv" else _to_lines(films))
    if given["as_json"] or given["as_csv"]:
        typer.echo(_to_lines(films) if given["as_json"] else _to_csv(films, given["csv_safe"]), nl=False)
    elif out is None:
        show_films(films)


def _options(given: Mapping[str, Any], has_least: bool) -> "RankOptions":
    from sentrec.recommend.catalogue import parse_years, read_seen
    from sentrec.recommend.ranking import RankOptions

    return RankOptions(
        given["top"],
        given["min_reviews"] if has_least else 0,
        genres=tuple(given["genre"] or ()),
        years=parse_years(given["year"]) if given["year"] else None,
        exclude=read_seen(given["exclude"]) if given["exclude"] else frozenset(),
        diverse=given["diverse"],
    )


def _names(given: Mapping[str, Any]) -> "FieldNames":
    from sentrec.data.columns import FieldNames

    return FieldNames(**{role: given[f"{role}_field"] for role in ("movie", "rating", "date", "user")})


def _data(given: Mapping[str, Any]) -> "RatingsData":
    from sentrec.recommend.ratings.model import read_data

    return read_data(given["ratings"], given["movies"], _names(given), given["encoding"], given["scores"])


def _model(given: Mapping[str, Any]) -> "RatingsModel":
    from sentrec.recommend.ratings.model import DEFAULT, fit, is_model, load_model

    path, folder = given["ratings"], given["save"]
    if is_model(path):
        for name in ("movies", "scores", "recommender", "save"):
            if given[name] is not None:
                raise typer.BadParameter(f"--{name} has no effect on a model that was saved: {path} is one.")
        return load_model(path)
    data = _data(given)
    model = fit(data, given["recommender"] or DEFAULT)
    if folder is not None:
        model.save(folder)
        err.print(f"The model is in {folder}: sentrec recommend --ratings {folder} --user ID", soft_wrap=True)
    return model


def _evaluate(given: Mapping[str, Any]) -> None:
    from sentrec.plugins import recommender_registry
    from sentrec.recommend.ratings.evaluation import evaluate
    from sentrec.recommend.ratings.features import item_features
    from sentrec.recommend.ratings.model import BASELINES, DEFAULT, is_model

    if is_model(given["ratings"]):
        raise typer.BadParameter("--evaluate fits anew: name the ratings and not a model that was saved.")
    registry = recommender_registry()
    names = dict.fromkeys((given["recommender"] or DEFAULT, *BASELINES))
    recommenders = {name: registry.recommender(name) for name in names}
    data = _data(given)
    show = None if given["quiet"] else lambda fold: err.print(f"fold {fold} is done")
    result = evaluate(data.ratings, item_features(data.films, data.reviews), recommenders, given["split"], on_fold=show)
    if given["as_json"]:
        print_json(result.to_dict())
    else:
        show_evaluation(result)


def _to_lines(films: "Sequence[RecommendedFilm]") -> str:
    from sentrec.recommend.export import to_json

    return "".join(to_json(film.to_dict()) + "\n" for film in films)


def _to_csv(films: "Sequence[RecommendedFilm]", safe: bool) -> str:
    from sentrec.data.writers import harmless

    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for film in films:
        row = film.to_dict() | {"genres": "|".join(film.genres)}
        for name in ("because", "stars_because"):
            row[name] = "; ".join(f"{part} {value:+.4f}" for part, value in row[name].items())
        writer.writerow({name: harmless(value) for name, value in row.items()} if safe else row)
    return buffer.getvalue()

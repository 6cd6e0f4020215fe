"""The options of `sentrec recommend`, each with its help."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sentrec.cli.options import BaselineName, EngineName, engine_option, hush, model_option, output_file, output_folder

_FIELDS = "Fields of a review"
_LIST = "The list"
_SCORING = "Scoring"
_OUTPUT = "Output"
_PERSONAL = "Ratings of many users, instead of reviews"
SortBy = Literal["score", "lower-bound", "mean", "expected"]  # the last until the next release
SplitName = Literal["user", "time", "user-time", "films", "ratings"]
PrecisionName = Literal["auto", "float32", "bfloat16"]


def _option(panel: str, help: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=panel, **({"show_default": False} | more))


def _written(panel: str, help: str, *names: str) -> Any:
    return output_file(*names, help=help, rich_help_panel=panel)


_INPUTS = "Reviews: CSV, JSON, Parquet or .xlsx, a folder of such, or s3://, gs://, hf://; - is standard input."
_SCORES = (
    "Keep the score of every review: .parquet, .csv, .jsonl or .xlsx. Where no FILE is named: rank these (.parquet) "
    "again. With --ratings: features."
)
_OUT = "Write the list here: .jsonl, .csv or .html by its name."
_LEAST = "Fewest reviews of an item; 0: with --prior, items without any, too."
_PRIOR = "What to expect of items before their reviews: a run of task: rate, or a table of key, rating, deviation."
_TARGET = "Ratings of many users: scores then predict what these would give."
_EXPLAIN = "Tell which words made an item's score."
_EVALUATE = "Measure the ranking against the reviews' stars instead."

Files = Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help=_INPUTS, show_default=False)]

Model = Annotated[str | None, model_option(rich_help_panel=_SCORING, show_default=False)]
ScoresFile = Annotated[Path | None, _option(_SCORING, _SCORES)]
Resume = Annotated[bool, _option(_SCORING, "Go on with an interrupted scoring.", "--resume")]
Positive = Annotated[str | None, _option(_SCORING, "The class that means liked, if not 'positive'.")]
Precision = Annotated[PrecisionName, _option(_SCORING, "Arithmetic; bfloat16 is faster.", show_default=True)]
Device = Annotated[str | None, _option(_SCORING, "Where to compute, e.g. cpu or cuda.")]
Engine = Annotated[EngineName, engine_option("--engine", rich_help_panel=_SCORING)]
Workers = Annotated[int | None, engine_option("--workers", min=1, rich_help_panel=_SCORING)]
Address = Annotated[str | None, engine_option("--address", rich_help_panel=_SCORING)]
RejectsFile = Annotated[Path | None, _written(_SCORING, "Where rows left out go; else NAME.rejects.jsonl here.")]

Ratings = Annotated[
    Path | None,
    _option(_PERSONAL, "MovieLens zip or folder, a file of user, item, rating, or what --save wrote.", "--ratings"),
]
User = Annotated[str | None, _option(_PERSONAL, "Make the list for this user.")]
Liked = Annotated[str | None, _option(_PERSONAL, "Titles that you like, or a file of your own ratings.", metavar="A,B")]
Recommender = Annotated[str | None, _option(_PERSONAL, "What orders the list, if not ease-features.", metavar="NAME")]
Save = Annotated[
    Path | None,
    output_folder("--save", help="Save the fitted model in this folder.", rich_help_panel=_PERSONAL, metavar="FOLDER"),
]
Split = Annotated[
    SplitName, _option(_PERSONAL, "With --evaluate: hold out new users, what came later, or films.", show_default=True)
]

Top = Annotated[int, _option(_LIST, "Items on the list.", min=1, show_default=True)]
MinReviews = Annotated[int, _option(_LIST, _LEAST, min=0, show_default=True)]
Sort = Annotated[SortBy, _option(_LIST, "Expected mean, lower end of its interval, or plain mean.", show_default=True)]
Movies = Annotated[
    Path | None, _option(_LIST, "Items with movie_id, title, year, genres: CSV; with --ratings TMDB's folder, too.")
]
Genre = Annotated[list[str] | None, _option(_LIST, "Only items of this genre; repeat it for more.")]
Year = Annotated[str | None, _option(_LIST, "Only items of these years: 1994, or 1990-1999.")]
Like = Annotated[str | None, _option(_LIST, "Items that are written about like this one: title or key.")]
Exclude = Annotated[Path | None, _option(_LIST, "Items already seen: a file with a key or title a line.")]
Diverse = Annotated[bool, _option(_LIST, "Prefer items unlike those above them.", "--diverse")]
Prior = Annotated[str | None, _option(_LIST, _PRIOR, metavar="RUN|FILE")]
Target = Annotated[Path | None, _option(_LIST, _TARGET, metavar="FILE")]
Explain = Annotated[bool, _option(_LIST, _EXPLAIN, "--explain")]
Soften = Annotated[
    float, _option(_LIST, "Divide each review's log odds by this; 1: plain probabilities.", min=1.0, show_default=True)
]

MovieField = Annotated[str | None, _option(_FIELDS, "The item; else movie, movie_id, item or title.")]
TextField = Annotated[str | None, _option(_FIELDS, "What it says; else text, review or content.")]
IdField = Annotated[str | None, _option(_FIELDS, "Its id; else id or review_id.")]
RatingField = Annotated[str | None, _option(_FIELDS, "Its stars; else rating or stars.")]
DateField = Annotated[str | None, _option(_FIELDS, "Its date; else date.")]
UserField = Annotated[str | None, _option(_FIELDS, "Who wrote it; else user or user_id.")]

Encoding = Annotated[str | None, _option(_FIELDS, "Encoding of text files; else as their bytes tell.")]

AsJson = Annotated[bool, _option(_OUTPUT, "Print JSON lines (with --evaluate one document).", "--json")]
AsCsv = Annotated[bool, _option(_OUTPUT, "Print CSV.", "--csv")]
OutFile = Annotated[Path | None, _written(_OUTPUT, _OUT, "--out")]
Html = Annotated[Path | None, _written(_OUTPUT, "Write the list as a web page.")]
Title = Annotated[str, _option(_OUTPUT, "Heading of the web page.", show_default=True)]
CsvSafe = Annotated[
    bool, _option(_OUTPUT, "Quote cells of CSV that a spreadsheet would run as formulas.", "--csv-safe/--no-csv-safe")
]
Evaluate = Annotated[bool, _option(_OUTPUT, _EVALUATE, "--evaluate")]
Baseline = Annotated[BaselineName | None, _option(_OUTPUT, "With --evaluate: a linear model to compare with.")]
Quiet = Annotated[bool, _option(_OUTPUT, "Show no progress and no summary.", "--quiet", "-q", callback=hush)]

"""`sentrec recommend`: reviews in, ranked items out; or ratings of many users in, a list for one of them out."""

import typer

from sentrec.cli import recommend_options as options
from sentrec.cli.recommend_ratings import recommend_from_ratings
from sentrec.cli.recommend_reviews import recommend_from_reviews


def recommend(
    context: typer.Context,
    files: options.Files = None,
    model: options.Model = None,
    scores: options.ScoresFile = None,
    resume: options.Resume = False,
    positive: options.Positive = None,
    precision: options.Precision = "float32",
    device: options.Device = None,
    engine: options.Engine = "local",
    workers: options.Workers = None,
    address: options.Address = None,
    rejects: options.RejectsFile = None,
    top: options.Top = 20,
    min_reviews: options.MinReviews = 3,
    sort: options.Sort = "score",
    movies: options.Movies = None,
    genre: options.Genre = None,
    year: options.Year = None,
    like: options.Like = None,
    exclude: options.Exclude = None,
    diverse: options.Diverse = False,
    prior: options.Prior = None,
    target: options.Target = None,
    explain: options.Explain = False,
    soften: options.Soften = 1.5,
    ratings: options.Ratings = None,
    user: options.User = None,
    liked: options.Liked = None,
    recommender: options.Recommender = None,
    save: options.Save = None,
    split: options.Split = "user",
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
        recommend_from_ratings(context)
    else:
        recommend_from_reviews(context)

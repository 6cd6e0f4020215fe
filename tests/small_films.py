"""A table of invented films whose ratings depend on their director, genre and length, and on how many voted."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import sentrec
from sentrec.recipe import Recipe

FILMS = 400
SMALL_TREES = ("model.boosting.trees=40", "model.boosting.leaves=6", "model.boosting.learning_rate=0.1")
GENRES = ("Drama", "Horror", "Comedy")
_COLUMNS = ("id", "title", "overview", "genres", "runtime", "release_date", "crew", "vote_average", "vote_count")


def write_films(path: Path, seed: int = 0, films: int = FILMS) -> Path:
    """Writes such a table as CSV; a tenth of the films have no vote, and a rating of 0."""
    draw = np.random.default_rng(seed)
    taste = np.random.default_rng(99).normal(0.0, 0.8, 30)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for number in range(films):
            director, genre = int(draw.integers(30)), int(draw.integers(3))
            length, votes = int(draw.integers(80, 180)), int(draw.integers(0, 10) and draw.geometric(0.02))
            quality = 5.5 + taste[director] + (0.8, -0.8, 0.0)[genre] + (length - 130) / 60
            own = quality + draw.normal(0.0, 0.3) + draw.normal(0.0, 1.5) / max(votes, 1) ** 0.5
            word = ("dull", "fine", "superb")[int(np.clip(quality - 4.5, 0, 2))]
            crew = [{"job": "Director", "name": f"Director {director}"}, {"job": "Runner", "name": f"R {number}"}]
            rating = round(float(np.clip(own, 0, 10)), 1) if votes else 0
            day = f"{1990 + number % 30}-0{1 + number % 9}-15"
            genres = json.dumps([{"id": genre, "name": GENRES[genre]}])
            text = f"A {word} film of row {number}"
            writer.writerow((number, f"Film {number}", text, genres, length, day, json.dumps(crew), rating, votes))
    return path


def film_recipe(path: Path, *changes: str) -> Recipe:
    """The recipe that rates such films by their facts, small."""
    return sentrec.load_recipe("tmdb-ratings", (f"data.dataset={path}", *SMALL_TREES, *changes))


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of such films."""
    return write_films(tmp_path_factory.mktemp("films") / "films.csv")


@pytest.fixture(scope="session")
def rated_run(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that rates them."""
    return sentrec.train(film_recipe(films), tmp_path_factory.mktemp("runs") / "films").path

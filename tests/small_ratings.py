"""Small made-up ratings: two kinds of users, two genres, and each user rates their own genre higher."""

import csv
import zipfile
from pathlib import Path

import numpy as np

USERS, FILMS, UNRATED = 40, 30, 3
GENRES = ("Western", "Comedy")


def rows(seed: int = 0) -> list[tuple[int, int, float, int]]:
    """User, film, rating, time."""
    draw = np.random.default_rng(seed)
    found = []
    for user in range(1, USERS + 1):
        for film in range(1, FILMS - UNRATED + 1):
            if draw.random() < 0.6:
                stars = (4.5 if user % 2 == film % 2 else 2.0) + float(draw.choice([-0.5, 0.0, 0.5]))
                found.append((user, film, stars, 1_000_000 + 1000 * user + film))
    return found


def films() -> list[tuple[int, str, str]]:
    """Number, title, genres; odd ones are comedies."""
    return [(film, f"Film {film:02} ({1990 + film % 7})", GENRES[film % 2]) for film in range(1, FILMS + 1)]


def write_csv(path: Path, header: str, lines: list[tuple]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(lines)
    return path


def movielens(folder: Path) -> Path:
    """A folder as MovieLens has it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "ratings.csv", "userId,movieId,rating,timestamp", rows())
    write_csv(folder / "movies.csv", "movieId,title,genres", films())
    write_csv(folder / "links.csv", "movieId,imdbId,tmdbId", [(n, n + 100, n + 1000) for n, _, _ in films()])
    return folder


def archive(folder: Path) -> Path:
    """The same as an archive, with the folder inside."""
    inside = movielens(folder / "ml-small")
    path = folder / "ml-small.zip"
    with zipfile.ZipFile(path, "w") as made:
        for file in sorted(inside.iterdir()):
            made.write(file, f"ml-small/{file.name}")
    return path

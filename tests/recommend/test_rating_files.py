"""Ratings and films as they come: archives, folders, tables, TMDB's columns, and what is wrong with them."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recommend_corpus import WordScorer
from small_ratings import FILMS, archive, films, movielens, rows, write_csv

from sentrec.data.columns import FieldNames
from sentrec.errors import DataError
from sentrec.recommend.api import recommend
from sentrec.recommend.ratings.data import rating_files, read_ratings
from sentrec.recommend.ratings.features import review_features
from sentrec.recommend.ratings.films import Film, link_films, read_films
from sentrec.recommend.ratings.model import read_data
from sentrec.recommend.stream import ScoringOptions

HEADER = "userId,movieId,rating,timestamp"


def ratings_file(tmp_path: Path, lines: list[tuple], header: str = HEADER) -> Path:
    return write_csv(tmp_path / "r.csv", header, lines)


@pytest.mark.parametrize("make", [movielens, archive, lambda folder: movielens(folder) / "ratings.csv"])
def test_a_folder_an_archive_and_its_csv_file_give_the_same(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    data = read_data(make(tmp_path))
    assert len(data.ratings.stars) == len(rows())
    assert (len(data.users), len(data.keys)) == (data.ratings.shape[0], FILMS)
    assert {film.title for film in data.films} == {title.split(" (")[0] for _, title, _ in films()}
    assert data.films[0].year is not None
    assert data.ratings.liked_from == 4.0


@pytest.mark.parametrize("path", [lambda folder: folder, lambda folder: folder / "ratings.dat"])
def test_lines_with_double_colons_are_a_table(tmp_path: Path, path: Callable[[Path], Path]) -> None:
    (tmp_path / "ratings.dat").write_text("1::10::5::978300760\n1::11::3::978302109\n", encoding="latin-1")
    (tmp_path / "movies.dat").write_text(
        "10::Amélie (2001)::Comedy|Romance\n11::Heat (1995)::Crime\n", encoding="latin-1"
    )
    data = read_data(path(tmp_path))
    assert data.films == (Film("Amélie", 2001, ("Comedy", "Romance")), Film("Heat", 1995, ("Crime",)))


def test_columns_may_be_named_otherwise(tmp_path: Path) -> None:
    path = ratings_file(
        tmp_path, [("ann", "Heat", 8, "2020-01-02"), ("ann", "Alien", 9, "2019-05-06")], "who,what,points,day"
    )
    rated = read_ratings(path, FieldNames(movie="what", user="who", rating="points", date="day"))
    assert (rated.users, set(rated.items), rated.scale) == (("ann",), {"Heat", "Alien"}, 10.0)
    assert rated.ratings.times[rated.items.index("Heat")] > rated.ratings.times[rated.items.index("Alien")]


def test_a_missing_column_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column for the user") as caught:
        read_ratings(ratings_file(tmp_path, [(1, 5.0)], "movieId,rating"))
    assert "--user-field" in str(caught.value.hint)


def test_what_cannot_be_used_is_told_in_one_line_each(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = [(user, film, 4.0, 5) for user in range(20) for film in range(10)]
    bad = [("", 1, 4.0, 5), (1, "", 4.0, 5), (1, 2, "", 5), (1, 2, "many", 5), (99, 1, 45, 5), (98, 1, -1, 5)]
    with caplog.at_level(logging.WARNING, "sentrec"):
        rated = read_ratings(ratings_file(tmp_path, [*good, *bad, (3, 4, 2.0, 9)]))
    assert [record.getMessage().split(";")[0].split(",")[0] for record in caplog.records] == [
        f"4 rows of {tmp_path / 'r.csv'} left out",
        "2 ratings outside the scale 0 to 5 left out",
        "1 repeated rating of the same item by the same user: the latest counts",
    ]
    ratings = rated.ratings
    assert len(ratings.stars) == len(good)
    place = (ratings.users == rated.users.index("3")) & (ratings.items == rated.items.index("4"))
    assert ratings.stars[place].tolist() == [2.0]


@pytest.mark.parametrize(
    ("late", "early"),
    [(20, 10), ("2020-01-01T10:00:05", "2020-01-01T10:00:01"), ("2020-01-01T10:00+00:00", "2020-01-01T10:30+02:00")],
)
def test_the_latest_of_repeated_ratings_counts_and_the_last_where_there_are_no_times(
    tmp_path: Path, late: object, early: object
) -> None:
    timed = read_ratings(ratings_file(tmp_path, [(1, 1, 5.0, late), (1, 1, 2.0, early)]))
    untimed = read_ratings(ratings_file(tmp_path, [(1, 1, 5.0), (1, 1, 2.0)], "userId,movieId,rating"))
    assert (timed.ratings.stars.tolist(), untimed.ratings.stars.tolist()) == ([5.0], [2.0])


def test_no_ratings_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no rating that can be used"):
        read_ratings(ratings_file(tmp_path, [("", "", "", "")]))
    with pytest.raises(DataError, match="holds no ratings"), rating_files(tmp_path / "."):
        (tmp_path / "r.csv").unlink()


def tmdb(folder: Path) -> Path:
    """Two films as TMDB has them, the second with a column that does not parse."""
    folder.mkdir()
    names = lambda *values: json.dumps([{"id": 1, "name": value} for value in values])  # noqa: E731
    lines = [
        (1001, "Film 01", names("Comedy", "Farce"), names("pie"), "1991-05-05", 1_000_000, 0, 7.5, 10),
        (7, "Unheard Of", "[{broken", names("dust"), "2001-01-01", 0, 5, 6.0, 3),
    ]
    header = "id,title,genres,keywords,release_date,budget,revenue,vote_average,vote_count"
    write_csv(folder / "tmdb_movies.csv", header, lines)
    crew = json.dumps([{"job": "Editor", "name": "No One"}, {"job": "Director", "name": "Jane Roe"}])
    write_csv(folder / "tmdb_credits.csv", "movie_id,title,cast,crew", [(1001, "Film 01", names("A", "B"), crew)])
    return folder


def test_films_of_tmdb_are_joined_with_their_credits(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = read_films(tmdb(tmp_path / "t"))
    assert found["1001"].genres == ("Comedy", "Farce")
    assert found["1001"].facts == {"keywords": ("pie",), "cast": ("A", "B"), "crew": ("Jane Roe",)}
    assert found["1001"].numbers == {"budget": 1e6}
    assert found["7"].genres == ()
    (record,) = caplog.records
    assert "1 value of 'genres'" in record.getMessage()
    assert "line 3" in record.getMessage()


def test_metadata_is_linked_by_number_or_title_and_the_rest_are_films_without_ratings(tmp_path: Path) -> None:
    data = read_data(movielens(tmp_path / "m"), tmdb(tmp_path / "t"))
    linked = data.films[data.keys.index("1")]
    assert linked.genres == ("Comedy", "Farce")
    assert linked.facts["crew"] == ("Jane Roe",)
    assert data.films[-1].title == "Unheard Of"
    assert data.ratings.shape[1] == len(data.keys) == FILMS + 1
    assert data.keys[-1] not in {str(number) for number, _, _ in films()}


def test_metadata_without_a_match_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys, found = link_films(("Heat",), {}, {"x": Film("Alien", 1979)}, {})
    assert (keys, found[0].title) == (("Heat", "x"), "")
    assert "no rated film" in caplog.records[-1].getMessage()


def test_reviews_tell_of_films_by_title_key_or_number_of_imdb(tmp_path: Path) -> None:
    words = {"Film 01": "lovely", "2": "awful", "tt0000103": "superb", "Unheard Of": "dull"}
    reviews = [{"movie": movie, "text": f"{word} {'space ' * n}"} for movie, word in words.items() for n in range(4)]
    scores = tmp_path / "scores.parquet"
    recommend(reviews, WordScorer(), scoring=ScoringOptions(scores=scores))
    data = read_data(movielens(tmp_path / "m"), scores=scores)
    assert data.reviews is not None
    vectors, facts = data.reviews
    told = [data.keys.index(key) for key in "123"]
    assert sorted(np.flatnonzero(facts.any(axis=1))) == sorted(told)
    assert facts[told[1], 0] < min(facts[told[0], 0], facts[told[2], 0])
    np.testing.assert_allclose(np.linalg.norm(vectors[told], axis=1), 1.0)
    with pytest.raises(DataError, match="reviews of none of the films"):
        review_features(scores, ["x"], [Film("Something Else", 1990)])


def test_a_python_list_is_read_too(tmp_path: Path) -> None:
    path = write_csv(
        tmp_path / "f.csv", "id,title,genres", [(1, "Matrix, The (1999)", "[{'id': 1, 'name': 'Action'}]")]
    )
    assert read_films(path) == {"1": Film("The Matrix", 1999, ("Action",))}


def test_times_are_not_needed(tmp_path: Path) -> None:
    rated = read_ratings(ratings_file(tmp_path, [(1, 1, 5.0)], "user,item,rating"))
    assert np.isnan(rated.ratings.times).all()

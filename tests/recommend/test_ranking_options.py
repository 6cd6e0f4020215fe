"""Filters, likeness and variety of the list, and the catalogue behind them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentrec.errors import DataError
from sentrec.recommend.catalogue import Movie, find_item, fold, parse_years, read_seen
from sentrec.recommend.items import Items
from sentrec.recommend.posterior import estimate
from sentrec.recommend.ranking import RankOptions, rank_items
from sentrec.recommend.ratings.films import Film, read_films

CATALOGUE = {
    "a": Movie("Matrix, The", 1999, ("Action", "Sci-Fi")),
    "b": Movie("Dark City", 1998, ("Sci-Fi",)),
    "c": Movie("Babe", 1995, ("Children", "Comedy")),
    "d": Movie("Paddington", 2014, ("Children", "Comedy")),
    "e": Movie("Alien", 1979, ("Horror", "Sci-Fi")),
    "f": Movie("Aliens", 1986, ("Action", "Sci-Fi")),
}


def items(**changes: Any) -> Items:
    """Six items, ever worse; a, b, e, f are written about in one way, c and d in another."""
    mean = np.array([0.9, 0.85, 0.8, 0.75, 0.7, 0.65])
    # The last axis tells praise from blame: what varies most has to be left out of likeness.
    subject = np.array([[1, 0.1, 5], [0.9, 0.1, -5], [0, 1, 4], [0.1, 0.9, -4], [1, 0.2, 3], [0.95, 0, -3]])
    values: dict[str, Any] = {
        "keys": tuple("abcdef"),
        "reviews": np.array([20, 20, 20, 20, 20, 2]),
        "duplicates": np.zeros(6, dtype=np.int64),
        "mean": mean,
        "squares": np.full(6, 0.2),
        "share_positive": np.ones(6),
        "rating": np.full(6, np.nan),
        "embedding": subject.astype(np.float32),
    }
    return Items(**values | changes)


def keys(**options: Any) -> str:
    return "".join(item.movie for item in rank_items(items(), RankOptions(**options), CATALOGUE))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "abcde"),
        ({"min_reviews": 2}, "abcdfe"),
        ({"top": 2}, "ab"),
        ({"sort": "mean", "min_reviews": 1}, "abcdef"),
        ({"sort": "lower-bound", "min_reviews": 1}, "abcdef"),
        ({"genres": ("comedy",)}, "cd"),
        ({"genres": ("horror", "action")}, "ae"),
        ({"years": (1995, 1999)}, "abc"),
        ({"exclude": frozenset({"a", "paddington"})}, "bce"),
    ],
)
def test_filters_keep_what_they_say(options: dict[str, Any], expected: str) -> None:
    assert keys(**options) == expected


def test_the_score_stays_what_it_is_whatever_the_list_is_sorted_by() -> None:
    found = estimate(items())
    for sort, order_by in (("score", found.score), ("lower-bound", found.low), ("mean", items().mean)):
        ranked = rank_items(items(), RankOptions(sort=sort, min_reviews=1))
        places = [items().keys.index(one.movie) for one in ranked]
        assert [order_by[place] for place in places] == sorted(order_by, reverse=True), sort
        assert [one.score for one in ranked] == [found.score[place] for place in places], sort


def test_a_item_without_catalogue_entry_has_no_year_and_no_genre() -> None:
    assert len(rank_items(items(), RankOptions(), None)) == 5
    with pytest.raises(DataError, match="no item with enough reviews fulfils every filter"):
        rank_items(items(), RankOptions(years=(1900, 2100)), None)


def test_like_gives_items_written_about_alike_the_most_similar_first_and_not_the_item_itself() -> None:
    ranked = rank_items(items(), RankOptions(like="paddington", min_reviews=1), CATALOGUE)
    assert [item.movie for item in ranked] == ["c"]
    assert ranked[0].similarity is not None
    assert ranked[0].similarity > 0.2
    similar = [
        item.similarity or 0 for item in rank_items(items(), RankOptions(like="Alien", min_reviews=1), CATALOGUE)
    ]
    assert len(similar) == 3
    assert similar == sorted(similar, reverse=True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"like": "Babe", "exclude": frozenset({"d"})}, "No item is written about like 'Babe'"),
        ({"like": "Babe", "years": (1995, 1995)}, "no other item than 'Babe' fulfils"),
        ({"like": "Babe", "years": (1995, 1995), "diverse": True}, "no other item than 'Babe' fulfils"),
        ({"like": ""}, "has no name"),
        ({"like": " "}, "has no name"),
    ],
)
def test_like_says_that_nothing_is_alike(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        rank_items(items(), RankOptions(**options), CATALOGUE)


def test_a_catalogue_that_joins_no_item_is_named(caplog: pytest.LogCaptureFixture) -> None:
    rank_items(items(), RankOptions(), {"tt1": Movie("Heat")})
    assert "reviews name items like 'a', the catalogue like 'tt1'" in caplog.text
    caplog.clear()
    rank_items(items(), RankOptions(), CATALOGUE | {"tt1": Movie("Heat")})
    assert caplog.text == ""


def test_diverse_brings_another_kind_of_item_forward() -> None:
    with pytest.raises(DataError, match="hold no review embeddings"):
        rank_items(items(embedding=np.zeros((6, 0), np.float32)), RankOptions(diverse=True))
    assert keys(top=3) == "abc"
    diverse = keys(top=3, diverse=True)
    assert diverse[0] == "a"
    assert diverse[1] == "c"
    assert len(set(diverse)) == 3


def test_equal_scores_go_by_reviews_and_then_by_key() -> None:
    same = items(mean=np.full(6, 0.5), squares=np.zeros(6), reviews=np.array([5, 5, 9, 5, 5, 5]))
    ranked = rank_items(same, RankOptions(sort="mean"), CATALOGUE)
    assert "".join(item.movie for item in ranked) == "cabdef"


@pytest.mark.parametrize(("name", "key"), [("a", "a"), ("the matrix", "a"), ("ALIEN", "e"), ("dark", "b")])
def test_a_item_is_found_by_key_title_or_a_telling_part_of_it(name: str, key: str) -> None:
    assert find_item(name, CATALOGUE, tuple("abcdef")) == key
    with pytest.raises(DataError, match="called 'Padington'") as caught:
        find_item("Padington", CATALOGUE, tuple("abcdef"))
    assert caught.value.hint == "did you mean 'Paddington'?"


def test_of_two_items_of_one_title_the_year_tells_which() -> None:
    catalogue = {"x": Movie("Heat", 1995), "y": Movie("Heat", 1986), "z": Movie("Body Heat", 1981)}
    assert find_item("heat (1986)", catalogue, ("x", "y", "z")) == "y"
    with pytest.raises(DataError, match="2 items are called 'heat'") as caught:
        find_item("heat", catalogue, ("x", "y", "z"))
    assert "Heat (1995), key x; Heat (1986), key y" in str(caught.value.hint)
    assert find_item("heat", catalogue, ("x", "z")) == "x"


def test_titles_are_compared_without_case_and_with_their_article_in_front() -> None:
    assert fold(" Matrix, The ") == fold("The Matrix")
    assert fold("Avventura, A (1960)") == "a avventura (1960)"


def test_a_catalogue_is_read_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "movies.csv"
    path.write_text('movie_id,title,year,genres\nx,"Heat",1995,Action|Crime\ny,Noir,,\n')
    assert read_films(path) == {"x": Film("Heat", 1995, ("Action", "Crime")), "y": Film("Noir")}
    path.write_text("movieId,title,genres\n6.0,Heat (1995),Action\n")
    assert read_films(path) == {"6": Film("Heat", 1995, ("Action",))}
    path.write_text("id,name\n1,Heat\n")
    with pytest.raises(DataError, match="needs the columns movie_id and title"):
        read_films(path)


def test_genres_of_a_catalogue_may_be_a_list(tmp_path: Path) -> None:
    path = tmp_path / "movies.jsonl"
    path.write_text('{"movie_id": 12.0, "title": "Heat", "genres": ["Crime ", {"id": 1, "name": "Action"}]}\n')
    assert read_films(path)["12"].genres == ("Crime", "Action")
    ranked = rank_items(items(keys=("12.0", *"bcdef")), RankOptions(genres=("crime",)), read_films(path))
    assert [item.title for item in ranked] == ["Heat"]


def test_an_excluded_name_of_two_items_leaves_out_both_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    catalogue = {"a": Movie("b"), "c": Movie("Babe")}
    ranked = rank_items(items(), RankOptions(exclude=frozenset({"b"})), catalogue)
    assert [item.movie for item in ranked] == ["c", "d", "e"]
    assert "'b' is the key or title of 2 items, all left out: a, b" in caplog.text


@pytest.mark.parametrize("line", ["Matrix, The", "the matrix", "Matrix, The (1999)", '"Matrix, The",1999', "a"])
def test_a_seen_item_is_left_out_however_it_is_written(line: str, tmp_path: Path) -> None:
    path = tmp_path / "seen.txt"
    path.write_text(f"tt1\n\n{line}\n")
    assert keys(exclude=read_seen(path)) == "bcde"


def test_seen_items_are_whole_lines_or_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "seen.txt"
    path.write_text('tt1\n\n"Matrix, The",1999\n12.0\n')
    assert {"tt1", "the matrix", "12"} <= read_seen(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_seen(tmp_path / "none.txt")


def test_years_are_one_or_a_span() -> None:
    assert [parse_years(text) for text in ("1994", " 1990-1999 ")] == [(1994, 1994), (1990, 1999)]
    for text in ("", "90s", "1999-1990", "1990-"):
        with pytest.raises(DataError, match="is no span of years"):
            parse_years(text)

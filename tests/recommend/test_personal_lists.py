"""Lists for one user, saved models, and measurements on held-out ratings."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from small_ratings import FILMS, UNRATED, movielens, rows, write_csv

from sentrec.errors import DataError
from sentrec.recommend.ranking import RankOptions
from sentrec.recommend.ratings.builtin import Popularity
from sentrec.recommend.ratings.ease import Ease
from sentrec.recommend.ratings.evaluation import Split, evaluate, folds_of
from sentrec.recommend.ratings.lists import find_film, history_of, recommend_films
from sentrec.recommend.ratings.model import RatingsModel, fit, is_model, load_model, read_data
from sentrec.recommend.ratings.ridge import AdditiveRidge

ALL = RankOptions(top=FILMS, min_reviews=0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> RatingsModel:
    return fit(read_data(movielens(tmp_path_factory.mktemp("ratings"))))


def test_a_list_holds_all_films_that_the_user_has_not_rated_the_best_first(model: RatingsModel) -> None:
    films = recommend_films(model, history_of(model, "1"), ALL)
    rated = {str(film) for user, film, *_ in rows() if user == 1}
    assert {film.key for film in films} == set(model.keys) - rated
    assert [film.score for film in films] == sorted((film.score for film in films), reverse=True)
    assert [film.rank for film in films] == list(range(1, len(films) + 1))
    best = films[0]
    assert best.genres == ("Comedy",)
    assert best.stars is not None
    assert best.stars > 3.5
    assert {film.key for film in films if film.ratings == 0} == {str(n) for n in range(FILMS - UNRATED + 1, FILMS + 1)}


@pytest.mark.parametrize("liked", [None, "Film 02 (1992), 4"])
def test_what_is_told_adds_up(model: RatingsModel, liked: str | None) -> None:
    for film in recommend_films(model, history_of(model, "1", liked), ALL):
        assert sum(film.because.values()) == pytest.approx(film.score, abs=1e-5)
        assert film.stars is not None
        assert sum(film.stars_because.values()) == pytest.approx(film.stars, abs=1e-5)


def test_films_somebody_names_stand_for_a_user(model: RatingsModel) -> None:
    films = recommend_films(model, history_of(model, None, "Film 02, film 04 (1994)"), ALL)
    assert {"2", "4"}.isdisjoint(film.key for film in films)
    assert [film.genres[0] for film in films[:5]] == ["Western"] * 5


@pytest.mark.parametrize("liked", ["One, Two, The, Film 02", "Film 02 ,one,  two, the"])
def test_a_title_may_have_commas_among_others(model: RatingsModel, liked: str) -> None:
    named = replace(model.films[3], title="One, Two, The")
    films = (*model.films[:3], named, *model.films[4:])
    other = replace(model, data=replace(model.data, films=films))
    assert {other.films[item].title for item in history_of(other, None, liked).items} == {"One, Two, The", "Film 02"}


def test_a_file_of_own_ratings_stands_for_a_user(
    model: RatingsModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [("Film 02", 1992, 10), ("Film 04", 1994, 9), ("Film 01", 1991, 2), ("Unheard Of", 1950, 7)]
    lines += [("Film 03", 1993, "great")]
    own = write_csv(tmp_path / "mine.csv", "Name,Year,Rating", lines)
    history = history_of(model, None, str(own))
    known = {model.keys[item]: stars for item, stars in zip(history.items, history.stars, strict=True)}
    assert known == {"2": 5.0, "4": 4.5, "1": 1.0}
    assert "1 film of" in caplog.text
    assert "Unheard Of" in caplog.text
    assert "1 row of" in caplog.text
    assert "line 6" in caplog.text


def test_a_film_that_is_not_there_is_an_error_with_the_nearest(model: RatingsModel) -> None:
    with pytest.raises(DataError, match="no film is called 'Fim 10'") as caught:
        find_film("Fim 10", model)
    assert caught.value.hint == "did you mean 'Film 10'?"


def test_an_unknown_user_gets_the_list_of_anybody_and_is_told(
    model: RatingsModel, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "sentrec"):
        films = recommend_films(model, history_of(model, "nobody"), ALL)
    assert "user 'nobody' has rated nothing here" in caplog.text
    likes = {key: sum(film == int(key) and stars >= 4 for _, film, stars, _ in rows()) for key in model.keys}
    rated = [likes[film.key] for film in films if film.ratings]
    assert rated == sorted(rated, reverse=True)


def test_filters(model: RatingsModel) -> None:
    history = history_of(model, "1")
    options = RankOptions(
        top=FILMS, min_reviews=1, genres=("western",), years=(1992, 1994), exclude=frozenset(["film 02"])
    )
    films = recommend_films(model, history, options)
    assert films
    for film in films:
        assert (film.genres, film.ratings > 0) == (("Western",), True)
        assert 1992 <= (film.year or 0) <= 1994
        assert film.title != "Film 02"
    with pytest.raises(DataError, match="fulfils every filter"):
        recommend_films(model, history, RankOptions(genres=("Opera",)))


def test_films_of_a_varied_list_are_less_alike(model: RatingsModel) -> None:
    history = history_of(model, "2")
    likeness = []
    for diverse in (False, True):
        films = recommend_films(model, history, RankOptions(top=2, min_reviews=0, diverse=diverse))
        latent = model.features.latent[[model.keys.index(film.key) for film in films]]
        likeness.append((latent @ latent.T).mean())
    assert likeness[1] < likeness[0] - 0.05


def test_a_saved_model_makes_the_same_list(model: RatingsModel, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    model.save(folder)
    assert is_model(folder)
    loaded = load_model(folder)
    history = history_of(model, "3")
    assert recommend_films(loaded, history_of(loaded, "3"), ALL) == recommend_films(model, history, ALL)
    with safe_open(folder / "model.safetensors", "np") as tensors:
        assert all(np.isfinite(tensors.get_tensor(name)).all() for name in tensors.keys())  # noqa: SIM118 - no mapping


def test_a_broken_saved_model_is_one_error(model: RatingsModel, tmp_path: Path) -> None:
    model.save(tmp_path / "films")
    (tmp_path / "films" / "ratings.json").write_text('{"version": 1}', encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        load_model(tmp_path / "films")


@pytest.mark.parametrize("split", ["user", "time", "user-time", "films", "ratings"])
def test_nothing_that_is_held_out_is_learned_from(model: RatingsModel, split: Split) -> None:
    ratings = model.data.ratings
    held = []
    for fold in folds_of(ratings, split):
        pairs = [
            set(zip(part.users.tolist(), part.items.tolist(), strict=True))
            for part in (fold.train, fold.known, fold.held)
        ]
        assert not pairs[2] & (pairs[0] | pairs[1])
        if split == "user":
            assert set(fold.train.users).isdisjoint(fold.held.users)
        if split == "films":
            assert set(fold.train.items).isdisjoint(fold.held.items)
        if split == "time":
            assert fold.train.times.max() <= fold.held.times.min()
        held += [*pairs[2]]
    assert len(held) == len(set(held))
    if split in ("films", "ratings"):
        assert len(held) == len(ratings.stars)


def test_measuring_finds_tastes_ahead_of_popularity(model: RatingsModel) -> None:
    recommenders = {"ease": Ease, "popularity": Popularity, "stars": AdditiveRidge}
    result = evaluate(model.data.ratings, model.features, recommenders, "user", folds=4)
    assert result.differences["popularity"]["ndcg10"].low > 0
    assert result.lists["popularity"].novelty10 < result.lists["ease"].novelty10
    assert set(result.errors) == {"stars"}
    assert result.errors["stars"].value < model.data.ratings.stars.std()
    told = result.to_dict()
    assert told["lists"]["ease"]["ndcg10"]["value"] == pytest.approx(
        np.nanmean(result.lists["ease"].per_user["ndcg10"])
    )

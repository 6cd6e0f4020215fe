"""A prior from metadata, and real ratings as a target: what they change, what they may not, and honest intervals."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.ranking import items_of
from recommend_corpus import WordScorer, sample_rows
from scipy import special, stats

from sentrec.errors import DataError
from sentrec.recommend.agreement import measure_few_reviews, measure_target
from sentrec.recommend.api import recommend
from sentrec.recommend.background import Background, ItemRatings
from sentrec.recommend.catalogue import Movie, link
from sentrec.recommend.expectations import read_background, read_expectations
from sentrec.recommend.items import Items
from sentrec.recommend.posterior import Prior, estimate
from sentrec.recommend.ranking import RankOptions, rank_items
from sentrec.recommend.stream import ScoringOptions

Floats = Any
CONCENTRATION = 0.8


def drawn(
    seed: int, count: int, reviews: Callable[[Any], Floats], signal: float, unknown: float = 0.0
) -> tuple[Items, Prior, Floats]:
    """Items, what metadata expects of them, and their true means."""
    generator = np.random.default_rng(seed)
    expected = generator.normal(size=count)
    truth = special.expit(0.8 + signal * expected + 0.7 * generator.normal(size=count))
    groups = [
        generator.beta(CONCENTRATION * mean, CONCENTRATION * (1 - mean), number)
        for mean, number in zip(truth, reviews(generator), strict=True)
    ]
    expected[generator.random(count) < unknown] = np.nan
    return items_of([np.clip(one, 0.001, 0.999) for one in groups]), Prior(expected, np.full(count, 2.0)), truth


def mostly_few(count: int) -> Callable[[Any], Floats]:
    return lambda generator: np.minimum(generator.geometric(0.25, count), 30)


@pytest.mark.parametrize(("signal", "unknown"), [(0.0, 0.6), (0.5, 0.0), (0.5, 0.6)])
def test_intervals_hold_what_they_promise_with_a_prior(signal: float, unknown: float) -> None:
    covered = []
    for seed in range(3):
        items, prior, truth = drawn(seed, 200, mostly_few(200), signal, unknown)
        found = estimate(items, prior)
        covered.append(((truth >= found.low) & (truth <= found.high)).mean())
    assert 0.925 < np.mean(covered) < 0.98


def test_a_prior_without_signal_changes_nothing_beyond_noise() -> None:
    for seed in range(2):
        items, prior, truth = drawn(seed, 250, mostly_few(250), 0.0)
        plain, found = estimate(items), estimate(items, prior)
        assert np.abs(found.score - plain.score).mean() < 0.015
        assert np.mean((found.score - truth) ** 2) < 1.03 * np.mean((plain.score - truth) ** 2)


def test_a_prior_helps_after_one_review_and_never_harms_after_five() -> None:
    gains = []
    for seed in range(3):
        count = 300
        numbers = np.where(np.arange(count) % 2, 1, 5)
        items, prior, truth = drawn(seed, count, lambda _, numbers=numbers: numbers, 0.4)
        both = [estimate(items).score, estimate(items, prior).score]
        gains.append(
            [np.subtract(*(stats.spearmanr(one[numbers == n], truth[numbers == n])[0] for one in both)) for n in (1, 5)]
        )
    after_one, after_five = -np.mean(gains, axis=0)
    assert after_one > 0.03
    assert after_five > 0
    assert (np.array(gains)[:, 1] < 0.01).all()


def test_where_each_item_has_one_review_neither_model_nor_prior_is_sure() -> None:
    items, prior, truth = drawn(1, 500, lambda _: np.ones(500, np.int64), 0.3)
    plain, found = estimate(items), estimate(items, prior)
    assert ((truth >= plain.low) & (truth <= plain.high)).mean() > 0.9
    assert found.prior_weight.max() < 0.9
    assert stats.spearmanr(found.score, truth)[0] > stats.spearmanr(plain.score, truth)[0]


def test_reviews_take_over_from_the_prior_and_items_without_any_are_left_to_it() -> None:
    items, prior, _ = drawn(0, 60, lambda _: np.array([*[3] * 58, 400, 1]), 0.5)
    last = replace(items, reviews=np.append(items.reviews[:-1], 0), mean=np.append(items.mean[:-1], 0.0))
    found = estimate(last, prior)
    assert found.prior_weight[-1] == pytest.approx(1.0)
    assert found.prior_weight[-2] < 0.05
    assert abs(found.from_prior[-2]) < 0.01
    assert found.high[-1] - found.low[-1] > found.high[:58].max() - found.low[:58].max()


def test_an_item_of_which_nothing_is_expected_owes_nothing_to_the_prior() -> None:
    items, prior, _ = drawn(0, 50, mostly_few(50), 0.5, unknown=0.5)
    found = estimate(items, prior)
    assert (found.from_prior[np.isnan(prior.mean)] == 0).all()
    nothing = Prior(np.full(50, np.nan), np.zeros(50))
    np.testing.assert_array_equal(estimate(items, nothing).score, estimate(items).score)


def test_few_items_are_enough_for_a_prior_of_usual_strength() -> None:
    found = estimate(items_of([[0.6, 0.9]] * 3), Prior(np.array([2.0, 0.0, -2.0]), np.zeros(3)))
    assert found.score[0] > found.score[1] + 0.02 > found.score[2] + 0.04


def background(prior: Prior, target: Floats | None = None) -> Background:
    films = {f"m{number}": Movie("") for number in range(len(prior.mean))}
    goal = None if target is None else ItemRatings(films, target, np.full(len(target), 0.001))
    return Background(ItemRatings(films, prior.mean, prior.variance), goal)


@pytest.mark.parametrize("has_target", [False, True])
def test_what_comes_from_the_prior_adds_up(has_target: bool) -> None:
    """Two items with the same reviews differ by what is expected of them, and by nothing else."""
    items, prior, truth = drawn(3, 80, lambda _: np.full(80, 4), 0.5)
    same = {name: getattr(items, name).copy() for name in ("mean", "squares")}
    for values in same.values():
        values[1] = values[0]
    target = 0.3 + 0.3 * truth + 0.02 * prior.mean
    found = background(prior, target if has_target else None).estimate(replace(items, **same), {})
    assert found.from_prior[0] != found.from_prior[1]
    assert found.score[0] - found.score[1] == pytest.approx(found.from_prior[0] - found.from_prior[1])


def test_a_calibration_predicts_ratings_of_items_that_it_has_not_seen() -> None:
    items, prior, truth = drawn(0, 300, mostly_few(300), 0.4)
    noise = np.random.default_rng(0).normal(size=(2, 300))
    known = background(prior, 0.4 + 0.3 * truth + 0.03 * prior.mean + 0.04 * noise[0] + 0.03 * noise[1])
    measured = measure_target(items, known, {})
    assert measured.items == 300
    assert measured.gain.low > 0
    assert measured.score.value > measured.without_reviews.value > 0.1
    assert 0.91 < measured.covered < 0.98
    nothing = measure_target(items, background(prior, 0.5 + 0.03 * prior.mean + 0.05 * noise[0]), {})
    assert nothing.gain.value < 0.02
    assert nothing.gain.low < 0


def test_a_target_of_too_few_items_is_refused() -> None:
    items, prior, truth = drawn(0, 20, lambda _: np.full(20, 4), 0.4)
    with pytest.raises(DataError, match="20 items with reviews"):
        background(prior, truth).estimate(items, {})


def test_items_without_reviews_are_listed_only_when_asked() -> None:
    items, prior, _ = drawn(0, 30, lambda _: np.full(30, 3), 0.5)
    films = {"x": Movie("Unseen", 2001, ("Drama",)), **{f"m{number}": Movie("") for number in range(30)}}
    known = Background(ItemRatings(films, np.append(4.0, prior.mean), np.full(31, 2.0)))
    assert "x" not in [item.movie for item in rank_items(items, RankOptions(top=99, min_reviews=1), {}, known)]
    (unseen,) = rank_items(items, RankOptions(min_reviews=0, genres=("drama",)), {}, known)
    assert (unseen.movie, unseen.title, unseen.reviews, unseen.mean) == ("x", "Unseen", 0, None)
    assert unseen.prior_weight == pytest.approx(1.0)
    assert unseen.from_prior == pytest.approx(unseen.score - known.estimate(items, {}).overall, abs=0.05)


@pytest.mark.parametrize(
    ("key", "movie", "expected"),
    [
        ("tt0113277", None, 0),
        ("a", Movie("Anything", 1950, imdb="113277"), 0),
        ("a", Movie("He@t", 1995, tmdb="949"), 0),
        ("a", Movie("Anything", 1950, tmdb="949"), -1),
        ("a", Movie("Heat", 1995), 0),
        ("Alien", None, 2),
        ("Alien (1979)", None, 2),
        ("Hamlet", None, -1),
        ("7", Movie("Matrix, The", 1999), -1),
        ("7", None, 1),
        ("a", Movie("Heat", 1972), -1),
    ],
)
def test_items_are_linked_by_number_title_and_year_or_key(key: str, movie: Movie | None, expected: int) -> None:
    others = {
        "949": Movie("Heat", 1995, imdb="113277"),
        "7": Movie("Toy Story", 1995),
        "12": Movie("Alien", 1979),
        "13": Movie("Hamlet", 1990),
        "14": Movie("Hamlet", 1996),
    }
    assert link([key], {key: movie} if movie else {}, others).tolist() == [expected]


def test_expectations_are_read_and_unusable_rows_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "rated.csv"
    path.write_text("key,title,rating,deviation\n1,Heat (1995),7.5,0.5\n2,Alien,high,1\n3,Brazil,6,\n3,Brazil,5,\n")
    found = read_expectations(path)
    assert found.items == {"1": Movie("Heat", 1995), "3": Movie("Brazil")}
    assert found.variance.tolist() == [0.25, 0.0]
    assert "2 rows" in caplog.text
    assert "line 3" in caplog.text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("id,title,vote_average\n1,Heat,7.9\n", "no column 'rating'"),
        ("budget,rating\n1,7.9\n", "no column 'key'"),
        ("key,rating\na,5\nb,5\n", "tell nothing"),
    ],
)
def test_a_table_that_expects_nothing_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "rated.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=problem):
        read_expectations(path)


def test_from_files_to_measures(tmp_path: Path) -> None:
    rows = sample_rows(items=40, reviews=8)
    scores = tmp_path / "scores.parquet"
    scored = recommend(rows, WordScorer(), scoring=ScoringOptions(scores=scores)).scored
    prior = tmp_path / "prior.csv"
    prior.write_text("key,rating\n" + "".join(f"m{number},{number % 7 + number / 5}\n" for number in range(40)))
    ratings = tmp_path / "ratings.csv"
    lines = [f"{user},m{item},{(item // 10) + user}\n" for user in (1, 2) for item in range(40)]
    ratings.write_text("user,item,rating\n" + "".join(lines))
    known = read_background(prior, ratings)
    assert known is not None
    few = measure_few_reviews(scores, known, {}, 1.5)
    assert [one.reviews for one in few] == [1, 2, 5]
    assert few[0].gain.value > 0
    assert measure_target(scored.items, known, {}).score.value > 0.3
    others = replace(scored.items, keys=tuple(f"x{number}" for number in range(40)))
    with pytest.raises(DataError, match="among those that the prior rates"):
        rank_items(others, RankOptions(), {}, known)


def test_words_are_told_by_scorers_that_can() -> None:
    class Telling(WordScorer):
        def explain(self, texts: Any) -> list[dict[str, float]]:
            return [{"lovely": 2.0 * text.count("lovely"), "dull": -1.0 * text.count("dull")} for text in texts]

    first, *_, last = recommend(sample_rows(), Telling(), explain=True).items
    assert next(iter(first.words)) == "lovely"
    assert next(iter(last.words)) == "dull"
    with pytest.raises(DataError, match="does not tell"):
        recommend(sample_rows(), WordScorer(), explain=True)

"""The rank score: a film needs reviews that agree, and enough of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentrec.recommend.films import Films
from sentrec.recommend.shrinkage import shrink


def films_of(probabilities: list[list[float]]) -> Films:
    groups = [np.array(one) for one in probabilities]
    counts = np.array([len(one) for one in groups])
    return Films(
        keys=tuple(f"m{number}" for number in range(len(groups))),
        reviews=counts,
        duplicates=np.zeros_like(counts),
        mean=np.array([one.mean() for one in groups]),
        squares=np.array([((one - one.mean()) ** 2).sum() for one in groups]),
        share_positive=np.array([(one > 0.5).mean() for one in groups]),
        rating=np.full(len(groups), np.nan),
        embedding=np.zeros((len(groups), 0), dtype=np.float32),
    )


OTHERS = [[0.2, 0.4, 0.3], [0.6, 0.5, 0.4, 0.7], [0.1, 0.2], [0.8, 0.7, 0.9, 0.6, 0.8], [0.5, 0.3, 0.6]]


def test_many_very_good_reviews_outrank_a_single_rave() -> None:
    shrunken = shrink(films_of([[0.99], [0.99, 0.82, 0.99] * 10, *OTHERS]))
    assert shrunken.score[1] > shrunken.score[0]
    assert shrunken.expected[0] < 0.99


def test_reviews_that_agree_outrank_reviews_that_do_not() -> None:
    agree, differ = [0.78, 0.8, 0.82] * 4, [0.6, 0.8, 1.0] * 4
    shrunken = shrink(films_of([agree, differ, *OTHERS]))
    assert shrunken.score[0] > shrunken.score[1]


def test_with_very_many_reviews_the_film_speaks_for_itself() -> None:
    shrunken = shrink(films_of([[0.9, 0.8] * 5000, *OTHERS]))
    assert shrunken.expected[0] == pytest.approx(0.85, abs=1e-3)
    assert shrunken.high[0] - shrunken.low[0] < 0.01


def test_films_that_chance_alone_tells_apart_are_pulled_together() -> None:
    generator = np.random.default_rng(0)
    films = films_of([list(generator.uniform(0, 1, 20)) for _ in range(400)])
    shrunken = shrink(films)
    assert shrunken.spread < 0.02
    assert np.ptp(shrunken.expected) < 0.2 * np.ptp(films.mean)


def test_known_spread_is_recovered_and_the_intervals_hold_what_they_promise() -> None:
    generator = np.random.default_rng(1)
    truth = np.clip(generator.normal(0.55, 0.15, 2000), 0.05, 0.95)
    counts = generator.integers(3, 20, len(truth))
    reviews = [list(generator.normal(mean, 0.2, count)) for mean, count in zip(truth, counts, strict=True)]
    shrunken = shrink(films_of(reviews))
    assert shrunken.spread == pytest.approx(0.15, abs=0.01)
    assert shrunken.overall == pytest.approx(0.55, abs=0.01)
    covered = np.mean((truth >= shrunken.low) & (truth <= shrunken.high))
    assert 0.93 < covered < 0.97
    raw_error = np.mean((np.array([np.mean(one) for one in reviews]) - truth) ** 2)
    assert np.mean((shrunken.expected - truth) ** 2) < 0.9 * raw_error


@pytest.mark.parametrize("probabilities", [[[0.9]], [[0.9], [0.9]], [[0.5, 0.5, 0.5]], [[1.0] * 3, [0.0] * 3]])
def test_few_or_equal_films_still_get_an_honest_interval(probabilities: list[list[float]]) -> None:
    shrunken = shrink(films_of(probabilities))
    assert np.isfinite(shrunken.low).all()
    assert (shrunken.low < shrunken.high).all()


@pytest.mark.parametrize("spread", [0.05, 0.15])
@pytest.mark.parametrize("count", [3, 5, 10, 24])
def test_intervals_of_a_few_films_hold_what_they_promise(count: int, spread: float) -> None:
    generator = np.random.default_rng(count)
    covered = []
    for _ in range(200):
        truth = generator.normal(0.55, spread, count)
        sizes = generator.integers(3, 20, count)
        shrunken = shrink(
            films_of([list(generator.normal(mean, 0.3, size)) for mean, size in zip(truth, sizes, strict=True)])
        )
        covered.append(np.mean((truth >= shrunken.low) & (truth <= shrunken.high)))
    assert 0.91 < np.mean(covered) < 0.985


def test_films_that_many_pan_are_still_told_apart() -> None:
    panned = [[0.0, 0.02, 0.3], [0.0, 0.02, 0.35], [0.0, 0.0, 0.4, 0.1]]
    shrunken = shrink(films_of([*panned, *OTHERS]))
    assert (shrunken.low[:3] == 0.0).all()
    assert len(set(shrunken.score[:3])) == 3


def test_the_score_is_the_lower_quartile_of_what_a_film_may_be() -> None:
    generator = np.random.default_rng(3)
    truth = generator.normal(0.55, 0.1, 2000)
    shrunken = shrink(films_of([list(generator.normal(mean, 0.3, 6)) for mean in truth]))
    assert np.mean(truth > shrunken.score) == pytest.approx(0.75, abs=0.03)


chances = st.floats(0, 1)


@given(st.lists(st.lists(chances, min_size=1, max_size=6), min_size=1, max_size=12))
def test_expected_stays_within_what_films_have_and_the_score_below_it(probabilities: list[list[float]]) -> None:
    films = films_of(probabilities)
    shrunken = shrink(films)
    assert (shrunken.expected >= films.mean.min() - 1e-9).all()
    assert (shrunken.expected <= films.mean.max() + 1e-9).all()
    assert (shrunken.score <= shrunken.expected).all()
    assert ((shrunken.low >= 0) & (shrunken.low <= shrunken.high) & (shrunken.high <= 1)).all()

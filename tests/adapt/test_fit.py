from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sentrec.adapt import fit as room
from sentrec.adapt.cooccurrence import Cooccurrences
from sentrec.adapt.fit import Fit, FitOptions, fit

WORDS, DIM = 150, 5


def counts_of(table: np.ndarray) -> Cooccurrences:
    rows, columns = np.nonzero(table)
    ends = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(table)))]).astype(np.int64)
    return Cooccurrences(ends, columns.astype(np.int32), table[rows, columns].astype(np.float32))


@pytest.fixture(scope="module")
def counts() -> Cooccurrences:
    chance = np.random.default_rng(3)
    factors = chance.standard_normal((WORDS, DIM))
    table = np.exp(factors @ factors.T / 2 + chance.normal(0, 0.3, (WORDS, WORDS)))
    table = (table + table.T) * (chance.random((WORDS, WORDS)) < 0.4)
    table = np.maximum(table, table.T)
    table[7] = table[:, 7] = 0  # a word without any neighbour
    return counts_of(table)


def options(**changed: float) -> FitOptions:
    values = {"passes": 3, "pull": 0.1, "x_max": 2.0, "seed": 1} | changed
    return FitOptions(int(values["passes"]), values["pull"], values["x_max"], int(values["seed"]))


def objective(counts: Cooccurrences, state: Fit, centre: np.ndarray, how: FitOptions) -> tuple[float, float]:
    """What is minimised, and the mean squared error, entry by entry in double precision."""
    rows = np.repeat(np.arange(counts.words), np.diff(counts.ends))
    weight = np.minimum(1, (counts.counts.astype(float) / how.x_max) ** 0.75)
    fitted = (state.words.astype(float)[rows] * state.contexts.astype(float)[counts.columns]).sum(axis=1)
    fitted += state.word_bias[rows] + state.context_bias[counts.columns]
    error = (weight * (fitted - np.log(counts.counts)) ** 2).sum()
    pulled = sum(((side - centre) ** 2).sum() for side in (state.words, state.contexts))
    biases = (state.word_bias**2).sum() + (state.context_bias**2).sum()
    return float(error + how.pull * pulled + room._BIAS_PULL * biases), float(error / weight.sum())


def test_each_half_lowers_the_objective_and_tells_its_error(counts: Cooccurrences) -> None:
    centre, how = np.zeros((WORDS, DIM), np.float32), options(passes=5)
    states: list[Fit] = []
    fit(counts, centre, how, 2, states.append)
    measured = [objective(counts, state, centre, how) for state in states]
    values = [value for value, _ in measured]
    assert len(values) == 10
    assert all(later <= earlier * (1 + 1e-5) for earlier, later in pairwise(values))
    assert values[-1] < 0.5 * values[0]
    np.testing.assert_allclose([state.error for state in states], [error for _, error in measured], rtol=1e-3)


def test_a_half_is_at_the_minimum_of_its_side(counts: Cooccurrences) -> None:
    centre, how = np.full((WORDS, DIM), 0.2, np.float32), options(passes=1)
    state = fit(counts, centre, how, 1, lambda _: None)
    least = objective(counts, state, centre, how)[0]
    for place in ((0, 0), (40, 3), (149, 4)):
        for step in (-0.01, 0.01):
            moved = state.contexts.copy()
            moved[place] += step
            other = Fit(2, state.words, moved, state.word_bias, state.context_bias, 0.0)
            assert objective(counts, other, centre, how)[0] > least


def test_a_strong_pull_keeps_the_pretrained_vectors_and_a_weak_one_does_not(counts: Cooccurrences) -> None:
    centre = np.random.default_rng(5).standard_normal((WORDS, DIM)).astype(np.float32)
    distance = [
        np.abs(fit(counts, centre, options(pull=pull), 1, lambda _: None).vectors - 2 * centre).mean()
        for pull in (1e6, 10.0, 0.01)
    ]
    assert distance[0] < 1e-3
    assert distance[0] < distance[1] < distance[2]


def test_a_word_without_neighbours_keeps_its_vector(counts: Cooccurrences) -> None:
    centre = np.random.default_rng(5).standard_normal((WORDS, DIM)).astype(np.float32)
    state = fit(counts, centre, options(), 1, lambda _: None)
    np.testing.assert_allclose(state.vectors[7], 2 * centre[7], rtol=1e-4)


def test_resumed_ends_with_the_same_bits_whatever_the_threads(counts: Cooccurrences, tmp_path: Path) -> None:
    centre = np.zeros((WORDS, DIM), np.float32)
    whole = fit(counts, centre, options(), 1, lambda _: None)

    def stop(state: Fit) -> None:
        state.save(tmp_path / "fit.safetensors")
        if state.halves == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(counts, centre, options(), 3, stop)
    start = Fit.load(tmp_path / "fit.safetensors")
    assert start is not None
    assert start.halves == 3
    resumed = fit(counts, centre, options(), 2, lambda _: None, start)
    np.testing.assert_array_equal(resumed.vectors, whole.vectors)
    assert resumed.error == whole.error


def test_a_broken_or_missing_state_is_none(tmp_path: Path) -> None:
    assert Fit.load(tmp_path / "none") is None
    (tmp_path / "broken").write_bytes(b"no safetensors")
    assert Fit.load(tmp_path / "broken") is None


def test_another_seed_gives_other_vectors_from_scratch(counts: Cooccurrences) -> None:
    centre = np.zeros((WORDS, DIM), np.float32)
    one, other = (fit(counts, centre, options(seed=seed), 1, lambda _: None) for seed in (1, 2))
    assert np.abs(one.vectors - other.vectors).mean() > 0.01

"""A Gaussian process over facts: items are rated as those that are like them, in numbers and in names."""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from sentrec.rating.facts import Facts, Floats
from sentrec.rating.names import ALL_FACTS, NameEffects, logs_of, matrix_of, number_of

_LINEAR, _NEARBY, _NAMES = 0.3, 0.4, 0.7
"""Prior variances, in that of the target: of what numbers add, of what items near by have in common, of names."""
_REACH = 0.7
"""How far near by is, in standard deviations of all numbers."""
_FARTHEST = 4.0
"""So many standard deviations from the mean a number counts at most."""
_MOST_ROWS = 6000
"""A matrix of all pairs of more training items would not fit into memory: of more, so many are drawn."""
_SMALLEST = 1e-9


@dataclass(frozen=True)
class Kernel:
    """What was learned of a target (Rasmussen and Williams 2006, chapter 2); every array is float64.

    Attributes:
        base: What is expected of an item of which nothing is known.
        rows: Standardised numbers of training items, and whether each is unknown, shape ``(items, 2 * numbers)``.
        dual: What each of these items adds to those near by, shape ``(items,)``.
        slopes: Weight of each column of `rows`.
        rarity: What a name counts beside the others of an item, the rarer the more, shape ``(names,)``.
        weights: Weight of each name, shape ``(names,)``.
    """

    base: float
    rows: Floats
    dual: Floats
    slopes: Floats
    rarity: Floats
    weights: Floats

    def predict(self, effect: NameEffects, facts: Facts) -> Floats:
        """The target to expect; `effect` has the names and numbers that it was fitted with."""
        return self.base + sum(self.contributions(effect, facts).values(), np.zeros(len(facts)))

    def contributions(self, effect: NameEffects, facts: Facts) -> dict[str, Floats]:
        """What each number, each kind of names and nearness in all numbers add to `base`, ``(items,)`` each."""
        rows, names = _rows(effect, facts), _unit_rows(effect, facts, self.rarity)
        of_numbers = (rows * self.slopes).reshape(len(facts), -1, 2).sum(axis=2)
        parts = dict(zip(effect.numbers, of_numbers.T, strict=True))
        kinds = np.array([kind for kind, _ in effect.names])
        for kind in effect.kinds:
            parts[kind] = np.asarray(names @ np.where(kinds == kind, self.weights, 0.0))
        return parts | {ALL_FACTS: _nearness(rows, self.rows) @ self.dual}


def fit_kernel(effect: NameEffects, facts: Facts, target: Floats, variance: Floats, seed: int) -> Kernel:
    """Fits it to items whose targets have these variances around what facts say; `effect` tells names and numbers."""
    if len(facts) > _MOST_ROWS:
        drawn = np.sort(np.random.default_rng(seed).choice(len(facts), _MOST_ROWS, replace=False))
        facts, target, variance = facts.take(drawn), target[drawn], variance[drawn]
    base = float(np.average(target, weights=1.0 / variance))
    spread = float(np.average((target - base) ** 2, weights=1.0 / variance))
    rarity = np.sqrt(np.log(np.maximum(len(facts) / np.maximum(matrix_of(facts, effect.names).sum(axis=0), 1.0), 1.0)))
    rarity = np.asarray(rarity).ravel()
    rows, names = _rows(effect, facts), _unit_rows(effect, facts, rarity)
    slope, common = spread * _LINEAR / max(rows.shape[1], 1), spread * _NAMES
    covariance = slope * (rows @ rows.T) + spread * _NEARBY * _nearness(rows, rows)
    covariance += common * (names @ names.T).toarray()
    covariance[np.diag_indices(len(facts))] += variance
    dual = linalg.solve(covariance, target - base, assume_a="pos", overwrite_a=True)
    return Kernel(base, rows, spread * _NEARBY * dual, slope * (rows.T @ dual), rarity, common * (names.T @ dual))


def _rows(effect: NameEffects, facts: Facts) -> Floats:
    """Standardised logarithms of numbers, 0 where unknown, each beside whether it is."""
    found = np.empty((len(facts), 2 * len(effect.numbers)))
    for place, (name, (*_, mean, deviation)) in enumerate(effect.numbers.items()):
        logs, unknown = logs_of(number_of(facts, name))
        found[:, 2 * place] = np.nan_to_num(np.clip((logs - mean) / deviation, -_FARTHEST, _FARTHEST))
        found[:, 2 * place + 1] = unknown
    return found


def _unit_rows(effect: NameEffects, facts: Facts, rarity: Floats) -> sparse.csr_matrix:
    """The names of items, weighed by their rarity; those of an item have the length 1 together."""
    scaled = matrix_of(facts, effect.names) @ sparse.diags(rarity)
    lengths = np.sqrt(np.asarray(scaled.multiply(scaled).sum(axis=1)).ravel())
    return sparse.diags(1.0 / np.maximum(lengths, _SMALLEST)) @ scaled


def _nearness(rows: Floats, others: Floats) -> Floats:
    """How near items are in all numbers, 0 to 1, shape ``(rows, others)``."""
    distances = (rows**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2.0 * rows @ others.T
    return np.asarray(np.exp(-np.maximum(distances, 0.0) / (2.0 * max(rows.shape[1], 1) * _REACH**2)))

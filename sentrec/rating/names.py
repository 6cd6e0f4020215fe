"""What names say of a target: shrunken means of the items that have them, and a linear model of all facts at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sentrec.rating.facts import Facts, Floats

ALL_FACTS = "all facts together"
_FEWEST_ITEMS = 2
"""A name that one item has says nothing of others."""
_PRIOR_ITEMS = 4.0
"""A mean is shrunk as if so many items with the mean target had the name, too."""
_PENALTY = 30.0
"""Of squared weights of names."""
_NUMBERS_COUNT = 3.0
"""Numbers are few and sure beside names: their weights are penalised less."""
_SMALLEST_DEVIATION = 1e-6
_COMMON = 0.03
"""A name that so many items have is a feature of its own."""


@dataclass(frozen=True)
class NameEffects:
    """What was learned of names and numbers for one target; every array is float64.

    Attributes:
        names: Kind and name of those that are known.
        counts: How many training items have each name, shape ``(names,)``.
        means: Shrunken mean of the target of each name, less that of all, shape ``(names,)``.
        weights: Weight of each name in the linear model, shape ``(names,)``.
        numbers: By number: the weights of its logarithm, standardised, of the square of that, and of its being zero or
            unknown; mean and standard deviation of the logarithm.
        intercept: Of the linear model.
        common: Whether a name is a feature of its own, shape ``(names,)``.
    """

    names: tuple[tuple[str, str], ...]
    counts: Floats
    means: Floats
    weights: Floats
    numbers: Mapping[str, Floats]
    intercept: float
    common: npt.NDArray[np.bool_]

    @property
    def kinds(self) -> list[str]:
        """The kinds of names."""
        return list(dict.fromkeys(kind for kind, _ in self.names))

    def of_numbers(self, facts: Facts) -> Floats:
        """What numbers and the intercept add up to in the linear model, shape ``(items,)``."""
        total = np.full(len(facts), self.intercept)
        for name, (weight, of_square, of_unknown, mean, deviation) in self.numbers.items():
            logs, unknown = logs_of(number_of(facts, name))
            standard = np.nan_to_num((logs - mean) / deviation)
            total += weight * standard + of_square * standard**2 + of_unknown * unknown
        return total


def features_of(effects: Sequence[NameEffects], facts: Facts) -> Floats:
    """Features for trees, shape ``(items, features)``.

    Numbers and common names, how often the names of each kind occurred, and for each target what the names of a kind
    say, weighed by their counts and in the linear model, and the prediction of that model.
    """
    first = effects[0]
    matrix, kinds = matrix_of(facts, first.names), first.kinds
    place = {kind: column for column, kind in enumerate(kinds)}
    columns = np.array([place[kind] for kind, _ in first.names], np.int64)

    def by_kind(values: Floats) -> Floats:
        spread = sparse.csr_matrix((values, (np.arange(len(values)), columns)), shape=(len(values), len(kinds)))
        return np.asarray((matrix @ spread).toarray())

    own = [number_of(facts, name) for name in first.numbers]
    number = np.maximum(by_kind(np.ones(len(columns))), 1.0)
    parts: list[Floats] = [matrix[:, first.common].toarray(), by_kind(np.log1p(first.counts)) / number]
    for effect in effects:
        evidence = first.counts + _PRIOR_ITEMS
        pooled = by_kind(effect.means * evidence) / np.maximum(by_kind(evidence), 1.0)
        linear = by_kind(effect.weights)
        parts += [pooled, linear, linear.sum(axis=1) + effect.of_numbers(facts)]
    return np.column_stack([*own, *parts])


def facts_of_features(effects: Sequence[NameEffects]) -> list[str]:
    """Which fact each of `features_of` is of: a number, a kind of names, or all."""
    first = effects[0]
    common = [kind for (kind, _), is_common in zip(first.names, first.common, strict=True) if is_common]
    of_target = [*first.kinds, *first.kinds, ALL_FACTS]
    return [*first.numbers, *common, *first.kinds, *(of_target * len(effects))]


def several(facts: Facts) -> Facts:
    """The facts with those names only that several items have."""
    kept = np.flatnonzero(np.asarray(facts.matrix.sum(axis=0)).ravel() >= _FEWEST_ITEMS)
    return Facts(facts.numbers, tuple(facts.names[column] for column in kept), facts.matrix[:, kept])


def fit_names(facts: Facts, target: Floats, weights: Floats, like: NameEffects | None = None) -> NameEffects:
    """Learns what names and numbers say of a target.

    Args:
        facts: Of the training items; their names are learned of, see `several`.
        target: A number for each.
        weights: How much each counts.
        like: Effects of the same names whose common ones count as such, too; None: those of these items.
    """
    from sklearn.linear_model import Ridge  # which rating need not wait for

    weights, names, matrix = weights / weights.mean(), facts.names, facts.matrix
    counts = np.asarray(matrix.sum(axis=0)).ravel()
    centred = target - np.average(target, weights=weights)
    means = (matrix.T @ (weights * centred)) / (matrix.T @ weights + _PRIOR_ITEMS)
    kind_of = np.unique([kind for kind, _ in names], return_inverse=True)[1] if names else np.empty(0, np.int64)
    # However many names a kind has, all of them together may say as much.
    size = np.sqrt(np.maximum(np.bincount(kind_of, counts) / len(facts), 1e-9)) if len(names) else np.empty(0)
    scale = 1.0 / size[kind_of]
    columns, spread = [], {}
    for name, values in facts.numbers.items():
        logs, unknown = logs_of(values)
        known = logs[~unknown]
        mean, deviation = (float(known.mean()), float(known.std())) if len(known) else (0.0, 1.0)
        deviation = deviation if deviation > _SMALLEST_DEVIATION else 1.0
        spread[name] = (mean, deviation)
        standard = np.nan_to_num((logs - mean) / deviation)
        columns += [standard, standard**2, unknown]
    dense = _NUMBERS_COUNT * np.column_stack(columns) if columns else np.empty((len(facts), 0))
    joined = sparse.hstack([matrix @ sparse.diags(scale), dense]).tocsr()
    model = Ridge(alpha=_PENALTY, solver="sparse_cg", tol=1e-4).fit(joined, target, sample_weight=weights)
    of_numbers = _NUMBERS_COUNT * model.coef_[len(names) :].reshape(-1, 3)
    return NameEffects(
        names,
        counts,
        means,
        model.coef_[: len(names)] * scale,
        {name: np.array([*pair, *spread[name]]) for name, pair in zip(spread, of_numbers, strict=True)},
        float(model.intercept_),
        like.common if like else counts >= _COMMON * len(facts),
    )


def number_of(facts: Facts, name: str) -> Floats:
    """A number of each item, NaN where it is unknown."""
    return facts.numbers.get(name, np.full(len(facts), np.nan))


def matrix_of(facts: Facts, names: tuple[tuple[str, str], ...]) -> sparse.csr_matrix:
    """Which item has which of some names."""
    if facts.names is names:
        return facts.matrix
    place = {name: column for column, name in enumerate(names)}
    found = [(row, place[name]) for row, name in enumerate(facts.names) if name in place]
    rows, columns = np.array(found, np.int64).reshape(-1, 2).T
    chosen = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(facts.names), len(names)))
    return facts.matrix @ chosen


def logs_of(values: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Signed logarithms, NaN where a number is zero or unknown, and whether it is."""
    unknown = np.isnan(values) | (values == 0)
    return np.where(unknown, np.nan, np.sign(values) * np.log1p(np.abs(values))), unknown

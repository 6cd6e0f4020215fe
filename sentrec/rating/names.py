"""What names say of ratings: shrunken means of the items that have them, and a linear model of all facts at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sentrec.rating.facts import Facts, Floats

ALL_FACTS = "all facts together"
_FEWEST_ITEMS = 2
"""A name that one item has says nothing of others."""
_PRIOR_ITEMS = 4.0
"""A mean is shrunk as if so many items of average rating had the name, too."""
_PENALTY = 8.0
"""Of squared weights of names."""
_NUMBERS_COUNT = 3.0
"""Numbers are few and sure beside names: their weights are penalised less."""
_SMALLEST_DEVIATION = 1e-6
_COMMON = 0.03
"""A name that so many items have is a feature of its own."""


@dataclass(frozen=True)
class NameEffects:
    """What was learned of names and numbers; every array is float64.

    Attributes:
        names: Kind and name of those that are known.
        means: Shrunken mean of the target of each name, less that of all, shape ``(names,)``.
        weights: Weight of each name in the linear model, shape ``(names,)``.
        shares: Share of the training items that have each name, shape ``(names,)``.
        numbers: By number: the weights of its logarithm and of its being zero or unknown; mean and standard deviation
            of that logarithm; share of the training items where it is unknown.
        intercept: Of the linear model.
        common: Whether a name is a feature of its own, shape ``(names,)``.
    """

    names: tuple[tuple[str, str], ...]
    means: Floats
    weights: Floats
    shares: Floats
    numbers: Mapping[str, Floats]
    intercept: float
    common: npt.NDArray[np.bool_]

    def matrix(self, facts: Facts) -> sparse.csr_matrix:
        """Which item has which of the known names."""
        return facts.matrix @ _selection(facts, self.names)

    def linear(self, facts: Facts) -> Floats:
        """The prediction of the linear model, shape ``(items,)``."""
        parts = self.linear_parts(facts)
        return sum(parts.values(), start=np.full(len(facts), self.mean))

    @property
    def mean(self) -> float:
        """The mean prediction of the linear model for the training items."""
        unknown = sum(float(scale[1] * scale[4]) for scale in self.numbers.values())
        return self.intercept + float(self.weights @ self.shares) + unknown

    def linear_parts(self, facts: Facts) -> dict[str, Floats]:
        """What each number and all names of each kind add to that mean; by their names, shape ``(items,)``."""
        matrix, parts = self.matrix(facts), {}
        for name, (weight, weight_unknown, mean, deviation, share) in self.numbers.items():
            logs, unknown = _logs(self._numbers(facts, name))
            parts[name] = weight * np.nan_to_num((logs - mean) / deviation) + weight_unknown * (unknown - share)
        kind_of = np.array([kind for kind, _ in self.names])
        for kind in self.kinds:
            weights = np.where(kind_of == kind, self.weights, 0.0)
            parts[kind] = matrix @ weights - weights @ self.shares
        return parts

    def _numbers(self, facts: Facts, name: str) -> Floats:
        return facts.numbers.get(name, np.full(len(facts), np.nan))

    def features(self, facts: Facts) -> Floats:
        """Numbers, common names, mean effect of the names of each kind, and the linear prediction, for trees."""
        matrix = self.matrix(facts)
        kinds = self.kinds
        of_kind = sparse.csr_matrix(
            (np.ones(len(self.names)), (np.arange(len(self.names)), [kinds.index(kind) for kind, _ in self.names])),
            shape=(len(self.names), len(kinds)),
        )
        counts = (matrix @ of_kind).toarray()
        sums = (matrix @ of_kind.multiply(self.means[:, None]).tocsr()).toarray()
        numbers = [self._numbers(facts, name) for name in self.numbers]
        of_names = [matrix[:, self.common].toarray(), sums / np.maximum(counts, 1.0)]
        return np.column_stack([*numbers, *of_names, self.linear(facts)])

    @property
    def kinds(self) -> list[str]:
        """The kinds of names, in the order of their features."""
        return list(dict.fromkeys(kind for kind, _ in self.names))

    @property
    def facts_of_features(self) -> list[str]:
        """Which fact each of `features` is of: a number, a kind of names, or all."""
        common = [kind for (kind, _), is_common in zip(self.names, self.common, strict=True) if is_common]
        return [*self.numbers, *common, *self.kinds, ALL_FACTS]


def fit_names(facts: Facts, target: Floats, weights: Floats, like: NameEffects | None = None) -> NameEffects:
    """Learns what names and numbers say of a target.

    Args:
        facts: Of the training items.
        target: Their ratings.
        weights: How much each counts.
        like: Whose names to learn of, so that the features are the same; None: of all that several items have.
    """
    from sklearn.linear_model import Ridge  # which rating need not wait for

    weights = weights / weights.mean()
    occurring = np.asarray(facts.matrix.sum(axis=0)).ravel() >= _FEWEST_ITEMS
    names = like.names if like else tuple(facts.names[column] for column in np.flatnonzero(occurring))
    matrix = facts.matrix @ _selection(facts, names)
    counts = np.asarray(matrix.sum(axis=0)).ravel()
    centred = target - np.average(target, weights=weights)
    means = (matrix.T @ (weights * centred)) / (matrix.T @ weights + _PRIOR_ITEMS)
    kind_of = np.unique([kind for kind, _ in names], return_inverse=True)[1] if names else np.empty(0, np.int64)
    # However many names a kind has, all of them together may say as much.
    size = np.sqrt(np.maximum(np.bincount(kind_of, counts) / len(facts), 1e-9)) if len(names) else np.empty(0)
    scale = 1.0 / size[kind_of]
    columns, spread = [], {}
    for name, values in facts.numbers.items():
        logs, unknown = _logs(values)
        known = logs[~unknown]
        mean, deviation = (float(known.mean()), float(known.std())) if len(known) else (0.0, 1.0)
        deviation = deviation if deviation > _SMALLEST_DEVIATION else 1.0
        spread[name] = (mean, deviation, float(unknown.mean()))
        columns += [_NUMBERS_COUNT * np.nan_to_num((logs - mean) / deviation), _NUMBERS_COUNT * unknown]
    dense = np.column_stack(columns) if columns else np.empty((len(facts), 0))
    joined = sparse.hstack([matrix @ sparse.diags(scale), dense]).tocsr()
    model = Ridge(alpha=_PENALTY, solver="sparse_cg", tol=1e-5).fit(joined, target, sample_weight=weights)
    of_numbers = _NUMBERS_COUNT * model.coef_[len(names) :].reshape(-1, 2)
    return NameEffects(
        names,
        means,
        model.coef_[: len(names)] * scale,
        counts / len(facts),
        {name: np.array([*pair, *spread[name]]) for name, pair in zip(spread, of_numbers, strict=True)},
        float(model.intercept_),
        like.common if like else counts >= _COMMON * len(facts),
    )


def _selection(facts: Facts, names: tuple[tuple[str, str], ...]) -> sparse.csr_matrix:
    place = {name: column for column, name in enumerate(names)}
    found = [(row, place[name]) for row, name in enumerate(facts.names) if name in place]
    rows, columns = np.array(found, np.int64).reshape(-1, 2).T
    return sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(facts.names), len(names)))


def _logs(values: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Signed logarithms, NaN where a number is zero or unknown, and whether it is."""
    unknown = np.isnan(values) | (values == 0)
    return np.where(unknown, np.nan, np.sign(values) * np.log1p(np.abs(values))), unknown

"""Boosted regression trees: fitted by scikit-learn, kept as arrays, and what each feature adds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.recipe.sections import BoostingConfig

Floats = npt.NDArray[np.float64]
_BINS = 64
_SEEDS_APART = 1000
_ROWS = 2048
"""Rows that walk down all trees together."""


@dataclass(frozen=True)
class Trees:
    """Regression trees whose values add up; the nodes of all trees stand one after the other.

    Attributes:
        base: What is added to the sum.
        roots: Place of the root of each tree, int64.
        value: Value of each node; of an inner one, the mean of the training rows that came by it.
        feature: Which feature an inner node asks for; -1 of a leaf.
        threshold: Up to which value of it a row goes left.
        missing_left: Whether it goes left where that is unknown (NaN).
        left: Place of the left child, int64.
        right: That of the right one.
    """

    base: float
    roots: npt.NDArray[np.int64]
    value: Floats
    feature: npt.NDArray[np.int64]
    threshold: Floats
    missing_left: npt.NDArray[np.bool_]
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]

    def predict(self, features: Floats) -> Floats:
        """The predictions for rows of features, to the last bit those of the fitted model."""
        result = np.full(len(features), self.base)
        for start in range(0, len(features), _ROWS):
            rows = features[start : start + _ROWS]
            for root in self.roots:  # one after the other: sums of floats depend on their order
                node = np.full(len(rows), root)
                while (inner := self.feature[node] >= 0).any():
                    node = np.where(inner, self._child(rows, node), node)
                result[start : start + _ROWS] += self.value[node]
        return result

    def contributions(self, features: Floats) -> tuple[float, Floats]:
        """What each feature adds along the paths of a row, shape ``(rows, features)``, and what all rows begin with.

        At every node the feature that is asked for adds the change of the mean (Saabas 2014); all add up to the
        prediction.
        """
        added = np.zeros(features.shape)
        everyone = np.arange(len(features))
        for root in self.roots:
            node = np.full(len(features), root)
            while (inner := self.feature[node] >= 0).any():
                below = np.where(inner, self._child(features, node), node)
                np.add.at(added, (everyone, np.maximum(self.feature[node], 0)), self.value[below] - self.value[node])
                node = below
        return self.base + float(self.value[self.roots].sum()), added

    def _child(self, rows: Floats, node: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        asked = rows[np.arange(len(rows)), np.maximum(self.feature[node], 0)]
        goes_left = np.where(np.isnan(asked), self.missing_left[node], asked <= self.threshold[node])
        return np.where(goes_left, self.left[node], self.right[node])

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """What a file has to hold."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[np.generic]]) -> "Trees":
        """The trees of such a file; a `ValueError` if they lead out of their nodes, or in a circle."""
        trees = cls(float(arrays["base"]), **{name: arrays[name] for name in cls.__annotations__ if name != "base"})  # type: ignore[arg-type]
        inner = np.flatnonzero(trees.feature >= 0)
        children, nodes = np.stack([trees.left[inner], trees.right[inner]]), len(trees.value)
        is_tree = (children > inner).all() and (children < nodes).all()
        if not is_tree or not ((trees.roots >= 0) & (trees.roots < nodes)).all():
            raise ValueError("its trees do not fit together")
        return trees


def fit_trees(features: Floats, target: Floats, weights: Floats, config: BoostingConfig, seed: int) -> Trees:
    """Fits trees to a target by gradient boosting on histograms (Friedman 2001; Ke et al. 2017).

    Args:
        features: Shape ``(rows, features)``; NaN where unknown.
        target: Shape ``(rows,)``.
        weights: How much each row counts.
        config: Number and size of the trees.
        seed: Of the features that each split may ask for, which are others in each of `config.bags`.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor  # which rating need not wait for

    edges = [_edges(column) for column in features.T]
    bins, models = binned(features, edges), []
    for bag in range(config.bags):
        model = HistGradientBoostingRegressor(
            max_iter=config.trees,
            learning_rate=config.learning_rate,
            max_leaf_nodes=config.leaves,
            min_samples_leaf=config.rows_per_leaf,
            l2_regularization=config.l2,
            max_features=config.features,
            early_stopping=False,
            random_state=seed + _SEEDS_APART * bag,
        )
        models.append(model.fit(bins, target, sample_weight=weights))
    nodes = [tree.nodes for model in models for (tree,) in model._predictors]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in nodes])])
    joined = np.concatenate(nodes)
    offset = np.repeat(starts[:-1], np.diff(starts))
    is_leaf = joined["is_leaf"].astype(bool)
    value = np.where(is_leaf, joined["value"], np.nan)
    left, right = joined["left"] + offset, joined["right"] + offset
    for node in np.flatnonzero(~is_leaf)[::-1]:  # children come after their parents
        shares = joined["count"][[left[node], right[node]]].astype(np.float64)
        value[node] = value[[left[node], right[node]]] @ shares / shares.sum()
    return Trees(
        base=float(models[0]._baseline_prediction.item()),
        roots=starts[:-1],
        value=value / config.bags,
        feature=np.where(is_leaf, -1, joined["feature_idx"]),
        threshold=np.array([_border(edges[node["feature_idx"]], node["num_threshold"]) for node in joined]),
        missing_left=joined["missing_go_to_left"].astype(bool),
        left=left,
        right=right,
    )


def binned(features: Floats, edges: list[Floats]) -> Floats:
    """The number of each feature's bin, NaN where it is unknown: bin `k` ends at and includes edge `k`."""
    bins = np.column_stack([np.searchsorted(edge, column) for edge, column in zip(edges, features.T, strict=True)])
    return np.where(np.isnan(features), np.nan, bins)


def _edges(column: Floats) -> Floats:
    # scikit-learn would find the same in minutes where rows have weights.
    known = column[~np.isnan(column)]
    distinct = np.unique(known)
    if len(distinct) > _BINS:
        distinct = np.unique(np.quantile(known, np.linspace(0, 1, _BINS)))
    return (distinct[1:] + distinct[:-1]) / 2


def _border(edge: Floats, bin_border: float) -> float:
    """The value of a feature that stands between two bins."""
    return float(edge[int(bin_border)]) if bin_border < len(edge) else float("inf")

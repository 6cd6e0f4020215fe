"""EASE with item features: what users like predicts what else they like, by ridge regression in closed form."""

from typing import Self

import numpy as np
import numpy.typing as npt
import psutil
from scipy import linalg, sparse

from sentrec.errors import SentrecError
from sentrec.recommender import Floats, History, ItemFeatures, Numbers, Part, Ratings, Recommender, State

_PENALTY = 10.0
_SCALE = 3.0
"""Of unit vectors beside standardised numbers and indicators."""
_SMALLEST = 1e-6


class FeatureRegression:
    """Ridge regression of likes on item features, and on these times the popularity that they predict.

    What somebody likes among items is popularity times taste; the second part lets a user's slopes grow with how many
    are expected to like an item. A user's scores are linear in what they liked: each liked item's part is known.
    `expected` is the share of users that features predict to like an item, ``(items,)``; `solution` leads from likes to
    weights, ``(d, items)``, of the regression on `design`, ``(items, d)``.
    """

    def __init__(self, expected: Floats, design: Floats, solution: Floats) -> None:
        self.expected, self.design, self.solution = expected, design, solution

    @classmethod
    def fit(cls, liked: sparse.csr_matrix, features: ItemFeatures) -> "FeatureRegression":
        """Learns from which user liked which item, shape ``(users, items)``, and from features of the items."""
        counts = np.asarray(liked.sum(axis=0), np.float64).ravel()
        known = np.flatnonzero(counts)
        base = np.column_stack([features.facts, features.named, _SCALE * features.latent])
        design = np.column_stack([np.ones(len(counts)), base])
        logs = design @ (_inverse(design[known]) @ (design[known].T @ np.log1p(counts[known])))
        most = counts.max(initial=1.0)
        expected = np.expm1(np.clip(logs, 0.0, np.log1p(most))) / most
        design = np.column_stack([design, _SCALE * expected, _SCALE * expected[:, None] * base])
        solution = np.zeros((design.shape[1], len(counts)), np.float32)
        solution[:, known] = _inverse(design[known]) @ design[known].T
        share = most / max(liked.shape[0], 1)
        return cls((expected * share).astype(np.float32), design.astype(np.float32), solution)

    def scores(self, liked: Numbers, amounts: Floats) -> Floats:
        """How much somebody who liked these items so much is expected to like each item, shape ``(items,)``."""
        return np.asarray(self.design @ (self.solution[:, liked] @ amounts))

    def weights(self, liked: Numbers, item: int) -> Floats:
        """What each liked item counts for an item's score, shape ``(liked,)``."""
        return np.asarray(self.design[item] @ self.solution[:, liked])


def _inverse(design: Floats) -> Floats:
    penalty = np.full(design.shape[1], _PENALTY)
    penalty[0] = _SMALLEST  # the intercept is free
    return np.linalg.inv(design.T @ design + np.diag(penalty))


POPULARITY = "how many like it"
_KEPT_FREE = 0.1
_SLOPE, _NEUTRAL, _RANGE = 1.6, 0.75, (-0.3, 0.2)
"""The weight of a rating: 1.4 of 5 stars, 1 of 4, 0.2 of 3.5, 0 of 3, and down to -0.3."""
_MANY = 10
_RECENCY = 0.5
"""The weight of a rating grows with this power of its place in time among the user's own."""


class Ease(Recommender):
    """Liked items predict each other: ridge regression in closed form (EASE, Steck 2019)."""

    _graded = False
    """Whether what a user disliked counts against what is like it, and later ratings more than earlier ones."""

    def __init__(
        self, l2: float = 100.0, features: float = 0.0, cold: float = 0.0, most_bytes: float | None = None
    ) -> None:
        """Takes penalties and weights.

        Args:
            l2: Ridge penalty of item-item weights.
            features: Weight of item features, which count as further users who like what has them (Jeunen et al. 2020).
            cold: Weight of a regression on features that places items without ratings; 0: there is none.
            most_bytes: Most memory that fitting may take; None: nine tenths of what is free.
        """
        self._l2, self._feature_weight, self._cold, self._most_bytes = l2, features, cold, most_bytes
        self._regression: FeatureRegression | None = None

    def fit(self, ratings: Ratings, features: ItemFeatures) -> Self:
        """Solves on the smaller side: users and feature dimensions, or items.

        With likes and weighted features as the rows of X, both give S = X'(XX' + l2)^-1 X = 1 - l2 (X'X + l2)^-1
        (Woodbury); on the users' side only V with V'V = S is kept. The weights of EASE are S_ij / (1 - S_jj) off the
        diagonal. Raises a `SentrecError` if it needs more memory than there is.
        """
        liked = ratings.liked()
        self._liked_from = ratings.liked_from
        liked = liked[np.flatnonzero(liked.getnnz(axis=1))]
        extra = (
            np.sqrt(self._feature_weight) * features.latent.T if self._feature_weight else np.zeros((0, liked.shape[1]))
        )
        rows, items = liked.shape[0] + len(extra), liked.shape[1]
        self._require_memory(rows, items)
        self._is_factor = rows <= items
        if self._is_factor:
            stacked = np.vstack([liked.toarray(), extra]).astype(np.float32)
            outer = (stacked @ stacked.T).astype(np.float64) + self._l2 * np.eye(rows)
            self._weights = linalg.solve_triangular(linalg.cholesky(outer, lower=True), stacked, lower=True)
            self._weights = self._weights.astype(np.float32)
            self._diagonal = np.einsum("ij,ij->j", self._weights, self._weights)
        else:
            inner = np.asarray((liked.T @ liked).toarray(), np.float64) + extra.T @ extra + self._l2 * np.eye(items)
            self._weights = (np.eye(items) - self._l2 * np.linalg.inv(inner)).astype(np.float32)
            self._diagonal = self._weights.diagonal().copy()
        counts = np.asarray(liked.sum(axis=0)).ravel()
        self._popularity = (counts / max(liked.shape[0], 1)).astype(np.float32)
        self._share = np.zeros(items, np.float32)
        if self._cold:
            self._regression = FeatureRegression.fit(liked, features)
            unrated = np.bincount(ratings.items, minlength=items) == 0
            self._share = np.where(unrated, self._cold, 0.0).astype(np.float32)
            self._popularity = np.where(unrated, self._regression.expected, self._popularity)
        return self

    def _require_memory(self, rows: int, items: int) -> None:
        need = 12.0 * rows * items + 24.0 * rows**2 if rows <= items else 28.0 * items**2
        most = (1 - _KEPT_FREE) * psutil.virtual_memory().available if self._most_bytes is None else self._most_bytes
        if need > most:
            raise SentrecError(
                f"EASE on {rows:,} users (and feature dimensions) and {items:,} items needs {need / 1e9:,.2g} GB of "
                f"memory; {most / 1e9:,.2g} GB may be taken.",
                "Take --recommender als or item-knn (extra cf), or leave out users and films with few ratings.",
            )

    def scores(self, history: History) -> Floats:
        """Expected likes; of a user who liked nothing yet, on top of the share of users who like an item."""
        items, weights = self._counted(history)
        if self._is_factor:
            similar = (self._weights[:, items] @ weights) @ self._weights
        else:
            similar = weights @ self._weights[items]
        similar[items] -= weights * self._diagonal[items]
        scores = similar / self._free
        if self._regression is not None:
            scores += self._share * self._regression.scores(items, weights)
        return np.asarray(scores if (weights > 0).any() else scores + self._popularity)

    def explain(self, history: History, item: int) -> list[Part]:
        """What each item of the history adds."""
        items, weights = self._counted(history)
        if not self._is_factor:
            similar = self._weights[items, item]
        elif _MANY * len(items) < self._weights.shape[1]:
            similar = self._weights[:, item] @ self._weights[:, items]
        else:  # the product with all items copies nothing
            similar = (self._weights[:, item] @ self._weights)[items]
        values = np.where(items == item, 0.0, similar) / self._free[item]
        if self._regression is not None and self._share[item]:
            values = values + self._share[item] * self._regression.weights(items, item)
        added = zip(items.tolist(), (weights * values).tolist(), strict=True)
        parts = [Part("", value, one) for one, value in added]
        return parts if (weights > 0).any() else [Part(POPULARITY, float(self._popularity[item])), *parts]

    @property
    def _free(self) -> Floats:
        return np.asarray(np.maximum(1.0 - self._diagonal, 1e-6))

    def _counted(self, history: History) -> tuple[Numbers, npt.NDArray[np.float32]]:
        """The items of a history that count, and how much: 1 for what was just liked."""
        share = history.stars / self._liked_from
        if self._graded:
            weights = np.where(share >= 1, 1 + _SLOPE * (share - 1), np.clip(_SLOPE * (share - _NEUTRAL), *_RANGE))
            if len(history.times) and np.isfinite(history.times).all():
                ordered = np.sort(history.times)
                ends = [np.searchsorted(ordered, history.times, side) for side in ("left", "right")]
                weights *= (1 + _RECENCY) * (np.mean(ends, axis=0) / len(ordered)) ** _RECENCY
        else:
            weights = (share >= 1).astype(np.float64)
        kept = np.flatnonzero(weights)
        return history.items[kept], weights[kept].astype(np.float32)

    def state(self) -> State:
        """Weights, and the regression on features where there is one."""
        arrays: dict[str, npt.NDArray[np.float32]] = {
            "weights": self._weights,
            "diagonal": self._diagonal,
            "popularity": self._popularity,
            "share": self._share,
        }
        if self._regression is not None:
            arrays |= {name: getattr(self._regression, name) for name in _REGRESSION}
        return State(arrays, {"liked_from": self._liked_from, "is_factor": self._is_factor})

    @classmethod
    def restore(cls, state: State) -> Self:
        """See `Recommender.restore`."""
        self = cls()
        names = ("weights", "diagonal", "popularity", "share")
        self._weights, self._diagonal, self._popularity, self._share = (state.arrays[name] for name in names)
        self._liked_from, self._is_factor = state.values["liked_from"], state.values["is_factor"]
        if "solution" in state.arrays:
            self._regression = FeatureRegression(*(state.arrays[name] for name in _REGRESSION))
        return self


_REGRESSION = ("expected", "design", "solution")


class EaseWithFeatures(Ease):
    """EASE that learns from item features too, and places items without ratings by them (the default).

    Dislikes and the order in time of the user's ratings count, too.
    """

    _graded = True

    def __init__(
        self, l2: float = 100.0, features: float = 100.0, cold: float = 0.5, most_bytes: float | None = None
    ) -> None:
        super().__init__(l2, features, cold, most_bytes)

"""Expected stars as a sum of effects: of the item, of the user, and of what the user makes of what items are."""

from typing import Self

import numpy as np

from sentrec.recommender import Floats, History, ItemFeatures, Numbers, Part, Ratings, Recommender, State

_FEW = 1e-6


class AdditiveRidge(Recommender):
    """Expected stars: effects of item, user, and user times features, each shrunk (a linear mixed model)."""

    gives_stars = True
    _last: tuple[History, Floats] | None = None

    def __init__(
        self, item: float = 3.0, user: float = 3.0, slopes: float = 8.0, prior: float = 30.0, rounds: int = 6
    ) -> None:
        """Takes variance ratios: that of a rating's noise to that of each effect.

        Args:
            item: Of an item's effect around what its features predict.
            user: Of a user's effect.
            slopes: Of a user's slope of a feature.
            prior: Of the weight of a feature in what features predict of an item.
            rounds: Of fitting items and users in turn (backfitting).
        """
        self._item, self._user, self._slopes, self._prior, self._rounds = item, user, slopes, prior, rounds

    def fit(self, ratings: Ratings, features: ItemFeatures) -> Self:
        """Fits items and users in turn; each step solves its ridge regression exactly."""
        users, items, stars = ratings.users, ratings.items, ratings.stars
        self._mean = float(stars.mean())
        self._range = (float(stars.min()), float(stars.max()))
        counts = np.bincount(items, minlength=ratings.shape[1])
        slopes = np.asarray(features.named, np.float64)
        self._slope_names = features.names
        self._features = slopes - slopes[items].mean(axis=0)
        facts = np.column_stack([np.ones(len(counts)), features.facts, slopes, features.latent])
        weight = counts / (counts + self._item)
        penalty = self._prior * np.append(_FEW, np.ones(facts.shape[1] - 1))
        normal = np.linalg.inv((facts * weight[:, None]).T @ facts + np.diag(penalty)) @ (facts * weight[:, None]).T
        order = np.argsort(users, kind="stable")
        groups = np.split(order, np.cumsum(np.bincount(users, minlength=ratings.shape[0]))[:-1])
        of_user = np.zeros(len(stars))
        for _ in range(self._rounds):
            totals = np.bincount(items, stars - self._mean - of_user, minlength=len(counts))
            self._expected = facts @ (normal @ (totals / np.maximum(counts, 1)))
            self._effects = self._expected + (totals - counts * self._expected) / (counts + self._item)
            for rows in groups:
                if len(rows):
                    weights = self._weights(items[rows], stars[rows])
                    of_user[rows] = weights[0] + self._features[items[rows]] @ weights[1:]
        return self

    def _weights(self, items: Numbers, stars: Floats) -> Floats:
        """A user's own effect, then the slopes."""
        design = np.column_stack([np.ones(len(items)), self._features[items]])
        penalty = np.append(self._user, np.full(design.shape[1] - 1, self._slopes))
        residual = stars - self._mean - self._effects[items]
        return np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ residual)

    def scores(self, history: History) -> Floats:
        """Expected ratings, within the range of ratings."""
        return np.clip(self._unclipped(self._weights_of(history)), *self._range)

    def _weights_of(self, history: History) -> Floats:
        # All films of a list are explained by one history; other threads may have another.
        last = self._last
        if last is None or last[0] is not history:
            last = self._last = history, self._weights(history.items, history.stars)
        return last[1]

    def _unclipped(self, weights: Floats) -> Floats:
        return np.asarray(self._mean + self._effects + weights[0] + self._features @ weights[1:])

    def explain(self, history: History, item: int) -> list[Part]:
        """The mean, the film (what its features predict, and what its ratings add), and the user's own effects."""
        weights = self._weights_of(history)
        parts = {"mean": self._mean, "film": self._effects[item] - self._expected[item], "you": weights[0]}
        parts["what the film is"] = self._expected[item]
        for name, value in zip(self._slope_names, self._features[item] * weights[1:], strict=True):
            parts[f"{name} (you)"] = parts.get(f"{name} (you)", 0.0) + value
        total = sum(parts.values())
        parts["limits of the scale"] = np.clip(total, *self._range) - total
        return [Part(name, float(value)) for name, value in parts.items() if value]

    def state(self) -> State:
        """Effects, features and penalties."""
        arrays = {"effects": self._effects, "expected": self._expected, "features": self._features}
        values = {"mean": self._mean, "range": list(self._range), "names": list(self._slope_names)}
        return State(arrays, values | {"user": self._user, "slopes": self._slopes})

    @classmethod
    def restore(cls, state: State) -> Self:
        """See `Recommender.restore`."""
        self = cls(user=state.values["user"], slopes=state.values["slopes"])
        self._effects, self._expected, self._features = (state.arrays[n] for n in ("effects", "expected", "features"))
        self._mean, self._range = state.values["mean"], tuple(state.values["range"])
        self._slope_names = tuple(state.values["names"])
        return self

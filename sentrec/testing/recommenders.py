"""The conformance kit of recommenders."""

import json
from typing import ClassVar

import numpy as np
from safetensors.numpy import load, save

from sentrec.recommender import Floats, History, ItemFeatures, Ratings, Recommender, State
from sentrec.testing.encoders import require

_USERS, _ITEMS, _UNRATED = 40, 30, 5


class RecommenderConformance:
    """Checks of one recommender; subclass it under a name that starts with ``Test`` and set `recommender`."""

    recommender: ClassVar[type[Recommender]]
    """The class under test."""

    tolerance: ClassVar[float] = 1e-4
    """How far two answers for the same history may lie apart, relative to the largest score."""

    def test_scores_are_finite_and_one_an_item(self) -> None:
        """Every item gets a number, those without ratings too, and for an unknown user as well."""
        fitted = self._fitted()
        for history in (self._history(), _history([], []), _history([3], [1.0])):
            scores = fitted.scores(history)
            require(scores.shape == (_ITEMS,), f"`scores` has shape {scores.shape}, not one number an item.")
            require(bool(np.isfinite(scores).all()), "`scores` holds numbers that are not finite.")

    def test_an_explanation_adds_up(self) -> None:
        """The parts of a score add up to it, for items with and without ratings, and for an unknown user."""
        fitted = self._fitted()
        for history in (self._history(), _history([], [])):
            scores = fitted.scores(history)
            for item in (1, 7, _ITEMS - 1):
                total = sum(part.value for part in fitted.explain(history, item))
                self._require_close(
                    np.array([total]), scores[[item]], scores, f"the parts of item {item} do not add up"
                )

    def test_an_explanation_names_items_of_the_history_only(self) -> None:
        """A part comes from an item that the user rated, or has a name."""
        history = self._history()
        for part in self._fitted().explain(history, 7):
            known = part.item in history.items if part.item is not None else bool(part.name)
            require(bool(known), f"{part} comes from neither a rated item nor anything with a name.")

    def test_the_order_of_a_history_does_not_count(self) -> None:
        """The same ratings in another order give the same scores."""
        fitted, history = self._fitted(), self._history()
        turned = History(history.items[::-1].copy(), history.stars[::-1].copy(), history.times[::-1].copy())
        scores = fitted.scores(history)
        self._require_close(fitted.scores(turned), scores, scores, "scores depend on the order of the history")

    def test_fitting_again_gives_the_same(self) -> None:
        """The same ratings give the same scores, also after other histories were scored."""
        first, second, history = self._fitted(), self._fitted(), self._history()
        second.scores(_history([2, 3], [1.0, 5.0]))
        scores = first.scores(history)
        self._require_close(second.scores(history), scores, scores, "a second fit gives other scores")

    def test_saving_and_restoring_keeps_scores(self) -> None:
        """What `state` gives survives safetensors and JSON, and `restore` makes the same recommender of it."""
        fitted, history = self._fitted(), self._history()
        state = fitted.state()
        arrays = load(save({name: np.ascontiguousarray(array) for name, array in state.arrays.items()}))
        restored = self.recommender.restore(State(arrays, json.loads(json.dumps(dict(state.values)))))
        scores = fitted.scores(history)
        self._require_close(restored.scores(history), scores, scores, "the restored recommender gives other scores")

    def test_stars_are_near_the_ratings(self) -> None:
        """Where scores are expected ratings, those of rated items are nearer to the ratings than their mean is."""
        if not self.recommender.gives_stars:
            return
        ratings, fitted, errors = _ratings(), self._fitted(), []
        for user in range(_USERS):
            mine = np.flatnonzero(ratings.users == user)
            history = History(ratings.items[mine], ratings.stars[mine])
            errors.append(fitted.scores(history)[ratings.items[mine]] - ratings.stars[mine])
        error, spread = np.sqrt(np.mean(np.concatenate(errors) ** 2)), ratings.stars.std()
        require(
            bool(error < spread), f"the error on its own ratings, {error:.2f}, is not below their spread, {spread:.2f}."
        )

    def _fitted(self) -> Recommender:
        return self.recommender().fit(_ratings(), _features())

    @staticmethod
    def _history() -> History:
        return _history([0, 4, 9, 12], [5.0, 4.0, 2.0, 4.5])

    def _require_close(self, found: Floats, wanted: Floats, scores: Floats, what: str) -> None:
        worst = float(np.abs(found - wanted).max()) / max(float(np.abs(scores).max()), 1.0)
        require(worst <= self.tolerance, f"{what}: they differ by {worst:.2g} of the largest score.")


def _history(items: list[int], stars: list[float]) -> History:
    return History(np.array(items, np.int64), np.array(stars, np.float64), np.arange(len(items), dtype=np.float64))


def _ratings() -> Ratings:
    """Two kinds of users and of items; each user likes one kind; the last items have no rating."""
    draw = np.random.default_rng(0)
    rated = draw.random((_USERS, _ITEMS - _UNRATED)) < 0.5
    users, items = (where.astype(np.int64) for where in np.nonzero(rated))
    stars = np.where(users % 2 == items % 2, 4.5, 2.0) + draw.choice([-0.5, 0.0, 0.5], len(users))
    return Ratings(users, items, stars, np.arange(len(users), dtype=np.float64), (_USERS, _ITEMS), 4.0)


def _features() -> ItemFeatures:
    kind = np.arange(_ITEMS) % 2
    named = np.column_stack([kind, 1 - kind, np.linspace(-1, 1, _ITEMS)]).astype(np.float32)
    latent = named + 0.1
    facts = named[:, 2:]
    return ItemFeatures(named, ("odd", "even", "year"), facts, latent / np.linalg.norm(latent, axis=1, keepdims=True))

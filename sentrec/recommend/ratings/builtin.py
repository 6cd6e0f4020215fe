"""The built-in recommenders, registered by the hook that plugins use."""

from typing import Any, Self

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from sentrec.errors import SentrecError
from sentrec.hookspecs import RegisterRecommender, hookimpl
from sentrec.recommend.ratings.ease import POPULARITY, Ease, EaseWithFeatures
from sentrec.recommend.ratings.ridge import AdditiveRidge
from sentrec.recommender import Floats, History, ItemFeatures, Numbers, Part, Ratings, Recommender, State

_SEED = 0
_SMALLEST = 1e-9


def _implicit(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"implicit.{module}")
    except ImportError as error:
        raise SentrecError(
            "This recommender needs the library implicit, which is not installed.", 'pip install "sentrec[cf]"'
        ) from error


class _OfLikes(Recommender):
    """A recommender that reads what somebody liked, and no ratings beside it."""

    _liked_from: float

    def _liked(self, history: History) -> Numbers:
        return history.items[history.stars >= self._liked_from]


class ItemKnn(_OfLikes):
    """Items whose nearest neighbours the user liked: cosine of TF-IDF weights (extra cf)."""

    def __init__(self, neighbours: int = 50) -> None:
        self._neighbours = neighbours

    def fit(self, ratings: Ratings, features: ItemFeatures) -> Self:
        """Finds each item's nearest neighbours."""
        library = _implicit("nearest_neighbours")
        model = library.ItemItemRecommender(K=self._neighbours + 1, num_threads=1)
        weighted = library.tfidf_weight(ratings.liked().T).tocsr()
        lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)))
        weighted = sparse.csr_matrix(weighted.multiply(1.0 / np.maximum(lengths, _SMALLEST)), dtype=np.float64)
        model.fit(weighted.T.tocsr(), show_progress=False)
        self._liked_from = ratings.liked_from
        similar = sparse.csr_matrix(model.similarity, dtype=np.float32)
        self._similarity = sparse.csr_matrix(similar - sparse.diags(similar.diagonal()))
        return self

    def scores(self, history: History) -> Floats:
        """The sum of similarities to what the user liked."""
        return np.asarray(self._similarity[self._liked(history)].sum(axis=0)).ravel()

    def explain(self, history: History, item: int) -> list[Part]:
        """The similarity to each liked item that is a neighbour."""
        liked = self._liked(history)
        values = self._similarity[liked, item].toarray().ravel() if len(liked) else np.zeros(0)
        return [Part("", float(value), int(one)) for one, value in zip(liked, values, strict=True) if value]

    def state(self) -> State:
        """The similarities."""
        similar = self._similarity
        arrays = {"data": similar.data, "indices": similar.indices, "starts": similar.indptr}
        return State(arrays, {"liked_from": self._liked_from})

    @classmethod
    def restore(cls, state: State) -> Self:
        """See `Recommender.restore`."""
        self = cls()
        self._liked_from = state.values["liked_from"]
        parts = tuple(state.arrays[name] for name in ("data", "indices", "starts"))
        self._similarity = sparse.csr_matrix(parts, shape=(len(parts[2]) - 1,) * 2)
        return self


class Als(_OfLikes):
    """Matrix factorization of implicit feedback by alternating least squares (Hu et al. 2008; extra cf)."""

    def __init__(self, factors: int = 64, l2: float = 10.0, weight: float = 10.0, rounds: int = 15) -> None:
        """Takes the size of the model.

        Args:
            factors: Dimensions.
            l2: Ridge penalty.
            weight: How much more a like counts than the lack of one.
            rounds: Of solving for users and items in turn.
        """
        self._factors, self._l2, self._weight, self._rounds = factors, l2, weight, rounds

    def fit(self, ratings: Ratings, features: ItemFeatures) -> Self:
        """Factorizes the likes; only the items' side is kept."""
        options = {"regularization": self._l2, "alpha": self._weight, "iterations": self._rounds}
        with threadpool_limits(1, "blas"):
            model = _implicit("als").AlternatingLeastSquares(
                factors=self._factors, random_state=_SEED, num_threads=1, use_gpu=False, **options
            )
            model.fit(ratings.liked(), show_progress=False)
        self._liked_from = ratings.liked_from
        self._items = np.asarray(model.item_factors, np.float32)
        return self

    def scores(self, history: History) -> Floats:
        """How much the user is expected to like each item, near 0 to 1."""
        return np.asarray(self._items @ self._of_each(self._liked(history)).sum(axis=1))

    def explain(self, history: History, item: int) -> list[Part]:
        """What each liked item adds: the user's side is a sum over these (section 5 of the paper)."""
        liked = self._liked(history)
        values = self._items[item] @ self._of_each(liked)
        return [Part("", float(value), int(one)) for one, value in zip(liked, values, strict=True)]

    def _of_each(self, liked: Numbers) -> Floats:
        """What each liked item adds to the user's factors, shape ``(factors, liked)``."""
        mine = self._items[liked].astype(np.float64)
        every = self._items.astype(np.float64)
        normal = every.T @ every + (self._weight - 1.0) * mine.T @ mine + self._l2 * np.eye(every.shape[1])
        return np.linalg.solve(normal, self._weight * mine.T)

    def state(self) -> State:
        """The items' factors."""
        values = {"liked_from": self._liked_from, "l2": self._l2, "weight": self._weight}
        return State({"items": self._items}, values)

    @classmethod
    def restore(cls, state: State) -> Self:
        """See `Recommender.restore`."""
        self = cls(l2=state.values["l2"], weight=state.values["weight"])
        self._liked_from, self._items = state.values["liked_from"], state.arrays["items"]
        return self


class Popularity(Recommender):
    """The items that most users like, the same for everybody."""

    def fit(self, ratings: Ratings, features: ItemFeatures) -> Self:
        """Counts likes."""
        liked = ratings.liked()
        users = max(int((liked.getnnz(axis=1) > 0).sum()), 1)
        self._share = (np.asarray(liked.sum(axis=0)).ravel() / users).astype(np.float32)
        return self

    def scores(self, history: History) -> Floats:
        """The share of users who like each item."""
        return self._share

    def explain(self, history: History, item: int) -> list[Part]:
        """One part."""
        return [Part(POPULARITY, float(self._share[item]))]

    def state(self) -> State:
        """The shares."""
        return State({"share": self._share})

    @classmethod
    def restore(cls, state: State) -> Self:
        """See `Recommender.restore`."""
        self = cls()
        self._share = state.arrays["share"]
        return self


@hookimpl
def sentrec_register_recommenders(register: RegisterRecommender) -> None:
    """Registers the built-in recommenders."""
    register("popularity", Popularity)
    register("ease", Ease)
    register("ease-features", EaseWithFeatures)
    register("stars", AdditiveRidge)
    register("item-knn", ItemKnn)
    register("als", Als)

"""The built-in recommenders: the conformance kit, and what each is by definition."""

import numpy as np
import numpy.typing as npt
import pytest

from sentrec.errors import PluginError, SentrecError
from sentrec.hookspecs import RegisterRecommender, hookimpl
from sentrec.plugins import Registry
from sentrec.recommend.ratings.builtin import Als, ItemKnn, Popularity
from sentrec.recommend.ratings.ease import Ease, EaseWithFeatures
from sentrec.recommend.ratings.ridge import AdditiveRidge
from sentrec.recommender import History, ItemFeatures, Ratings
from sentrec.testing import RecommenderConformance


def test_a_plugin_registers_a_recommender_and_one_of_another_class_is_reported() -> None:
    class Mine(Popularity):
        """Mine."""

    def plugin(thing: object) -> object:
        class Plugin:
            @hookimpl
            def sentrec_register_recommenders(self, register: RegisterRecommender) -> None:
                register("mine", thing)  # type: ignore[arg-type]

        return Plugin()

    registry = Registry()
    registry.add("good", "my-package 1", lambda: plugin(Mine))
    registry.add("bad", "my-package 1", lambda: plugin(dict))
    assert registry.recommender("mine") is Mine
    assert "not a subclass of sentrec.Recommender" in str(registry.reports[1].error)
    with pytest.raises(PluginError, match="'mne' is not a registered recommender") as caught:
        registry.recommender("mne")
    assert "did you mean 'mine'?" in str(caught.value.hint)


class TestPopularity(RecommenderConformance):
    recommender = Popularity


class TestEase(RecommenderConformance):
    recommender = Ease


class TestEaseWithFeatures(RecommenderConformance):
    recommender = EaseWithFeatures


class TestItemKnn(RecommenderConformance):
    recommender = ItemKnn

    @pytest.fixture(autouse=True)
    def _needs_implicit(self) -> None:
        pytest.importorskip("implicit")


class TestAls(RecommenderConformance):
    recommender = Als

    @pytest.fixture(autouse=True)
    def _needs_implicit(self) -> None:
        pytest.importorskip("implicit")


class TestAdditiveRidge(RecommenderConformance):
    recommender = AdditiveRidge


def made_up(users: int, items: int, seed: int = 0) -> tuple[Ratings, ItemFeatures]:
    draw = np.random.default_rng(seed)
    rows, columns = np.nonzero(draw.random((users, items)) < 0.4)
    stars = draw.choice([2.0, 3.0, 4.0, 5.0], len(rows))
    latent = draw.normal(size=(items, 3))
    latent /= np.linalg.norm(latent, axis=1, keepdims=True)
    features = ItemFeatures(draw.normal(size=(items, 2)), ("a", "b"), draw.normal(size=(items, 2)), latent)
    return Ratings(rows, columns, stars, np.arange(len(rows), dtype=float), (users, items), 4.0), features


def dense_ease(stacked: npt.NDArray[np.float64], l2: float) -> npt.NDArray[np.float64]:
    """Steck's algorithm as he prints it: weights with a diagonal of zeros."""
    inverse = np.linalg.inv(stacked.T @ stacked + l2 * np.eye(stacked.shape[1]))
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


@pytest.mark.parametrize(("users", "items"), [(12, 40), (60, 15)], ids=["on the users' side", "on the items' side"])
@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_ease_on_either_side_is_that_of_the_dense_formula(users: int, items: int, weight: float) -> None:
    ratings, features = made_up(users, items)
    fitted = Ease(l2=7.0, features=weight).fit(ratings, features)
    liked = np.zeros(ratings.shape)
    liked[ratings.users, ratings.items] = ratings.stars >= 4
    weights = dense_ease(np.vstack([liked, np.sqrt(weight) * features.latent.T]), 7.0)
    for user in range(3):
        mine = ratings.users == user
        found = fitted.scores(History(ratings.items[mine], ratings.stars[mine]))
        np.testing.assert_allclose(found, liked[user] @ weights, atol=1e-4)


def test_the_memory_of_ease_is_told_before_it_is_taken() -> None:
    ratings, features = made_up(50, 80)
    with pytest.raises(SentrecError, match=r"50 users .* 80 items needs") as caught:
        Ease(most_bytes=1000.0).fit(ratings, features)
    assert "--recommender als" in str(caught.value.hint)


def test_popularity_orders_by_the_number_of_likes() -> None:
    ratings, features = made_up(30, 20)
    likes = np.bincount(ratings.items[ratings.stars >= 4], minlength=20)
    scores = Popularity().fit(ratings, features).scores(History(np.array([], np.int64), np.array([])))
    np.testing.assert_allclose(scores, likes / 30, atol=1e-6)
    assert likes[np.argsort(-scores, kind="stable")].tolist() == sorted(likes.tolist(), reverse=True)


def test_an_item_that_nobody_rated_is_placed_by_its_features() -> None:
    """Users like one of two kinds of items; the last two items, one of either kind, have no ratings."""
    kind = np.arange(22) % 2
    users, items = (where.astype(np.int64) for where in np.nonzero(np.random.default_rng(0).random((40, 20)) < 0.6))
    stars = np.where(kind[items] == users % 2, 5.0, 1.0)
    features = np.column_stack([kind, 1 - kind]).astype(np.float64)
    known = ItemFeatures(features, ("odd", "even"), features, features)
    ratings = Ratings(users, items, stars, np.zeros(len(users)), (40, 22), 4.0)
    odd = History(np.array([1, 3, 5]), np.array([5.0, 5.0, 5.0]))
    for recommender in (EaseWithFeatures(), AdditiveRidge()):
        scores = recommender.fit(ratings, known).scores(odd)
        assert scores[21] > scores[20] + 0.05, recommender


def test_the_additive_model_finds_effects_of_users_items_and_tastes() -> None:
    draw = np.random.default_rng(1)
    item, user, taste = draw.normal(0, 0.5, 40), draw.normal(0, 0.4, 80), draw.normal(0, 0.5, 80)
    feature = draw.normal(size=40)
    users, items = (where.astype(np.int64) for where in np.nonzero(draw.random((80, 40)) < 0.7))
    truth = 3.0 + item[items] + user[users] + taste[users] * feature[items]
    stars = truth + draw.normal(0, 0.1, len(users))
    features = ItemFeatures(feature[:, None], ("f",), np.zeros((40, 1)), np.zeros((40, 1)))
    held = draw.random(len(users)) < 0.2
    train = Ratings(users[~held], items[~held], stars[~held], np.zeros((~held).sum()), (80, 40), 4.0)
    fitted = AdditiveRidge(item=0.1, user=0.1, slopes=0.1).fit(train, features)
    errors = []
    for one in range(80):
        mine, hidden = ~held & (users == one), held & (users == one)
        scores = fitted.scores(History(items[mine], stars[mine]))
        errors.append(scores[items[hidden]] - truth[hidden])
    assert np.sqrt(np.mean(np.concatenate(errors) ** 2)) < 0.15

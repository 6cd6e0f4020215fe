"""Metrics of lists against plain definitions, and intervals over users."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from sentrec.metrics.ranking import list_metrics, mean_interval, root_mean_interval


@given(st.integers(0, 10_000), st.integers(12, 60))
def test_metrics_of_a_list_are_those_of_scikit_learn(seed: int, items: int) -> None:
    draw = np.random.default_rng(seed)
    scores, liked = draw.permutation(items).astype(float), draw.random(items) < 0.3
    liked[draw.integers(items)] = True
    found = list_metrics(scores, liked)
    assert found["ndcg10"] == pytest.approx(ndcg_score([liked], [scores], k=10))
    assert found["map"] == pytest.approx(average_precision_score(liked, scores))
    assert found["recall20"] == pytest.approx(liked[np.argsort(-scores)[:20]].sum() / liked.sum())


def test_items_of_equal_scores_have_no_order() -> None:
    liked = np.arange(40) < 4
    first, second = (list_metrics(np.zeros(40), one) for one in (liked, liked[::-1]))
    assert first == pytest.approx(second)
    assert first["recall20"] == pytest.approx(0.5)


def test_the_interval_of_a_mean_leaves_users_without_a_metric_out() -> None:
    values = np.array([0.0, 1.0] * 50 + [np.nan] * 20)
    measure = mean_interval(values)
    assert measure.value == 0.5
    assert measure.low == pytest.approx(0.4, abs=0.03)
    assert measure.high == pytest.approx(0.6, abs=0.03)


def test_the_root_mean_squared_error_counts_ratings_and_not_users() -> None:
    measure = root_mean_interval(np.array([4.0, 0.0]), np.array([1.0, 3.0]))
    assert measure.value == 1.0
    assert measure.low <= 1.0 <= measure.high

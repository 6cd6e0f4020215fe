"""Logistic regression around a prior: what it gives at both ends, and that it is the optimum it claims to be."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from sentrec.metrics.calibration import softmax
from sentrec.training.prior import Block, fit_change, held_out_logits

ROWS, COLUMNS = 80, 6


def problem(classes: int, seed: int = 0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((ROWS, COLUMNS))
    scores = features @ generator.standard_normal((COLUMNS, classes)) + generator.gumbel(size=(ROWS, classes))
    return features, scores.argmax(axis=1)


@pytest.mark.parametrize("classes", [2, 3])
def test_without_a_source_it_is_the_ordinary_logistic_regression(classes: int) -> None:
    features, labels = problem(classes)
    spread = 2.0
    change = fit_change([Block(features, spread)], np.zeros((ROWS, classes)), labels)
    variance = spread**2 / (2 * np.square(features).sum() / ROWS)
    # scikit-learn does not penalize the bias; a column of ones with the bias's own prior is the same model as ours.
    widened = np.hstack([features * np.sqrt(variance), np.full((ROWS, 1), np.sqrt(0.5))])
    expected = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10, max_iter=10_000).fit(widened, labels)
    scores = expected.decision_function(widened)
    # One vector for two classes has half the norm of the two opposite ones that stand for it here.
    if classes == 2:
        scores = (
            LogisticRegression(C=2.0, fit_intercept=False, tol=1e-10, max_iter=10_000)
            .fit(widened, labels)
            .decision_function(widened)
        )
        scores = np.column_stack([np.zeros(ROWS), scores])
    np.testing.assert_allclose(softmax(change.logits([Block(features, spread)])), softmax(scores), atol=1e-3)


def test_what_the_source_knows_already_changes_little_and_rows_that_contradict_it_much() -> None:
    features, labels = problem(2)
    sure = np.where(np.eye(2)[labels] > 0, 8.0, -8.0)
    right = fit_change([Block(features, 1.0)], sure, labels)
    wrong = fit_change([Block(features, 1.0)], -sure, labels)
    assert np.abs(right.logits([Block(features, 1.0)])).max() < 0.01
    assert np.abs(wrong.logits([Block(features, 1.0)])).max() > 0.5


def test_a_spread_of_nothing_leaves_only_the_bias() -> None:
    features, labels = problem(2)
    change = fit_change([Block(features, 0.0)], np.zeros((ROWS, 2)), labels)
    assert not change.weights[0].any()


def test_sparse_and_dense_features_are_the_same_and_the_scale_of_features_does_not_matter() -> None:
    features, labels = problem(3)
    before = np.random.default_rng(1).standard_normal((ROWS, 3))
    dense = fit_change([Block(features, 1.0)], before, labels)
    thin = fit_change([Block(sparse.csr_matrix(features), 1.0)], before, labels)
    tenfold = fit_change([Block(10 * features, 1.0)], before, labels)
    np.testing.assert_allclose(thin.weights[0], dense.weights[0], atol=1e-6)
    np.testing.assert_allclose(tenfold.weights[0], dense.weights[0] / 10, atol=1e-6)


def learning_from(
    block: Block, labels: npt.NDArray[np.int64]
) -> Callable[[npt.NDArray[np.int64], npt.NDArray[np.int64]], npt.NDArray[np.float64]]:
    def learn(outside: npt.NDArray[np.int64], inside: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        change = fit_change([block.take(outside)], np.zeros((len(outside), 2)), labels[outside])
        return change.logits([block.take(inside)])

    return learn


def test_held_out_logits_do_not_know_the_rows_they_are_of() -> None:
    generator = np.random.default_rng(0)
    noise, labels = generator.standard_normal((ROWS, 10 * ROWS)), generator.integers(2, size=ROWS)
    blocks, before = [Block(noise, 5.0)], np.zeros((ROWS, 2))
    fitted = fit_change(blocks, before, labels).logits(blocks)
    held_out = held_out_logits(learning_from(blocks[0], labels), before, labels, folds=4, seed=1)
    assert (fitted.argmax(axis=1) == labels).all()
    assert 0.3 < (held_out.argmax(axis=1) == labels).mean() < 0.7


def test_held_out_logits_come_from_changes_fitted_on_the_other_rows() -> None:
    features, labels = problem(2)
    learn = learning_from(Block(features, 3.0), labels)
    held_out = held_out_logits(learn, np.zeros((ROWS, 2)), labels, folds=4, seed=1)
    assert (held_out.argmax(axis=1) == labels).mean() > 0.7


def test_no_features_at_all_leave_the_shares_of_the_classes() -> None:
    labels = np.array([0] * 90 + [1] * 10)
    change = fit_change([Block(np.empty((100, 0)), 1.0)], np.zeros((100, 2)), labels)
    assert softmax(change.bias[np.newaxis, :])[0, 1] == pytest.approx(0.1, abs=0.03)

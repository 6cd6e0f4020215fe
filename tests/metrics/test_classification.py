import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentrec.errors import DataError
from sentrec.metrics.calibration import softmax
from sentrec.metrics.classification import classification_metrics


def measured(labels: list[int], second: list[float]) -> dict[str, Any]:
    probabilities = np.column_stack([1 - np.array(second), second])
    return classification_metrics(np.array(labels), probabilities, ("negative", "positive"))


def test_figures_of_a_case_worked_out_by_hand() -> None:
    metrics = measured([0, 0, 1, 1], [0.2, 0.6, 0.7, 0.9])
    assert metrics["accuracy"] == 0.75
    assert metrics["confusion_matrix"] == [[1, 1], [0, 2]]
    assert metrics["roc_auc"] == 1.0
    assert metrics["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.4) + math.log(0.7) + math.log(0.9)) / 4)
    assert metrics["brier"] == pytest.approx((0.04 + 0.36 + 0.09 + 0.01) / 4)
    assert metrics["per_class"]["positive"] == {"precision": 2 / 3, "recall": 1.0, "f1": 0.8, "support": 2}
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert metrics["n"] == 4


def test_the_interval_is_wilsons_and_calibration_error_the_gap_of_confidence_and_accuracy() -> None:
    assert measured([1] * 8 + [0] * 2, [0.9] * 10)["accuracy_interval"] == pytest.approx([0.49016, 0.94332], abs=1e-4)
    # Of several classes the Brier score sums over them.
    several = classification_metrics(np.array([0]), np.array([[0.5, 0.3, 0.2]]), ("a", "b", "c"))
    assert several["brier"] == pytest.approx(0.25 + 0.09 + 0.04)
    # Ten predictions at 90 % of which 6 are right, ten at 70 % of which 7 are.
    labels = [1] * 6 + [0] * 4 + [1] * 7 + [0] * 3
    assert measured(labels, [0.9] * 10 + [0.7] * 10)["ece"] == pytest.approx(0.5 * 0.3)


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0]])
def test_without_one_of_the_classes_there_is_no_roc_auc(labels: list[int]) -> None:
    metrics = measured(labels, [0.7] * len(labels))
    assert metrics["roc_auc"] is None
    json.dumps(metrics, allow_nan=False)


def test_a_certain_mistake_has_a_finite_log_loss_and_no_rows_are_an_error_for_the_user() -> None:
    assert math.isfinite(measured([0, 1], [1.0, 1.0])["log_loss"])
    with pytest.raises(DataError, match="no rows"):
        measured([], [])


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [
        ([0, 2], [[0.5, 0.5], [0.5, 0.5]]),
        ([0, -1], [[0.5, 0.5], [0.5, 0.5]]),
        ([0], [[0.5, 0.5], [0.5, 0.5]]),
        ([0], [[0.9, 0.9]]),
        ([0], [[1.5, -0.5]]),
        ([0], [[float("nan"), 0.5]]),
    ],
)
def test_what_is_no_prediction_is_refused(labels: list[int], probabilities: list[list[float]]) -> None:
    with pytest.raises(ValueError, match=r"labels|probabilities"):
        classification_metrics(np.array(labels), np.array(probabilities), ("negative", "positive"))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), classes=st.integers(2, 5))
def test_figures_are_plain_json_within_their_bounds(seed: int, n: int, classes: int) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    names = [f"class {number}" for number in range(classes)]
    metrics = classification_metrics(labels, softmax(3 * generator.normal(size=(n, classes))), names)
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    low, high = metrics["accuracy_interval"]
    assert 0 <= low <= metrics["accuracy"] <= high <= 1
    for key in ("macro_f1", "ece"):
        assert 0 <= metrics[key] <= 1
    matrix = np.array(metrics["confusion_matrix"])
    assert matrix.sum() == metrics["n"] == n
    assert np.trace(matrix) / n == metrics["accuracy"]
    assert [metrics["per_class"][name]["support"] for name in names] == np.bincount(labels, minlength=classes).tolist()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    generator = np.random.default_rng(seed)
    labels, probabilities = generator.integers(0, 3, 40), softmax(generator.normal(size=(40, 3)))
    order = generator.permutation(40)
    first = classification_metrics(labels, probabilities, "abc")
    second = classification_metrics(labels[order], probabilities[order], "abc")
    assert first["confusion_matrix"] == second["confusion_matrix"]
    for key in ("log_loss", "brier", "ece", "roc_auc"):
        assert first[key] == pytest.approx(second[key])

"""Metrics of predicted numbers against scikit-learn's, their intervals, and bounds that hold as often as promised."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from sentrec.metrics.regression import conformal_quantile, r2_difference, regression_metrics

DRAW = np.random.default_rng(0)
TRUTH = DRAW.normal(6.0, 1.0, 400).round(1)
GOOD, BAD = TRUTH + DRAW.normal(0.0, 0.5, 400), TRUTH + DRAW.normal(0.0, 0.8, 400)


def test_they_are_those_of_the_libraries_and_lie_in_their_intervals() -> None:
    found = regression_metrics(TRUTH, GOOD)
    expected = {
        "mae": mean_absolute_error(TRUTH, GOOD),
        "rmse": root_mean_squared_error(TRUTH, GOOD),
        "r2": r2_score(TRUTH, GOOD),
        "spearman": spearmanr(TRUTH, GOOD).statistic,
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value)
        low, high = found[f"{name}_interval"]
        assert low < value < high
    constant = regression_metrics(TRUTH, np.full(400, TRUTH.mean()))
    assert constant["r2"] == pytest.approx(0.0, abs=1e-9)
    assert constant["spearman"] is None


def test_a_better_prediction_has_a_gain_and_the_same_has_none() -> None:
    gain, low, high = r2_difference(TRUTH, GOOD, BAD)
    assert gain == pytest.approx(r2_score(TRUTH, GOOD) - r2_score(TRUTH, BAD))
    assert 0 < low < gain < high
    assert r2_difference(TRUTH, GOOD, GOOD) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("confidence", [0.5, 0.9])
def test_a_conformal_bound_holds_at_least_as_often_as_promised(confidence: float) -> None:
    draw = np.random.default_rng(1)
    held = [abs(draw.normal()) <= conformal_quantile(np.abs(draw.normal(size=50)), confidence) for _ in range(4000)]
    assert confidence - 0.02 < np.mean(held) < confidence + 0.04

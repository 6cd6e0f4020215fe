import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from sentrec.metrics.calibration import balancing_strength, calibrated_error, fit_temperature, reliability_bins, softmax

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def drawn(seed: int, n: int = 4000, classes: int = 3) -> tuple[Floats, Labels]:
    """Logits, and labels drawn from the probabilities that these logits state."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(n, classes))
    uniform = generator.random((n, 1))
    labels = (softmax(logits).cumsum(axis=1) < uniform).sum(axis=1).clip(max=classes - 1)
    return logits, labels.astype(np.int64)


def log_loss(logits: Floats, labels: Labels, temperature: float) -> float:
    likelihood = softmax(logits, temperature)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(likelihood, 1e-300)).mean())


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_a_scaling_of_calibrated_logits(factor: float) -> None:
    logits, labels = drawn(0)
    assert fit_temperature(factor * logits, labels) == pytest.approx(factor, rel=0.08)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(0, 50), scale=st.floats(0.01, 50))
def test_log_loss_never_rises(seed: int, n: int, scale: float) -> None:
    generator = np.random.default_rng(seed)
    logits, labels = scale * generator.normal(size=(n, 3)), generator.integers(0, 3, n)
    temperature = fit_temperature(logits, labels)
    assert 0.05 <= temperature <= 20.001
    if n:
        assert log_loss(logits, labels, temperature) <= log_loss(logits, labels, 1.0) + 1e-12


def test_calibration_lowers_the_calibration_error_of_an_overconfident_model() -> None:
    logits, labels = drawn(1)
    overconfident = 4 * logits
    temperature = fit_temperature(overconfident[:2000], labels[:2000])
    before = reliability_bins(labels[2000:], softmax(overconfident[2000:])).calibration_error
    after = reliability_bins(labels[2000:], softmax(overconfident[2000:], temperature)).calibration_error
    assert after < before / 3


def test_rows_that_are_all_right_determine_no_temperature_and_infinite_logits_are_refused() -> None:
    assert fit_temperature(np.array([[2.0, 0.0], [0.0, 1.0]]), np.array([0, 1])) == 1.0
    with pytest.raises(ValueError, match="finite"):
        fit_temperature(np.array([[np.nan, 0.0]]), np.array([0]))


def test_huge_logits_do_not_overflow_and_a_bin_holds_its_right_border() -> None:
    assert softmax(np.array([[1e4, 0.0]], dtype=np.float32)).tolist() == [[1.0, 0.0]]
    bins = reliability_bins(np.array([1, 1]), np.array([[0.4, 0.6], [0.0, 1.0]]), bins=5)
    assert bins.counts.tolist() == [0, 0, 1, 0, 1]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), bins=st.integers(1, 30))
def test_bins_share_out_every_prediction(seed: int, bins: int) -> None:
    generator = np.random.default_rng(seed)
    labels, probabilities = generator.integers(0, 3, 50), softmax(3 * generator.normal(size=(50, 3)))
    found = reliability_bins(labels, probabilities, bins)
    right = probabilities.argmax(axis=1) == labels
    assert found.counts.sum() == 50
    assert (found.accuracy * found.counts).sum() == pytest.approx(right.sum())
    assert (found.confidence * found.counts).sum() == pytest.approx(probabilities.max(axis=1).sum())


@pytest.mark.parametrize("n", [50, 2500])
def test_chance_alone_gives_a_calibrated_model_the_error_that_is_told(n: int) -> None:
    told, measured = [], []
    for seed in range(200):
        logits, labels = drawn(seed, n)
        told.append(calibrated_error(softmax(logits), simulations=10))
        measured.append(reliability_bins(labels, softmax(logits)).calibration_error)
    assert np.mean(told) == pytest.approx(np.mean(measured), rel=0.08)
    assert calibrated_error(softmax(logits)) == calibrated_error(softmax(logits))


def test_balancing_raises_the_mean_f1_of_unequal_classes() -> None:
    generator = np.random.default_rng(3)
    shares = np.array([0.05, 0.15, 0.8])
    labels = generator.choice(3, 8000, p=shares)
    evidence = generator.normal(size=(8000, 3)) + np.eye(3)[labels]
    probabilities = softmax(evidence + np.log(shares))  # what follows from evidence of spread 1 and these shares
    strength = balancing_strength(probabilities[:4000], shares)
    decided = (probabilities, probabilities / shares**strength)
    plain, balanced = (f1_score(labels[4000:], one[4000:].argmax(axis=1), average="macro") for one in decided)
    assert 0.2 < strength < 1.2
    assert balanced > plain + 0.08


def test_there_is_nothing_to_balance_where_classes_are_of_one_size() -> None:
    logits, _ = drawn(4)
    shifted = softmax(logits) / np.full(3, 1 / 3) ** balancing_strength(softmax(logits), np.full(3, 1 / 3))
    assert (shifted.argmax(axis=1) == logits.argmax(axis=1)).all()

"""What a classifier is worth on rows with known labels, computed with scikit-learn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

from sentrec.errors import DataError
from sentrec.metrics.calibration import calibrated_error, reliability_bins
from sentrec.metrics.intervals import wilson_interval


def classification_metrics(
    labels: npt.NDArray[Any], probabilities: npt.NDArray[Any], label_names: Sequence[str]
) -> dict[str, Any]:
    """Measures predictions against the true labels.

    Args:
        labels: Class numbers of shape ``(n,)``.
        probabilities: ``(n, classes)``, each row summing to 1; the predicted class is the most probable one.
        label_names: Name of each class, in the order of the columns.

    Returns:
        Plain JSON types:

        - ``accuracy`` and its 95 % interval ``accuracy_interval`` ``[low, high]`` (Wilson 1927),
        - ``macro_f1``: the mean F1 of the classes that occur among the labels or the predictions,
        - ``per_class``: ``{name: {precision, recall, f1, support}}``, 0 where a ratio has no denominator,
        - ``roc_auc``: of the second class where there are two, else the macro one-vs-rest mean; None where the
          labels lack a class,
        - ``log_loss`` in nats,
        - ``brier``: of the second class where there are two (0 to 1), else summed over the classes (0 to 2),
        - ``ece``: expected calibration error of the predicted class, 15 equal-width bins (Guo et al. 2017), and
          ``ece_if_calibrated``, that of a perfectly calibrated model with so many rows,
        - ``confusion_matrix``: counts, rows are true classes; ``n``: number of rows.

    Raises:
        DataError: If there are no rows.
        ValueError: If the shapes do not fit together, or the rows are not probabilities.
    """
    labels, probabilities = checked_predictions(labels, probabilities, len(label_names))
    predicted = probabilities.argmax(axis=1)
    classes = np.arange(len(label_names))
    right, n = int((predicted == labels).sum()), len(labels)
    columns = metrics.precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0.0)
    return {
        "accuracy": right / n,
        "accuracy_interval": list(wilson_interval(right / n, n)),
        "macro_f1": float(metrics.f1_score(labels, predicted, average="macro", zero_division=0.0)),
        "per_class": {
            name: {"precision": float(precision), "recall": float(recall), "f1": float(f1), "support": int(support)}
            for name, precision, recall, f1, support in zip(label_names, *columns, strict=True)
        },
        "roc_auc": _roc_auc(labels, probabilities),
        "log_loss": float(metrics.log_loss(labels, probabilities, labels=classes)),
        "brier": _brier(labels, probabilities),
        "ece": reliability_bins(labels, probabilities).calibration_error,
        "ece_if_calibrated": calibrated_error(probabilities),
        "confusion_matrix": metrics.confusion_matrix(labels, predicted, labels=classes).tolist(),
        "n": n,
    }


def checked_predictions(
    labels: npt.NDArray[Any], probabilities: npt.NDArray[Any], classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The labels as integers and the probabilities in double precision, with every row summing to 1 exactly.

    Raises what `classification_metrics` does.
    """
    labels = np.asarray(labels, dtype=np.int64)
    probabilities = np.asarray(probabilities, dtype=np.float64)
    if labels.size == 0:
        raise DataError("There is nothing to evaluate: the data has no rows.")
    if classes < 2 or labels.ndim != 1 or probabilities.shape != (len(labels), classes):
        raise ValueError(f"labels {labels.shape}, probabilities {probabilities.shape} and {classes} names do not fit")
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels must be class numbers from 0 to {classes - 1}")
    total = probabilities.sum(axis=1, keepdims=True)
    if not (probabilities >= 0).all() or not np.allclose(total, 1.0, atol=1e-3):
        raise ValueError("probabilities must not be negative, and each row must sum to 1")
    return labels, probabilities / total


def _roc_auc(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> float | None:
    classes = probabilities.shape[1]
    if len(np.unique(labels)) < classes:
        return None
    if classes == 2:
        return float(metrics.roc_auc_score(labels, probabilities[:, 1]))
    return float(metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"))


def _brier(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> float:
    if probabilities.shape[1] == 2:
        return float(np.mean((probabilities[:, 1] - labels) ** 2))
    truth = np.eye(probabilities.shape[1])[labels]
    return float(np.mean(((probabilities - truth) ** 2).sum(axis=1)))


def star_errors(labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]) -> dict[str, float]:
    """Mean absolute error of the expected number of stars, and of their median, which errs least on average.

    `labels` are the true stars, counted from 0; `probabilities` have the shape ``(texts, stars)``.
    """
    median = (probabilities.cumsum(axis=1) < 0.5).sum(axis=1)
    found = {"stars_mae": probabilities @ np.arange(probabilities.shape[1]), "median_stars_mae": median}
    return {name: float(np.abs(stars - labels).mean()) for name, stars in found.items()}

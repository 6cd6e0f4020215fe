"""A head that is solved for: logistic regression on the features of a frozen model."""

import numpy as np
import numpy.typing as npt

_STRENGTHS = (1.0, 10.0, 100.0, 1e3, 1e4)
"""Of the penalty on standardized features."""


def logistic_regression(
    features: npt.NDArray[np.floating],
    labels: npt.NDArray[np.int64],
    held_out: npt.NDArray[np.floating],
    held_out_labels: npt.NDArray[np.int64],
    classes: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], float]:
    """Fits a linear head; its penalty is the one with the lowest log loss on rows held out.

    Args:
        features: Shape ``(rows, width)``.
        labels: Class numbers; every class has some.
        held_out: Features of the rows that choose the penalty.
        held_out_labels: Their class numbers.
        classes: Number of classes.

    Returns:
        Weights, shape ``(classes, width)``, biases, and the penalty.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64) + 1e-6
    scaled, unseen = (features - mean) / spread, (held_out - mean) / spread
    fitted = [LogisticRegression(C=1 / strength, max_iter=1000).fit(scaled, labels) for strength in _STRENGTHS]
    losses = [log_loss(held_out_labels, one.predict_proba(unseen), labels=range(classes)) for one in fitted]
    best = int(np.argmin(losses))
    weight = fitted[best].coef_ / spread
    bias = fitted[best].intercept_ - weight @ mean
    if classes == 2:  # scikit-learn gives one margin, of the second class
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight, bias, _STRENGTHS[best]

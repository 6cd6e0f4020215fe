"""Fits a linear model over n-grams: naive Bayes weights, and latent semantic analysis where it is asked for."""

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sentrec.ngrams.baselines import NaiveBayesLogisticRegression
from sentrec.ngrams.lsa import LatentWeights, fit_latent_weights
from sentrec.recipe.sections import NgramsConfig

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LinearWeights:
    """A fitted linear model: one margin for two classes, else one for each.

    Attributes:
        weights: Columns and their weights ``(columns, margins)``; those of a column that occurs twice add up.
        bias: Shape ``(margins,)``.
    """

    weights: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]]
    bias: npt.NDArray[np.float64]


def fit_linear(
    features: sparse.csr_matrix,
    labels: npt.NDArray[np.int64],
    classes: int,
    config: NgramsConfig,
    wholes: npt.NDArray[np.int64],
    unlabelled: sparse.csr_matrix | None = None,
) -> LinearWeights:
    """Fits naive Bayes logistic regression, beside a linear model of latent dimensions where the recipe has ``lsa``.

    Args:
        features: One row a text, shape ``(texts, columns)``.
        labels: Class numbers, shape ``(texts,)``.
        classes: Number of classes.
        config: The recipe's ``model.ngrams``.
        wholes: Of which text each of them is a crop; the whole ones come first.
        unlabelled: Features of texts without labels, for latent semantic analysis.

    Raises:
        DataError: If a class has no text.
    """
    _log.info("Fitting n-grams on %s texts", f"{len(labels):,}")
    fit_intercept = config.intercept == "fitted"
    lsa: LatentWeights | None = None
    if config.lsa is not None and len(np.unique(labels)) == classes:
        texts = int(wholes.max()) + 1 + (unlabelled.shape[0] if unlabelled is not None else 0)
        _log.info("Latent semantic analysis: %s dimensions of %s texts", config.lsa, f"{texts:,}")
        lsa = fit_latent_weights(features, labels, unlabelled, config.lsa, wholes=wholes, fit_intercept=fit_intercept)
    fitted = NaiveBayesLogisticRegression(fit_intercept)
    fitted.fit(features, labels, classes, lsa.margins if lsa else None)
    kept, weights, bias = fitted.linear_weights()
    found = [(kept, weights.astype(np.float32))]
    if lsa:
        factors = fitted.offset_weights().astype(np.float32)
        found.append((lsa.slots, lsa.weights * factors))
        bias = bias.astype(np.float32) + lsa.bias * factors
    return LinearWeights(found, bias)

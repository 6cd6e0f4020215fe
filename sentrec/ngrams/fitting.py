"""Fits a linear model over n-grams: naive Bayes weights, with latent semantic analysis where a recipe has it."""

import logging
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sentrec.ngrams.baselines import NaiveBayesLogisticRegression
from sentrec.ngrams.lsa import LsaWeights, fit_lsa
from sentrec.recipe.sections import NgramsConfig

_log = logging.getLogger(__name__)

LinearWeights: TypeAlias = tuple[list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]], npt.NDArray[np.float64]]
"""Columns and their weights ``(columns, margins)``, those of one column add up; and the bias ``(margins,)``."""


def fit_linear(
    features: sparse.csr_matrix,
    labels: npt.NDArray[np.int64],
    classes: int,
    config: NgramsConfig,
    wholes: npt.NDArray[np.int64],
    unlabelled: sparse.csr_matrix | None = None,
) -> LinearWeights:
    """Fits naive Bayes logistic regression, with latent semantic analysis as its offset where the recipe has ``lsa``.

    Args:
        features: One row a text, shape ``(texts, columns)``.
        labels: Class numbers, shape ``(texts,)``.
        classes: Number of classes; of two there is one margin, else one for each.
        config: The recipe's ``model.ngrams``.
        wholes: Of which text each of them is a crop; the whole ones come first.
        unlabelled: Features of texts without labels, for latent semantic analysis.

    Raises:
        DataError: If a class has no text.
    """
    _log.info("Fitting n-grams on %s texts", f"{len(labels):,}")
    fit_intercept = config.intercept == "fitted"
    lsa: LsaWeights | None = None
    if config.lsa is not None and len(np.unique(labels)) == classes:
        texts = int(wholes.max()) + 1 + (unlabelled.shape[0] if unlabelled is not None else 0)
        _log.info("Latent semantic analysis: %s dimensions of %s texts", config.lsa, f"{texts:,}")
        lsa = fit_lsa(features, labels, unlabelled, config.lsa, wholes=wholes, fit_intercept=fit_intercept)
    fitted = NaiveBayesLogisticRegression(fit_intercept)
    fitted.fit(features, labels, classes, lsa.margins if lsa else None)
    kept, weights, bias = fitted.linear_weights()
    found = [(kept, weights.astype(np.float32))]
    if lsa:
        factors = fitted.offset_weights().astype(np.float32)
        found.append((lsa.columns, lsa.weights * factors))
        bias = bias.astype(np.float32) + lsa.bias * factors
    return found, bias

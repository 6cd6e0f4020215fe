"""How good a film is, and how sure that is: empirical Bayes over films.

A film with three raving reviews is not better than one with thirty very good ones; it is less well known. Each film's
mean positive probability is therefore pulled towards the mean of all films, the more the less is known of it, and films
are ranked by the lower end of the resulting 95 % interval.

With ``m_i`` the mean of film i's ``n_i`` reviews::

    m_i     ~ Normal(theta_i, v_i)         how far its mean may be from what many more reviews would give
    theta_i ~ Normal(mu, tau^2)            how films differ

    v_i       = s_i^2 / n_i
    s_i^2     = (SS_i + 4 s^2) / (n_i - 1 + 4)      the film's own spread, steadied by that of all films
    B_i       = v_i / (v_i + tau^2)                 how much of the film's mean is replaced by mu
    expected  = (1 - B_i) m_i + B_i mu
    variance  = tau^2 B_i + B_i^2 / sum(1 / (v_j + tau^2))
    score     = expected - 1.96 sqrt(variance)      lower end of the 95 % interval

``mu`` and ``tau^2`` are estimated from the films themselves by iterated weighted moments. So a film needs both: reviews
that agree, and enough of them.

Sources: Efron and Morris 1975, "Data analysis using Stein's estimator and its generalizations" (the estimator); Morris
1983, "Parametric empirical Bayes inference" (unequal variances, the iteration, the interval); Kass and Steffey 1989
(the second term of the variance: mu is estimated too); Smyth 2004 (a variance from few values steadied by the others).
"""

from dataclasses import dataclass

import numpy as np

from sentrec.recommend.films import Films, Floats

_NORMAL_QUANTILE = 1.959963984540054
_PRIOR_DEGREES = 4.0
_LEAST_VARIANCE = 1e-6
_UNIFORM_VARIANCE = 1.0 / 12.0
_ITERATIONS = 200


@dataclass(frozen=True)
class Shrunken:
    """What films are expected to be like; arrays have one entry a film.

    Attributes:
        expected: Mean positive probability that many more reviews would give.
        low: Lower end of its 95 % interval; the rank score.
        high: Upper end.
        overall: The mean of all films, `mu`.
        spread: Standard deviation between films, `tau`.
    """

    expected: Floats
    low: Floats
    high: Floats
    overall: float
    spread: float


def shrink(films: Films) -> Shrunken:
    """Pulls films' means towards the overall mean, as the module explains.

    Args:
        films: At least one film; all of them, also those with few reviews: they tell how films differ.
    """
    variance = _sampling_variance(films)
    overall, between = _between_films(films.mean, variance)
    weight = variance / (variance + between)
    expected = (1.0 - weight) * films.mean + weight * overall
    uncertainty = between * weight + weight**2 / (1.0 / (variance + between)).sum()
    half = _NORMAL_QUANTILE * np.sqrt(uncertainty)
    low, high = np.clip(expected - half, 0.0, 1.0), np.clip(expected + half, 0.0, 1.0)
    return Shrunken(expected, low, high, overall, float(np.sqrt(between)))


def _sampling_variance(films: Films) -> Floats:
    """Variance of each film's mean."""
    degrees = films.reviews - 1.0
    common = films.squares.sum() / degrees.sum() if degrees.sum() > 0 else _UNIFORM_VARIANCE
    common = max(common, _LEAST_VARIANCE)
    own = (films.squares + _PRIOR_DEGREES * common) / (degrees + _PRIOR_DEGREES)
    return np.asarray(own / films.reviews)


def _between_films(means: Floats, variance: Floats) -> tuple[float, float]:
    """Mean over films, and variance between them that the sampling of reviews does not explain."""
    between, overall = float(means.var()), float(means.mean())
    for _ in range(_ITERATIONS):
        weight = 1.0 / (variance + between)
        overall = float((weight * means).sum() / weight.sum())
        surplus = (weight**2 * ((means - overall) ** 2 - variance)).sum() / (weight**2).sum()
        previous, between = between, max(float(surplus), 0.0)
        if abs(between - previous) < 1e-12:
            break
    return overall, between

"""How good a film is, and how sure that is: a hierarchical model of films.

A film with three raving reviews is not better than one with thirty very good ones; it is less well known. Each film's
mean positive probability is therefore pulled towards the mean of all films, the more the less is known of it, and films
are ranked by a lower bound of what many more reviews would give.

With ``m_i`` the mean of film i's ``n_i`` reviews::

    m_i     ~ Normal(theta_i, v_i)         how far its mean may be from what many more reviews would give
    theta_i ~ Normal(mu, tau^2)            how films differ; mu and tau flat, tau up to 1/2

    v_i   = s_i^2 / n_i
    s_i^2 = (SS_i + 4 s^2) / (n_i - 1 + 4)      the film's own spread, steadied by that of all films

Given ``tau``, with ``w_i = 1 / (v_i + tau^2)``::

    mu       = sum(w_i m_i) / sum(w_i)
    B_i      = v_i w_i                                how much of the film's mean is replaced by mu
    E_i      = (1 - B_i) m_i + B_i mu
    V_i      = tau^2 B_i + B_i^2 / sum(w_i)           the second term because mu is estimated too
    log p(tau | m) = (sum(log w_i) - log(sum(w_i)) - sum(w_i (m_i - mu)^2)) / 2 + constant

and over the posterior of ``tau``, summed on a grid::

    expected = mean of E_i
    variance = mean of V_i + variance of E_i
    interval = expected +- 1.96 sqrt(variance), cut to 0..1
    score    = expected - 0.67 sqrt(variance), not cut: the film is better than this with a probability of 75 %

A single best ``tau`` would often be 0 when films are few, and the intervals then far too short; these hold the truth of
93 to 96 % of simulated films, be they 3 or 24.

The lower end of the 95 % interval would be too cautious a score: on the IMDB test reviews it orders films with at least
3 reviews by their stars with a Spearman correlation of 0.868, this score with 0.887, `expected` with 0.891. Of the
first 50 films by this score or by `expected` 48 have 8 stars or more, by the plain mean 45. Any probability from 60 to
80 % does about as well.

Sources: Rubin 1981, "Estimation in parallel randomized experiments" (the model, integrating over tau); Gelman et al.
2013, "Bayesian Data Analysis", section 5.4, equations 5.17 to 5.21, and Gelman 2006 on the flat prior of tau; Efron and
Morris 1975, "Data analysis using Stein's estimator and its generalizations" (shrinkage of many means); Smyth 2004,
"Linear models and empirical Bayes methods" (a variance from few values steadied by the others).
"""

from dataclasses import dataclass

import numpy as np

from sentrec.recommend.films import Films, Floats

_INTERVAL_QUANTILE = 1.959963984540054
_SCORE_QUANTILE = 0.6744897501960817
_PRIOR_DEGREES = 4.0
_LEAST_VARIANCE = 1e-6
_UNIFORM_VARIANCE = 1.0 / 12.0
_LARGEST_SPREAD = 0.5
"""No values between 0 and 1 have a larger standard deviation."""
_GRID = 64
_REFINEMENTS = 3
_NEGLIGIBLE = 12.0
"""Grid points that are less likely than the best one by this factor's exponential are left out."""


@dataclass(frozen=True)
class Shrunken:
    """What films are expected to be like; arrays have one entry a film.

    Attributes:
        expected: Mean positive probability that many more reviews would give.
        low: Lower end of its 95 % interval.
        high: Upper end.
        score: The rank score: what `expected` is above with a probability of 75 %; may fall below 0.
        overall: The mean of all films, `mu`.
        spread: Standard deviation between films, `tau`.
    """

    expected: Floats
    low: Floats
    high: Floats
    score: Floats
    overall: float
    spread: float


def shrink(films: Films) -> Shrunken:
    """Pulls films' means towards the overall mean, as the module explains.

    Args:
        films: At least one film; all of them, also those with few reviews: they tell how films differ.
    """
    variance = _sampling_variance(films)
    spreads, probabilities = _spread_posterior(films.mean, variance)
    expected, squares, within = (np.zeros(len(films)) for _ in range(3))
    overall = 0.0
    for spread, probability in zip(spreads, probabilities, strict=True):
        precision = 1.0 / (variance + spread**2)
        mean = _weighted_mean(films.mean, precision)
        weight = variance * precision
        estimate = (1.0 - weight) * films.mean + weight * mean
        within += probability * (spread**2 * weight + weight**2 / precision.sum())
        expected += probability * estimate
        squares += probability * estimate**2
        overall += probability * mean
    deviation = np.sqrt(within + np.maximum(squares - expected**2, 0.0))
    low, high = (np.clip(expected + sign * _INTERVAL_QUANTILE * deviation, 0.0, 1.0) for sign in (-1, 1))
    score = expected - _SCORE_QUANTILE * deviation
    return Shrunken(expected, low, high, score, overall, float(spreads @ probabilities))


def _sampling_variance(films: Films) -> Floats:
    """Variance of each film's mean."""
    degrees = films.reviews - 1.0
    common = films.squares.sum() / degrees.sum() if degrees.sum() > 0 else _UNIFORM_VARIANCE
    common = max(common, _LEAST_VARIANCE)
    own = (films.squares + _PRIOR_DEGREES * common) / (degrees + _PRIOR_DEGREES)
    return np.asarray(own / films.reviews)


def _spread_posterior(means: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Standard deviations between films, and how likely each is."""
    lowest, highest = 0.0, _LARGEST_SPREAD
    for _ in range(_REFINEMENTS):
        # Of many films the posterior is narrow: the grid closes in on it.
        spreads = np.linspace(lowest, highest, _GRID)
        logs = np.array([_log_posterior(means, variance, float(spread)) for spread in spreads])
        likely = np.flatnonzero(logs > logs.max() - _NEGLIGIBLE)
        lowest, highest = float(spreads[max(likely[0] - 1, 0)]), float(spreads[min(likely[-1] + 1, _GRID - 1)])
    probabilities = np.exp(logs - logs.max())
    return spreads, np.asarray(probabilities / probabilities.sum())


def _log_posterior(means: Floats, variance: Floats, spread: float) -> float:
    precision = 1.0 / (variance + spread**2)
    distance = means - _weighted_mean(means, precision)
    return float(np.log(precision).sum() - np.log(precision.sum()) - (precision * distance**2).sum()) / 2.0


def _weighted_mean(means: Floats, precision: Floats) -> float:
    return float((precision * means).sum() / precision.sum())

"""Facts of films as numbers: those that tastes are told by, and all names reduced to a few dimensions."""

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sentrec.errors import DataError, counted
from sentrec.recommend.api import scored_sums
from sentrec.recommend.catalogue import link
from sentrec.recommend.posterior import estimate
from sentrec.recommend.ranking import centred
from sentrec.recommend.ratings.films import NUMBERS, Film
from sentrec.recommender import Floats, ItemFeatures

_log = logging.getLogger(__name__)


def review_features(scores: Path, keys: Sequence[str], films: Sequence[Film]) -> tuple[Floats, Floats]:
    """Features of films from the scores file of their reviews; a `DataError` if it names no film.

    Reviews name films by the ratings' keys, by titles, or by numbers of IMDb.

    Returns:
        Unit vectors of what is written about each film, shape ``(films, d)``, and their scores, standardised, with the
        number of reviews that they come from, shape ``(films, 2)``; zero where nobody wrote any.
    """
    items = scored_sums(scores).items
    places = link(items.keys, {}, dict(zip(keys, films, strict=True)))
    rows = np.flatnonzero(places >= 0)
    numbers = places[rows]
    if not len(rows):
        raise DataError(
            f"{scores} holds reviews of none of the films.", "They name films by key, title or IMDb number."
        )
    _log.info("Reviews of %s found; %s of others", counted(len(rows), "film"), counted(len(items) - len(rows), "title"))
    vectors, facts = np.zeros((len(films), items.embedding.shape[1])), np.zeros((len(films), 2))
    if vectors.shape[1]:  # a model without word vectors embeds nothing
        vectors[numbers] = centred(items)[rows]
    score = estimate(items).score
    facts[numbers, 0] = (score[rows] - score.mean()) / (score.std() or 1.0)
    facts[numbers, 1] = np.log1p(items.reviews[rows])
    return vectors, facts


_DIMENSIONS = 150
_GROUPS = {"cast and crew": ("cast", "crew"), "what it is about": ("keywords", "companies", "countries", "language")}
_GROUP_DIMENSIONS = 15
_FEWEST_FILMS = 2
"""Films that share a name before it counts: one that is a single film's says nothing of others."""
_FEWEST_OF_GENRE = 5
_SEED = 0


def item_features(films: Sequence[Film], reviews: tuple[Floats, Floats] | None = None) -> ItemFeatures:
    """The features of films, and of `review_features`; nothing of it is learned from ratings."""
    counts = Counter(genre for film in films for genre in film.genres)
    genres = [genre for genre, count in sorted(counts.items()) if count >= _FEWEST_OF_GENRE]
    has_genre = np.array([[genre in film.genres for genre in genres] for film in films], np.float64)
    years = _standardised(np.array([float(film.year or "nan") for film in films]))
    named, names = [has_genre.reshape(len(films), -1), years[:, None], years[:, None] ** 2], [*genres, "year", "year"]
    for group, kinds in _GROUPS.items():
        reduced = _reduced(_names(films, kinds), _GROUP_DIMENSIONS)
        named.append(reduced)
        names += [group] * reduced.shape[1]
    every = _names(films, ("genres", "years", *(kind for kinds in _GROUPS.values() for kind in kinds)))
    facts = _facts(films, years)
    if reviews is not None:
        every, facts = sparse.hstack([every, reviews[0]]).tocsr(), np.hstack([facts, reviews[1]])
    latent = _reduced(every, _DIMENSIONS)
    return ItemFeatures(
        np.hstack(named).astype(np.float32), tuple(names), facts.astype(np.float32), latent.astype(np.float32)
    )


def _facts(films: Sequence[Film], years: npt.NDArray[np.float64]) -> Floats:
    """Logarithms of amounts and counts and their squares, with indicators of unknown ones, and the year."""
    columns = [years, years**2]
    for name in NUMBERS:
        values = np.array([film.numbers.get(name, np.nan) for film in films])
        if np.isfinite(values).any():
            known = _standardised(np.log(values))
            columns += [known, known**2, np.isnan(values).astype(np.float64)]
    return np.column_stack(columns).astype(np.float32)


def _standardised(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """With mean 0 and variance 1; unknown values are at the mean."""
    known = values[np.isfinite(values)]
    spread = float(known.std()) if len(known) else 0.0
    return np.nan_to_num((values - known.mean()) / spread) if spread else np.zeros(len(values))


def _names(films: Sequence[Film], kinds: Sequence[str]) -> sparse.csr_matrix:
    """Which film has which name, weighted by inverse document frequency (Spärck Jones 1972), rows of unit length."""
    bags = [list(dict.fromkeys(f"{kind} {name}" for kind in kinds for name in _of_kind(film, kind))) for film in films]
    counts = Counter(name for bag in bags for name in bag)
    place = {name: at for at, name in enumerate(sorted(name for name, n in counts.items() if n >= _FEWEST_FILMS))}
    found = np.array([(row, place[name]) for row, bag in enumerate(bags) for name in bag if name in place], np.int64)
    rows, columns = found.reshape(-1, 2).T
    frequency = np.bincount(columns, minlength=max(len(place), 1))
    weights = np.log(len(films) / np.maximum(frequency, 1)) + 1e-6
    matrix = sparse.csr_matrix((weights[columns], (rows, columns)), shape=(len(films), len(weights)))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)))
    return sparse.csr_matrix(matrix.multiply(1.0 / np.maximum(lengths, 1e-12)))


def _of_kind(film: Film, kind: str) -> Sequence[str]:
    if kind == "years":
        return [f"{shift}: {(film.year + shift) // 10}" for shift in (0, 5)] if film.year else ()
    return film.genres if kind == "genres" else film.facts.get(kind, ())


def _reduced(matrix: sparse.csr_matrix, dimensions: int) -> npt.NDArray[np.float64]:
    """Rows in fewer dimensions (truncated singular value decomposition), of unit length where they are not zero."""
    from sklearn.decomposition import TruncatedSVD

    if min(matrix.shape) > dimensions + 1:
        matrix = TruncatedSVD(dimensions, random_state=_SEED).fit_transform(matrix)
    dense = matrix.toarray() if sparse.issparse(matrix) else matrix
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    return np.asarray(dense / np.where(lengths > 1e-9, lengths, np.inf))

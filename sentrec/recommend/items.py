"""What is known of each item: sums over its reviews, exact duplicates counted once."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sentrec.errors import SentrecError, counted
from sentrec.recommend.catalogue import identity, item_name
from sentrec.recommend.chunks import embeddings_of

_log = logging.getLogger(__name__)
_SCALES = _SHORT_SCALE, _LONG_SCALE, _ = 5, 10, 100
_MIXED_SHARE = 0.1
Floats = npt.NDArray[np.float64]

SOFTEN = 1.5
"""What log odds are divided by unless somebody asks for another number."""
_SETTINGS = ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8192")


@dataclass(frozen=True)
class Items:
    """Items with their reviews summed up; all arrays have one entry an item, in the order of first appearance."""

    keys: tuple[str, ...]  # each item's key, as it was first written
    reviews: npt.NDArray[np.int64]  # reviews that count, at least 1
    duplicates: npt.NDArray[np.int64]  # further copies of an earlier review (see `Review.digest`); they do not count
    mean: Floats  # mean positive probability
    squares: Floats  # sum of squared distances of the probabilities from their mean
    share_positive: Floats  # share of reviews with a probability above 1/2
    rating: Floats  # mean stars; NaN where fewer than half of the reviews have any, or on several scales
    embedding: npt.NDArray[np.float32]  # mean review embedding, shape ``(items, dim)``

    def __len__(self) -> int:
        return len(self.keys)


@contextmanager
def temporary_database() -> Iterator[sqlite3.Connection]:
    """Gives a database with 8 MB of cache in memory; its file has no name, so that not even a kill leaves it."""
    # An empty name is a private file of SQLite's own (https://www.sqlite.org/inmemorydb.html#temp_db).
    database = sqlite3.connect("", isolation_level=None)
    try:
        for setting in _SETTINGS:
            database.execute(f"PRAGMA {setting}")
        yield database
    except sqlite3.OperationalError as error:
        raise SentrecError(
            f"a temporary file cannot be written or read: {error}.",
            "Free some space, or name a folder with more of it: SQLITE_TMPDIR=FOLDER",
        ) from error
    finally:
        database.close()


def softened(probability: Floats, by: float) -> Floats:
    """Probabilities with their log odds divided by 1 or more; 1 leaves them as they are, to the last bit.

    How likely a review is to be positive is mostly near 0 or 1, how much somebody liked an item is not. Divided by 1.5
    to 2, probabilities order held-out films most as their mean stars do (recipes/README.md, "Ranking films").
    """
    if not by >= 1:
        raise ValueError(f"log odds are divided by 1 or more, not by {by}")
    if by == 1:
        return probability
    liked, disliked = probability ** (1 / by), (1 - probability) ** (1 / by)
    return np.asarray(liked / (liked + disliked))


class ItemSums:
    """Adds scored reviews up per item; memory grows with the items only.

    The `database` keeps the digests of all reviews, 40 bytes each; `soften` is that of `softened`.
    """

    def __init__(self, database: sqlite3.Connection, soften: float = SOFTEN) -> None:
        database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database = database
        self._soften = soften
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._sums = np.zeros((0, 11))
        self._highest = 0.0
        self._embedding = np.zeros((0, 0), dtype=np.float32)

    def add(self, table: pa.Table | pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """Adds rows of `scored_table`; which of them count, because they are no duplicate, shape ``(rows,)``."""
        insert = "INSERT OR IGNORE INTO seen VALUES (?)"
        self._database.execute("BEGIN")
        digests = table.column("digest").to_pylist()
        counts = np.array([self._database.execute(insert, (one,)).rowcount == 1 for one in digests], dtype=bool)
        self._database.execute("COMMIT")
        rows = np.array([self._number(movie) for movie in table.column("movie").to_pylist()], dtype=np.int64)
        embeddings = embeddings_of(table)
        self._grow(embeddings.shape[1])
        probability = softened(table.column("probability").to_numpy(zero_copy_only=False), self._soften)
        rating = table.column("rating").to_numpy(zero_copy_only=False).astype(np.float64)
        scale = np.full(len(rating), np.nan)
        if "rating_scale" in table.schema.names:
            scale = table.column("rating_scale").to_numpy(zero_copy_only=False).astype(np.float64)
        is_marked = np.isfinite(rating) & np.isfinite(scale)
        is_plain = np.isfinite(rating) & ~is_marked
        self._highest = max(self._highest, rating[counts & is_plain].max(initial=0.0))
        values = [probability, probability**2, probability > 0.5, np.where(is_plain, rating, 0.0), is_plain]
        values += [is_plain & (rating <= _SHORT_SCALE), is_plain & (rating > _LONG_SCALE)]
        values += [np.divide(rating, scale, out=np.zeros_like(rating), where=is_marked), is_marked]
        np.add.at(self._sums, rows, np.column_stack([counts, ~counts, *(counts * value for value in values)]))
        np.add.at(self._embedding, rows[counts], embeddings[counts].astype(np.float32))
        return counts

    def result(self) -> Items:
        """The items so far."""
        size = len(self._numbers)
        reviews, duplicates, total, squares, positive = self._sums[:size, :5].T
        mean = total / reviews
        return Items(
            keys=tuple(self._names),
            reviews=reviews.astype(np.int64),
            duplicates=duplicates.astype(np.int64),
            mean=mean,
            squares=np.maximum(squares - reviews * mean**2, 0.0),
            share_positive=positive / reviews,
            rating=_mean_stars(reviews, self._sums[:size, 5:], self._highest),
            embedding=self._embedding[:size] / reviews[:, None].astype(np.float32),
        )

    def _number(self, movie: str) -> int:
        number = self._numbers.setdefault(identity(movie), len(self._names))
        if number == len(self._names):
            self._names.append(item_name(movie))
        return number

    def _grow(self, dim: int) -> None:
        size = len(self._numbers)
        if size <= len(self._sums) and dim == self._embedding.shape[1]:
            return
        room = max(1024, 2 * size)
        sums, embedding = np.zeros((room, self._sums.shape[1])), np.zeros((room, dim), dtype=np.float32)
        sums[: len(self._sums)] = self._sums
        if self._embedding.shape[1] == dim:
            embedding[: len(self._embedding)] = self._embedding
        self._sums, self._embedding = sums, embedding


def _mean_stars(reviews: Floats, sums: Floats, highest: float) -> Floats:
    """Mean stars of each item; NaN where they would say nothing of it, which is logged.

    Ratings that say what they are counted from are put on the scale of the plain numbers, whose `highest` tells it.
    Where most do, plain numbers above 5 among them could be anything, and are left out.
    """
    stars, plain, low, high, shares, marked = sums.T.copy()
    scale = next((one for one in _SCALES if highest <= one), None)
    if scale is None:
        scale = _LONG_SCALE
        marked[:] = shares[:] = 0.0
    elif scale != _SHORT_SCALE and marked.sum() > plain.sum():
        scale = _SHORT_SCALE
        stars[:] = plain[:] = low[:] = high[:] = 0.0
    if marked.any():
        _log.info("Ratings such as 4/5, ★★★½ and B+ count as stars of %d.", scale)
        stars, plain = stars + shares * scale, plain + marked
        high += marked * (scale > _LONG_SCALE)
    # A few ratings, or some on another scale, say nothing of the item.
    rating = np.divide(stars, plain, out=np.full(len(reviews), np.nan), where=plain >= np.maximum(reviews / 2, 1))
    few = np.isnan(rating) & (plain > 0)
    # Of 100 points hardly anybody gives 1 to 5: where many such ratings stand among high ones, they are stars.
    if min(low.sum(), high.sum()) > _MIXED_SHARE * plain.sum():
        mixed = (low > 0) & (high > 0) & ~np.isnan(rating)
        rating[mixed] = np.nan
        if mixed.any():
            what = "their ratings are on several scales, some up to 5 and some above 10"
            _log.info("No stars are shown for %s: %s.", counted(int(mixed.sum()), "item"), what)
    if few.any():
        most = f"{int((reviews - plain)[few].sum()):,} of their {int(reviews[few].sum()):,} reviews have no number"
        _log.info("No stars are shown for %s: %s.", counted(int(few.sum()), "item"), most)
    return np.asarray(rating)

"""Scored reviews on disk: a part for each chunk, so that an interrupted scoring goes on, and one file in the end."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from sentrec.errors import DataError
from sentrec.files import atomic_path
from sentrec.recommend.reviews import Review
from sentrec.recommend.scoring import Scores

_DIGEST = b"sentrec_chunk"
_SCORES_ROWS = 4096
_COLUMNS = ("source", "line", "id", "movie", "rating", "date", "user", "probability", "digest", "embedding")


class PartStore:
    """A folder with one Parquet file for each scored chunk.

    A part is used again only for the very same reviews, so that a file that changed in between does no harm.

    Args:
        folder: Where they lie.
        keep: Whether to use what an earlier, interrupted scoring left there.
    """

    def __init__(self, folder: Path, keep: bool) -> None:
        self._folder = folder
        if not keep:
            self.remove()

    def find(self, number: int, reviews: Sequence[Review]) -> pa.Table | None:
        """The scored chunk, or None if it is not there or holds other reviews."""
        path = self._path(number)
        if not path.is_file() or (pa.parquet.read_schema(path).metadata or {}).get(_DIGEST) != chunk_digest(reviews):
            return None
        return pa.parquet.read_table(path)

    def write(self, number: int, reviews: Sequence[Review], scores: Scores) -> pa.Table:
        """Keeps a scored chunk, whole or not at all, and gives it as `find` would."""
        table = scored_table(reviews, scores).replace_schema_metadata({_DIGEST: chunk_digest(reviews)})
        with atomic_path(self._path(number)) as temporary:
            pa.parquet.write_table(table, temporary, compression="zstd")
        # Read back, because a table from a file differs in its layout, and so would what is written from it.
        return pa.parquet.read_table(self._path(number))

    def remove(self) -> None:
        """Removes all parts."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, number: int) -> Path:
        return self._folder / f"part-{number:06d}.parquet"


def chunk_digest(reviews: Sequence[Review]) -> bytes:
    """Tells chunks apart by everything that their reviews hold."""
    digest = hashlib.blake2b(digest_size=16)
    for review in reviews:
        digest.update(repr(review).encode())
    return digest.hexdigest().encode()


def scored_table(reviews: Sequence[Review], scores: Scores) -> pa.Table:
    """Reviews and their scores as a table, without their texts."""
    embeddings = scores.embeddings
    values = {
        "source": pa.array([review.source for review in reviews], pa.string()),
        "line": pa.array([review.line for review in reviews], pa.int64()),
        "id": pa.array([review.id for review in reviews], pa.string()),
        "movie": pa.array([review.movie for review in reviews], pa.string()),
        "rating": pa.array([review.rating for review in reviews], pa.float64()),
        "date": pa.array([review.date for review in reviews], pa.string()),
        "user": pa.array([review.user for review in reviews], pa.string()),
        "probability": pa.array(scores.positive, pa.float64()),
        "digest": pa.array([review.digest for review in reviews], pa.binary(16)),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(embeddings.ravel()), embeddings.shape[1])
        if embeddings.shape[1]
        else pa.array([[]] * len(reviews), pa.list_(pa.float16(), 0)),
    }
    return pa.table(values)


def embeddings_of(table: pa.Table | pa.RecordBatch) -> np.ndarray:
    """The embedding column as float16, shape ``(rows, dim)``."""
    column = table.column("embedding")
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    dim = column.type.list_size
    if not dim:
        return np.zeros((len(column), 0), dtype=np.float16)
    return np.concatenate([chunk.flatten().to_numpy(zero_copy_only=False) for chunk in chunks]).reshape(-1, dim)


def read_scores(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a scores file, in its order, some thousands at a time.

    Raises:
        DataError: If the file is missing, or not one that `recommend --scores` wrote.
    """
    if not path.is_file():
        raise DataError(f"{path} does not exist.", "Name the reviews and --model too: the scores are written there.")
    try:
        with pa.parquet.ParquetFile(path) as file:
            missing = set(_COLUMNS) - set(file.schema_arrow.names)
            if missing:
                raise DataError(
                    f"{path} is no scores file: it has no column '{min(missing)}'.",
                    "Name one that `recommend --scores` wrote.",
                )
            yield from file.iter_batches(batch_size=_SCORES_ROWS)
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read: {error}", "Is it a scores file, and whole?") from error

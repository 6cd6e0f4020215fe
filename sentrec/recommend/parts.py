"""Scored reviews on disk: a part for each chunk, so that an interrupted scoring goes on, and one file in the end."""

import hashlib
import logging
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from sentrec.errors import DataError
from sentrec.files.storage import atomic_path, read_cached
from sentrec.recommend.reviews import Review
from sentrec.recommend.scores import Scores

logger = logging.getLogger(__name__)

_DIGEST = b"sentrec_chunk"
_SCORES_ROWS = 4096
_FORGOTTEN_SECONDS = 30 * 24 * 3600
_COLUMNS = ("source", "line", "id", "movie", "rating", "date", "user", "probability", "digest")


def remove_forgotten(folder: Path) -> None:
    """Removes the parts of scorings that nobody went on with for 30 days; each has a folder in `folder`."""
    before = time.time() - _FORGOTTEN_SECONDS
    for job in folder.glob("*/"):
        if job.stat().st_mtime < before:
            logger.info("removing the scores of a run that was not resumed for 30 days: %s", job)
            shutil.rmtree(job, ignore_errors=True)


class PartStore:
    """A folder with one Parquet file for each scored chunk.

    A part is used again only for the very same reviews, so that a file that changed in between does no harm.

    Attributes:
        folder: Where they lie.

    Args:
        folder: The same.
        keep: Whether to use what an earlier, interrupted scoring left there.
    """

    def __init__(self, folder: Path, keep: bool) -> None:
        self.folder = folder
        self._reviews: dict[int, int] = {}
        if not keep:
            if any(folder.glob("part-*.parquet")):
                logger.warning("the scores that an earlier, unfinished run kept are removed; --resume would use them")
            self.remove()

    @property
    def reviews(self) -> int:
        """How many reviews have been found or written so far."""
        return sum(self._reviews.values())

    def find(self, number: int, reviews: Sequence[Review]) -> pa.Table | None:
        """The scored chunk, or None if it is not there, is damaged, or holds other reviews."""
        table: pa.Table | None = read_cached(self._path(number), pa.parquet.read_table)
        if table is None or (table.schema.metadata or {}).get(_DIGEST) != chunk_digest(reviews):
            return None
        sources = [review.source for review in reviews]
        self._reviews[number] = len(reviews)
        # The same file may have been named in another way then.
        return table if table.column("source").to_pylist() == sources else self._keep(number, _named(table, sources))

    def write(self, number: int, reviews: Sequence[Review], scores: Scores) -> pa.Table:
        """Keeps a scored chunk, whole or not at all, and gives it as `find` would."""
        table = scored_table(reviews, scores).replace_schema_metadata({_DIGEST: chunk_digest(reviews)})
        self._reviews[number] = len(reviews)
        return self._keep(number, table)

    def remove(self) -> None:
        """Removes all parts, and whatever else lies in the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keep(self, number: int, table: pa.Table) -> pa.Table:
        with atomic_path(self._path(number)) as temporary:
            pa.parquet.write_table(table, temporary, compression="zstd")
        # Read back, because a table from a file differs in its layout, and so would what is written from it.
        return pa.parquet.read_table(self._path(number))

    def _path(self, number: int) -> Path:
        return self.folder / f"part-{number:06d}.parquet"


def _named(table: pa.Table, sources: list[str]) -> pa.Table:
    return table.set_column(0, "source", pa.array(sources, pa.string()))


def chunk_digest(reviews: Sequence[Review]) -> bytes:
    """Tells chunks apart by everything that their reviews hold, but for how their file was named."""
    digest = hashlib.blake2b(digest_size=16)
    for review in reviews:
        digest.update(repr(replace(review, source="")).encode())
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
    }
    # A model without word vectors embeds nothing, and Parquet has no lists of no length.
    if dim := embeddings.shape[1]:
        values["embedding"] = pa.FixedSizeListArray.from_arrays(pa.array(embeddings.ravel()), dim)
    return pa.table(values)


def embeddings_of(table: pa.Table | pa.RecordBatch) -> np.ndarray:
    """The embedding column as float16, shape ``(rows, dim)``; ``dim`` is 0 where there is none."""
    if "embedding" not in table.schema.names:
        return np.zeros((table.num_rows, 0), dtype=np.float16)
    column = table.column("embedding")
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    dim = column.type.list_size
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
            schema = file.schema_arrow
            if "embedding" in schema.names and not pa.types.is_fixed_size_list(schema.field("embedding").type):
                raise DataError(
                    f"{path} was rewritten by another program: its embeddings have no fixed size any more.",
                    "Name the file that `recommend --scores` wrote.",
                )
            for batch in file.iter_batches(batch_size=_SCORES_ROWS):
                _require_probabilities(batch, path)
                yield batch
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read: {error}", "Is it a scores file, and whole?") from error


def _require_probabilities(batch: pa.RecordBatch, path: Path) -> None:
    probability = batch.column("probability").to_numpy(zero_copy_only=False)
    wrong = np.flatnonzero(~((probability >= 0) & (probability <= 1)))
    if len(wrong):
        line = batch.column("line")[int(wrong[0])].as_py()
        raise DataError(
            f"{path} is no scores file: the probability of the review in line {line} is {probability[wrong[0]]}.",
            "Score the reviews again: name them and --model.",
        )

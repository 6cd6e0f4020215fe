"""Scores of reviews, and the cache of scored chunks from which an interrupted scoring goes on; no torch in here."""

import hashlib
import logging
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet

from sentrec.errors import DataError
from sentrec.files.storage import atomic_path, read_cached
from sentrec.recommend.reviews import Reject, Review

_log = logging.getLogger(__name__)

_DIGEST = b"sentrec_chunk"
_SCORES_ROWS = 4096
_COLUMNS = ("source", "line", "id", "movie", "rating", "rating_scale", "date", "user", "probability", "digest")
_NUMBERS = ("rating", "rating_scale", "probability")


@dataclass(frozen=True)
class Scores:
    """What is known of some texts."""

    positive: npt.NDArray[np.float64]  # how positive each is, 0 to 1, shape ``(texts,)``
    embeddings: npt.NDArray[np.float16]  # what each is about, shape ``(texts, dim)``; ``dim`` is 0 if not asked
    # How probably each is positive rather than negative; None where `positive` is just that, not of expected numbers.
    polarity: npt.NDArray[np.float64] | None = None


class Scorer(Protocol):
    """Something that scores texts."""

    def fingerprint(self) -> str:
        """Changes whenever a score might."""

    def score(self, texts: Sequence[str]) -> Scores:
        """Scores every text, in their order."""

    def workers(self) -> AbstractContextManager[tuple[ThreadPoolExecutor, int]]:
        """Gives a pool in which `score` may be called side by side, and how many can work at once."""


@runtime_checkable
class ExplainingScorer(Scorer, Protocol):
    """A scorer that can tell why."""

    def explain(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """What each word of each text adds to the log-odds of a positive review."""


class OneWorker:
    """A scorer that is best left alone while it scores."""

    @contextmanager
    def workers(self) -> Iterator[tuple[ThreadPoolExecutor, int]]:
        """Gives a pool of one worker, which leaves reading to the thread beside it."""
        with ThreadPoolExecutor(1) as pool:
            yield pool, 1


@dataclass(frozen=True)
class ScoredChunk:
    """Some reviews of a shard, scored, and the rows between them that were left out."""

    number: int  # its place among the chunks of its shard
    sources: Sequence[str]  # the file that each review comes from, as it is named
    items: Sequence[tuple[str, str] | None]  # what each is about, see `Review.item`
    rejects: Sequence[Reject]
    bytes_read: int  # of the shard's files, up to here
    digest: bytes = b""  # tells apart what its reviews hold
    table: pa.Table | None = None  # see `scored_table`; None: the cache has it, or there are no reviews
    telling: Sequence[tuple[int, Review]] = ()  # the reviews, with their places, that may be quoted
    began: float | None = None  # when it began to be scored, in seconds of Unix time; None: an earlier run did that


class ChunkCache:
    """A `folder` with a Parquet file for each scored chunk, used again only for the very same reviews.

    `keep` says whether to use what an earlier, interrupted scoring left there.
    """

    def __init__(self, folder: Path, keep: bool) -> None:
        self.folder = folder
        self._reviews: dict[tuple[int, int], int] = {}
        if not keep:
            if any(folder.glob("part-*.parquet")):
                _log.warning("the scores that an earlier, unfinished run kept are removed; --resume would use them")
            self.remove()

    @property
    def reviews(self) -> int:
        """How many reviews have been found or written so far."""
        return sum(self._reviews.values())

    def known(self, shard: int) -> dict[int, bytes]:
        """The digests of the chunks of a shard that are there and whole, by number."""
        found = {}
        for path in self.folder.glob(f"part-{shard:06d}-*.parquet"):
            table: pa.Table | None = read_cached(path, pa.parquet.read_table)
            if table is not None:
                found[int(path.stem.rpartition("-")[2])] = (table.schema.metadata or {}).get(_DIGEST, b"")
        return found

    def keep(self, shard: int, chunk: ScoredChunk) -> ScoredChunk:
        """Writes the table of a chunk, whole or not at all; the chunk without it."""
        self._reviews[shard, chunk.number] = len(chunk.sources)
        if chunk.table is not None:
            self._write(shard, chunk.number, chunk.table.replace_schema_metadata({_DIGEST: chunk.digest}))
        return replace(chunk, table=None)

    def read(self, shard: int, chunk: ScoredChunk) -> pa.Table:
        """The table of a chunk. It always comes from its file, since one that was just made differs in its layout."""
        table = pa.parquet.read_table(self._path(shard, chunk.number))
        if table.column("source").to_pylist() != chunk.sources:  # the same file was named in another way then
            self._write(shard, chunk.number, table.set_column(0, "source", pa.array(chunk.sources, pa.string())))
            table = pa.parquet.read_table(self._path(shard, chunk.number))
        return table

    def remove(self) -> None:
        """Removes all chunks, and whatever else lies in the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, shard: int, number: int, table: pa.Table) -> None:
        with atomic_path(self._path(shard, number)) as temporary:
            pa.parquet.write_table(table, temporary, compression="zstd")

    def _path(self, shard: int, number: int) -> Path:
        return self.folder / f"part-{shard:06d}-{number:06d}.parquet"


def digest_of(reviews: Sequence[Review]) -> bytes:
    """Tells chunks apart by everything that their reviews hold, but for how their file was named."""
    digest = hashlib.blake2b(digest_size=16)
    for review in reviews:
        digest.update(repr(replace(review, source="")).encode())
    return digest.hexdigest().encode()


def scored_table(reviews: Sequence[Review], scores: Scores) -> pa.Table:
    """Reviews and their scores as a table, without their texts."""
    kinds = {"line": pa.int64(), "digest": pa.binary(16)} | dict.fromkeys(_NUMBERS, pa.float64())
    values = {
        name: scores.positive if name == "probability" else [getattr(review, name) for review in reviews]
        for name in _COLUMNS
    }
    columns = {name: pa.array(value, kinds.get(name, pa.string())) for name, value in values.items()}
    # A model without word vectors embeds nothing, and Parquet has no lists of no length.
    if dim := scores.embeddings.shape[1]:
        columns["embedding"] = pa.FixedSizeListArray.from_arrays(pa.array(scores.embeddings.ravel()), dim)
    return pa.table(columns)


def embeddings_of(table: pa.Table | pa.RecordBatch) -> np.ndarray:
    """The embedding column as float16, shape ``(rows, dim)``; ``dim`` is 0 where there is none."""
    if "embedding" not in table.schema.names:
        return np.zeros((table.num_rows, 0), dtype=np.float16)
    column = table.column("embedding")
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    values = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in chunks]
    return np.concatenate(values).reshape(-1, column.type.list_size)


def read_scores(path: Path) -> Iterator[pa.RecordBatch]:
    """The rows of a scores file, some thousands at a time; a `DataError` if it is none of `recommend --scores`."""
    if not path.is_file():
        raise DataError(f"{path} does not exist.", "Name the reviews and --model too: the scores are written there.")
    if path.suffix.lower() in (".csv", ".jsonl", ".xlsx"):
        hint = "Score the reviews again with --scores NAME.parquet."
        raise DataError(f"{path}: only scores kept as Parquet can be ranked again.", hint)
    try:
        with pa.parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            if missing := set(_COLUMNS) - {"rating_scale"} - set(schema.names):  # files of earlier versions lack it
                problem = f"is no scores file: it has no column '{min(missing)}'."
                raise DataError(f"{path} {problem}", "Name one that `recommend --scores` wrote.")
            if "embedding" in schema.names and not pa.types.is_fixed_size_list(schema.field("embedding").type):
                problem = "was rewritten by another program: its embeddings have no fixed size any more."
                raise DataError(f"{path} {problem}", "Name the file that `recommend --scores` wrote.")
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

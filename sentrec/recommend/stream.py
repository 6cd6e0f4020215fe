"""Scores reviews as a stream: chunk by chunk, each kept on disk until the end, summed up per item."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from sentrec import __version__
from sentrec.data.columns import FieldNames
from sentrec.data.sources import Source
from sentrec.data.writers import check_table_name
from sentrec.errors import DataError, Interrupted, SentrecError
from sentrec.files.lock import sole_use
from sentrec.files.storage import cache_home, remove_forgotten
from sentrec.inference.shards import Engine, LocalEngine
from sentrec.recommend.chunks import ChunkCache, ScoredChunk, Scorer
from sentrec.recommend.items import SOFTEN, Items, ItemSums, temporary_database
from sentrec.recommend.outputs import RejectsFile, check_outputs, default_rejects, scores_file
from sentrec.recommend.quotes import ExtremeReviews
from sentrec.recommend.reviews import ItemNames, Review
from sentrec.recommend.shards import ReviewScoring, review_shards
from sentrec.text.encoding import CHUNK_CHARACTERS

CHUNK = 2048
"""Reviews that are scored at a time, in batches of like length."""


@dataclass(frozen=True)
class ScoringProgress:
    """Where a scoring stands."""

    reviews: int  # reviews done
    reused: int  # those among them that an earlier, interrupted scoring had done
    rejected: int  # rows left out
    share: float | None  # share of the input that was read, 0 to 1; None where that is unknown
    seconds: float  # since the scoring of the first review that was not reused began

    @property
    def reviews_per_second(self) -> float:
        """Newly scored reviews a second."""
        return (self.reviews - self.reused) / max(self.seconds, 1e-9)


OnProgress = Callable[[ScoringProgress], None]


@dataclass(frozen=True)
class ScoringOptions:
    """How reviews are read and scored."""

    names: FieldNames = field(default_factory=FieldNames)  # which field is what
    resume: bool = False  # whether to go on with an interrupted scoring of the same files by the same model
    scores: Path | None = None
    """Where to keep the score of every review: .parquet can be ranked again, .csv, .jsonl and .xlsx are for other
    programs; None: nowhere."""
    rejects: Path | None = None
    """Where to write the rows left out (JSON lines); None: ``NAME.rejects.jsonl`` in the current folder."""
    work: Path | None = None  # folder for what an interrupted scoring leaves; None: in sentrec's cache
    soften: float = SOFTEN
    """What the log odds of each review are divided by in the sums of items; scores are kept as they are."""
    encoding: str | None = None  # the encoding of text files; None: as their bytes tell
    engine: Engine = field(default_factory=LocalEngine)
    """Where reviews are scored, see `sentrec.inference.engines.make_engine`; the ranking is the same."""


@dataclass(frozen=True)
class ScoredItems:
    """What a scoring gave."""

    items: Items  # every item with its sums
    reviews: int  # reviews read, duplicates included
    rejected: int = 0  # rows left out
    fields_left_out: int = 0  # optional fields that could not be read, of reviews that count all the same
    rejects_file: Path | None = None  # where both were written, if there were any
    newly_scored: int = 0  # reviews that this scoring scored itself; an earlier, interrupted one had done the others
    seconds: float = 0.0  # from the first of these to the last, with what goes on beside it: reading and summing up

    @property
    def reviews_per_second(self) -> float | None:
        """Newly scored reviews a second; None where there are none."""
        return self.newly_scored / max(self.seconds, 1e-9) if self.newly_scored else None

    @property
    def duplicates(self) -> int:
        """Exact repetitions that did not count."""
        return int(self.items.duplicates.sum())

    def summary(self) -> dict[str, Any]:
        """The counts in plain JSON types."""
        counts = {name: getattr(self, name) for name in ("reviews", "duplicates", "rejected", "fields_left_out")}
        where = str(self.rejects_file) if self.rejects_file else None
        return {"items": len(self.items), **counts, "rejects_file": where}


@contextmanager
def chunk_cache(sources: Sequence[Source], scorer: Scorer, scoring: ScoringOptions) -> Iterator[ChunkCache]:
    """Gives the cache of scored chunks for these files and this model; nobody else scores them meanwhile.

    It is emptied when the block ends well. It stays for ``resume`` when it does not, so that no mistake in the options
    of the ranking, nor a full disk when it is written, costs the scores. What the block raises then says how to go on.
    """
    if scoring.scores is not None and scoring.scores.suffix:
        check_table_name(scoring.scores)
    check_outputs(sources, {"--scores": scoring.scores, "--rejects": scoring.rejects or default_rejects(sources)})
    folder = scoring.work or _work_folder(sources, scorer, scoring)
    resume = "the same input and --resume" if any(one.is_standard_input for one in sources) else "--resume"
    with sole_use(folder, "another process scores these reviews with this model."):
        if scoring.work is None:
            remove_forgotten(folder.parent)
        cache = ChunkCache(folder, keep=scoring.resume)
        try:
            yield cache
        except KeyboardInterrupt:
            message = f"{cache.reviews:,} reviews are scored and kept."
            raise Interrupted(message, f"Go on with the same command and {resume}.") from None
        except SentrecError as error:
            if cache.reviews and not isinstance(error, Interrupted):
                kept = f"The scores are kept: fix that and run the command again with {resume}."
                error.hint = f"{error.hint}\n{kept}" if error.hint else kept
            raise
        cache.remove()


def score_items(
    sources: Sequence[Source],
    scorer: Scorer,
    scoring: ScoringOptions,
    cache: ChunkCache | None,
    extremes: ExtremeReviews | None = None,
    on_progress: OnProgress | None = None,
) -> ScoredItems:
    """Scores reviews and sums them up per item; a `DataError` if a source cannot be read, or holds no review.

    Everything is summed up from the stored chunks in the order of the input, so that a scoring that was interrupted
    and resumed gives the very same as one that was not. Without a cache no file of scores or rejects is written either.
    """
    if any(source.is_standard_input for source in sources) and not isinstance(scoring.engine, LocalEngine):
        raise DataError("standard input cannot be divided among workers.", "Name files, or take the engine local.")
    folder = cache.folder if cache else None
    done = reused = 0
    began, seconds = math.inf, 0.0
    read: dict[int, int] = {}
    with (
        temporary_database() as database,
        RejectsFile(scoring.rejects or default_rejects(sources), folder) as rejects,
        scores_file(scoring.scores, folder) as write,
    ):
        sums, names = ItemSums(database, scoring.soften), ItemNames()
        work = ReviewScoring(scorer, scoring.names, CHUNK, extremes is not None)
        shards, keep = review_shards(sources, cache), cache.keep if cache else None
        for shard, chunk in scoring.engine.map_shards(work, shards, keep):
            for reject in chunk.rejects:
                rejects.add(reject)
            if chunk.sources:
                table, telling = _named(cache.read(shard, chunk) if cache else chunk.table, chunk, names)
                counts = sums.add(table)
                write(table)
                if extremes is not None:
                    extremes.offer(table, telling, counts)
            done += len(chunk.sources)
            if chunk.began is None:
                reused += len(chunk.sources)
            else:
                # Chunks come in the order of the input, but some are scored side by side.
                began = min(began, chunk.began)
                seconds = time.time() - began
            read[shard] = chunk.bytes_read
            if on_progress:
                share = _share_read(sources, sum(read.values()))
                on_progress(ScoringProgress(done, reused, rejects.rows, share, seconds))
        if not done:
            files = ", ".join(source.name for source in sources)
            reason = f"The first row left out: {rejects.first}." if rejects.first else ""
            where = f" All are in {rejects.path}." if rejects.is_kept else ""
            raise DataError(f"{files}: no row is a review with an item and a text.", reason + where or None)
        items = sums.result()
    rejects_file = rejects.path if rejects.is_kept else None
    return ScoredItems(items, done, rejects.rows, rejects.fields, rejects_file, done - reused, seconds)


def _named(table: pa.Table, chunk: ScoredChunk, names: ItemNames) -> tuple[pa.Table, Sequence[tuple[int, Review]]]:
    """The table and the telling reviews of a chunk, with what the shards before it called its items."""
    if not any(chunk.items):
        return table, chunk.telling
    movies = [names.renamed(*one) for one in zip(table.column("movie").to_pylist(), chunk.items, strict=True)]
    place = table.schema.get_field_index("movie")
    told = [(place, replace(review, movie=movies[place])) for place, review in chunk.telling]
    return table.set_column(place, "movie", pa.array(movies, pa.string())), told


def _work_folder(sources: Sequence[Source], scorer: Scorer, scoring: ScoringOptions) -> Path:
    paths = [source.place for source in sources]
    key = json.dumps(
        [scorer.fingerprint(), paths, asdict(scoring.names), scoring.encoding, __version__, CHUNK, CHUNK_CHARACTERS]
    )
    return cache_home() / "scoring" / hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def _share_read(sources: Sequence[Source], read: int) -> float | None:
    total = sum(source.size for source in sources)
    if not total or any(source.is_standard_input for source in sources):
        return None
    return min(read / total, 1.0)

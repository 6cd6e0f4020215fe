"""What a worker does with its part of the reviews, in whatever process or machine it is."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

import numpy as np

from sentrec.data.columns import FieldNames
from sentrec.data.sources import Source
from sentrec.errors import DataError
from sentrec.recommend.chunks import ChunkCache, ScoredChunk, Scorer, digest_of, scored_table
from sentrec.recommend.quotes import ExtremeTexts
from sentrec.recommend.reviews import Review, read_chunks

SHARD_BYTES = 1 << 20
"""Files that follow one another make a shard, which one worker scores, as soon as they hold so much."""


@dataclass(frozen=True)
class ReviewShard:
    """Files of reviews that one worker reads, and the digests of those of their chunks that are scored already."""

    sources: Sequence[Source]
    known: Mapping[int, bytes]

    @property
    def name(self) -> str:
        """The first file."""
        return self.sources[0].name


@dataclass(frozen=True)
class ReviewScoring:
    """What is done with shards of reviews: see `sentrec.inference.shards.Work`."""

    scorer: Scorer
    names: FieldNames
    size: int  # reviews a chunk
    quotes: bool  # whether reviews are to be quoted

    def parts(self, shards: Iterable[ReviewShard], start: int = 0) -> Iterator[tuple[int, ScoredChunk]]:
        """Scores some chunks side by side while others are read, and gives them in the order of the input."""
        with self.scorer.workers() as (pool, workers):
            waiting: deque[tuple[int, Callable[[], ScoredChunk]]] = deque()
            try:
                for place, shard in enumerate(shards):
                    extremes = ExtremeTexts()
                    chunks = enumerate(read_chunks(shard.sources, self.names, self.size))
                    for number, (reviews, rejects) in islice(chunks, start, None):
                        read = sum(source.bytes_read() for source in shard.sources)
                        told = [review.source for review in reviews], [review.item for review in reviews]
                        chunk = ScoredChunk(number, *told, rejects, read)
                        future = pool.submit(self._scored, chunk, reviews, shard.known.get(number))
                        waiting.append((place, partial(self._finished, future, reviews, extremes)))
                        # One more than are at work, so that none waits for the reader; no more: memory must not grow.
                        if len(waiting) > workers:
                            yield _first(waiting)
                    start = 0
                while waiting:
                    yield _first(waiting)
            finally:
                pool.shutdown(cancel_futures=True)

    def _scored(self, chunk: ScoredChunk, reviews: Sequence[Review], known: bytes | None) -> ScoredChunk:
        digest = digest_of(reviews)
        if digest == known or not reviews:
            return replace(chunk, digest=digest)
        began = time.time()
        scores = self.scorer.score([review.text for review in reviews])
        if not np.isfinite(scores.positive).all():
            message = "the model gave a probability that is no number."
            raise DataError(message, "Its weights are broken: train it again.")
        return replace(chunk, digest=digest, table=scored_table(reviews, scores), began=began)

    def _finished(self, future: Future[ScoredChunk], reviews: Sequence[Review], extremes: ExtremeTexts) -> ScoredChunk:
        chunk = future.result()
        if not self.quotes:
            return chunk
        if chunk.table is None:  # its scores are known to the cache only
            return replace(chunk, telling=list(enumerate(reviews)))
        return replace(chunk, telling=extremes.among(reviews, chunk.table.column("probability").to_numpy()))


def _first(waiting: deque[tuple[int, Callable[[], ScoredChunk]]]) -> tuple[int, ScoredChunk]:
    place, finish = waiting.popleft()
    return place, finish()


def review_shards(sources: Sequence[Source], cache: ChunkCache | None) -> list[ReviewShard]:
    """Divides an input; small files that follow one another are one shard, since a chunk ends with its shard."""
    groups: list[list[Source]] = []
    for source in sources:
        if not groups or sum(one.size for one in groups[-1]) >= SHARD_BYTES:
            groups.append([])
        groups[-1].append(source)
    return [ReviewShard(group, cache.known(place) if cache else {}) for place, group in enumerate(groups)]

"""Shards of a large input, what is to be done with them, and the order in which what comes of it is given.

It does not depend on where they are worked on (`engines`): parts come in the order of their shards, each made in one
thread. A worker that is lost is replaced, and reads its shard again up to the part that is missing.
"""

import logging
import os
import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import Any, Protocol

from sentrec.errors import SentrecError

_ATTEMPTS = 3
"""Workers that a shard may lose before it is given up."""
_IN_MEMORY = 1 << 24
"""Bytes of parts that wait for their turn in memory; more of them wait on disk."""


Parts = Iterator[tuple[int, Any]]
"""The place of a shard among others, and what comes of some of its rows."""
Arrived = Callable[[int, Any], Any]


class Shard(Protocol):
    """A piece of an input that one worker reads from its beginning; it can be pickled, and so can a `Work`."""

    @property
    def name(self) -> str:
        """What messages call it."""


class Work(Protocol):
    """What is to be done with shards. A shard gives the same parts, whoever works on it, and on which others."""

    def parts(self, shards: Iterable[Any], start: int = 0) -> Parts:
        """What comes of shards, in order, without the first `start` parts of the first one."""


class Engine(Protocol):
    """Something that works on shards."""

    def map_shards(self, work: Work, shards: Sequence[Any], arrived: Arrived | None = None) -> Parts:
        """What `Work.parts` gives of all shards, in their order.

        `arrived` is called with the place of a shard and a part as soon as it is made, maybe long before its turn; what
        it returns takes the part's place.
        """


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LocalEngine:
    """Works on one shard after the other in this process."""

    def map_shards(self, work: Work, shards: Sequence[Any], arrived: Arrived | None = None) -> Parts:
        """See `Engine.map_shards`."""
        for place, part in work.parts(shards):
            yield place, arrived(place, part) if arrived else part


@dataclass(frozen=True)
class Answer:
    """A worker's answer to a question for a part: the part, pickled; or an error; or neither after the last one."""

    part: bytes | None = None
    error: Exception | None = None
    log: tuple[tuple[str, int, str], ...] = ()


class ShardWorker(logging.Handler):
    """Answers questions for the parts of shards, and remembers up to where it has read; `work` is a `Work`, pickled."""

    def __init__(self, work: bytes) -> None:
        super().__init__(logging.INFO)
        log = logging.getLogger("sentrec")
        log.handlers, log.propagate = [self], False
        log.setLevel(logging.INFO)
        self._log: list[tuple[str, int, str]] = []
        self._work: Work = pickle.loads(work)
        self._next: tuple[int, int] | None = None
        self._parts: Iterator[tuple[int, Any]] = iter(())

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps a message for the next answer."""
        self._log.append((record.name, record.levelno, record.getMessage()))

    def answer(self, place: int, shard: Any, start: int) -> Answer:
        """Makes part number `start` of the shard in this place."""
        try:
            if self._next != (place, start):
                self._parts = self._work.parts([shard], start)
            found = next(self._parts, None)
            answer = Answer(None if found is None else pickle.dumps(found[1]))
        except Exception as error:  # whatever it is, it is told where somebody sees it
            answer = Answer(error=error)
        self._next = (place, start + 1)
        told, self._log = tuple(self._log), []
        return Answer(answer.part, answer.error, told)


class Workers(Protocol):
    """Workers somewhere, numbered from 0."""

    def ask(self, worker: int, place: int, shard: Any, start: int) -> None:
        """Asks one of them, which has nothing else to do, as of `ShardWorker.answer`."""

    def answers(self) -> list[tuple[int, Answer | None]]:
        """Waits for an answer; those that are there, by worker, None of one that was lost and replaced."""


@dataclass
class _Waiting:
    """Parts of a shard that wait for their turn."""

    is_whole: bool = False
    _file: Any = field(default_factory=lambda: SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - closed by `close`
    _sizes: deque[int] = field(default_factory=deque)
    _read: int = 0
    _written: int = 0

    def put(self, part: bytes) -> None:
        self._file.seek(self._written)
        self._file.write(part)
        self._sizes.append(len(part))
        self._written += len(part)

    def take(self) -> Iterator[bytes]:
        while self._sizes:
            self._file.seek(self._read)
            self._read += self._sizes[0]
            yield self._file.read(self._sizes.popleft())
        self._read = self._written = 0

    def close(self) -> None:
        self._file.close()


class _Schedule:
    """Which worker is at which part of which shard, and what waits for its turn."""

    def __init__(self, workers: Workers, shards: Sequence[Any], arrived: Arrived | None) -> None:
        self._workers = workers
        self._shards = shards
        self._arrived = arrived
        self._todo = deque(range(len(shards)))
        self._at: dict[int, tuple[int, int]] = {}
        self._lost = Counter[int]()
        self.waiting = [_Waiting() for _ in shards]

    def begin_next(self, worker: int) -> None:
        """Gives a worker the next shard, if there is one."""
        if self._todo:
            self._ask(worker, self._todo.popleft(), 0)

    def receive(self, worker: int, answer: Answer | None) -> None:
        """Takes an answer, and asks for what comes after it."""
        place, start = self._at.pop(worker)
        if answer is None:
            self._lost[place] += 1
            if self._lost[place] == _ATTEMPTS:
                message = f"{_ATTEMPTS} workers were lost at {self._shards[place].name}."
                raise SentrecError(message, "Had they enough memory? Fewer --workers need less.")
            self._ask(worker, place, start)
            return
        for name, level, message in answer.log:
            logging.getLogger(name).log(level, "%s", message)
        if answer.error is not None:
            raise answer.error
        if answer.part is None:
            self.waiting[place].is_whole = True
            self.begin_next(worker)
            return
        part = answer.part
        if self._arrived is not None:
            part = pickle.dumps(self._arrived(place, pickle.loads(part)))
        self.waiting[place].put(part)
        self._ask(worker, place, start + 1)

    def _ask(self, worker: int, place: int, start: int) -> None:
        self._at[worker] = (place, start)
        self._workers.ask(worker, place, self._shards[place], start)


def in_order(workers: Workers, number: int, shards: Sequence[Any], arrived: Arrived | None = None) -> Parts:
    """Has workers work on shards, each on one at a time, and gives the parts in the order of the shards.

    Raises at once what a worker raises, and a `SentrecError` if a shard costs a worker again and again.
    """
    with ExitStack() as stack:
        schedule = _Schedule(workers, shards, arrived)
        for waiting in schedule.waiting:
            stack.callback(waiting.close)
        for worker in range(number):
            schedule.begin_next(worker)
        for place, waiting in enumerate(schedule.waiting):
            while True:
                yield from ((place, pickle.loads(part)) for part in waiting.take())
                if waiting.is_whole:
                    break
                for worker, answer in workers.answers():
                    schedule.receive(worker, answer)
            waiting.close()

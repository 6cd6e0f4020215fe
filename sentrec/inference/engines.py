"""Where shards are worked on: in this process, in several, or (`ray_engine`) on several machines."""

import multiprocessing
import os
import pickle
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection
from typing import Any, Literal

from sentrec.inference.shards import (
    Answer,
    Arrived,
    Engine,
    LocalEngine,
    Parts,
    ShardWorker,
    Work,
    in_order,
    processors,
)

EngineName = Literal["local", "processes", "ray"]


class ProcessEngine:
    """Works on some shards side by side, each in a process of its own with one thread.

    Args:
        workers: Processes; None: as many as there are processors to run on.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or processors()

    def map_shards(self, work: Work, shards: Sequence[Any], arrived: Arrived | None = None) -> Parts:
        """See `Engine.map_shards`."""
        number = min(self._workers, len(shards))
        with _processes(pickle.dumps(work), number) as workers:
            yield from in_order(workers, number, shards, arrived)


class _Processes:
    """Workers in processes, which end when the other end of their pipe is closed, whatever closed it."""

    def __init__(self, work: bytes, number: int) -> None:
        # Threads of torch do not survive a fork.
        self._context = multiprocessing.get_context("spawn")
        self._work = work
        self._asked: set[int] = set()
        self._started = [self._start() for _ in range(number)]

    def ask(self, worker: int, place: int, shard: Any, start: int) -> None:
        self._asked.add(worker)
        with suppress(OSError):  # it was lost, as the wait for its answer will tell
            self._started[worker][1].send((place, shard, start))

    def answers(self) -> list[tuple[int, Answer | None]]:
        pipes: dict[Any, int] = {self._started[number][1]: number for number in self._asked}
        found = {pipes[pipe]: self._received(pipe) for pipe in connection.wait(list(pipes))}
        for number, answer in found.items():
            self._asked.remove(number)
            if answer is None:
                self._stop(number)
                self._started[number] = self._start()
        return list(found.items())

    def close(self) -> None:
        for number in range(len(self._started)):
            self._stop(number)

    def _start(self) -> tuple[Any, Any]:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(there, self._work), daemon=True)
        with _unheard_interrupts():  # by the new process, too
            process.start()
        there.close()
        return process, here

    @staticmethod
    def _received(pipe: Any) -> Answer | None:
        try:
            return pipe.recv()  # type: ignore[no-any-return]
        except (EOFError, OSError):
            return None

    def _stop(self, number: int) -> None:
        process, pipe = self._started[number]
        pipe.close()
        process.terminate()
        process.join()


@contextmanager
def _processes(work: bytes, number: int) -> Iterator[_Processes]:
    workers = _Processes(work, number)
    try:
        yield workers
    finally:
        workers.close()


@contextmanager
def _unheard_interrupts() -> Iterator[None]:
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Any, work: bytes) -> None:
    """What a worker's process does until its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it is asked to end, and ends it
    os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported
    worker = ShardWorker(work)
    with suppress(EOFError, OSError):
        while True:
            pipe.send(worker.answer(*pipe.recv()))


def make_engine(name: EngineName = "local", workers: int | None = None, address: str | None = None) -> Engine:
    """The engine of this name.

    Args:
        name: Which one.
        workers: How many shards are worked on at a time; None: as many as there are processors. Of no use to ``local``.
        address: The cluster that ``ray`` is to join; None: the one that RAY_ADDRESS names, or one of its own.

    Raises:
        SentrecError: If Ray is not installed.
    """
    if name == "ray":
        from sentrec.inference.ray_engine import RayEngine

        return RayEngine(workers, address)
    return ProcessEngine(workers) if name == "processes" else LocalEngine()

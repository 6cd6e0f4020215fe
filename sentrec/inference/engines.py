"""Where shards are worked on: in several processes, or by the actors of Ray on all machines of a cluster.

Plain actors, not Ray Data: its blocks come in any order and are tables, while duplicates must be counted in the order
of the input, and whatever file sentrec can read must be one for Ray, too.
"""

import logging
import multiprocessing
import os
import pickle
import secrets
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import connection
from typing import Any, Literal

from sentrec.errors import SentrecError
from sentrec.files.parse import one_line
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
_RETRIES = 3
"""Times that Ray starts a lost actor again, and gives it the question that it was lost at."""
_STORE_BYTES = 200 << 20
"""Memory for objects in a cluster of our own: it holds the model, and a part for each worker."""
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}


class ProcessEngine:
    """Works on some shards side by side, each in a process with one thread; None: as many as there are processors."""

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or processors()

    def map_shards(self, work: Work, shards: Sequence[Any], arrived: Arrived | None = None) -> Parts:
        """See `Engine.map_shards`."""
        number = min(self._workers, len(shards))
        with closing(_Processes(pickle.dumps(work), number)) as workers:
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


class RayEngine:
    """Works on some shards side by side, each in an actor with one processor, which Ray places on any machine.

    None: as many actors as the cluster has processors, and the cluster that RAY_ADDRESS names, or else one on this
    machine that ends with the work. Raises a `SentrecError` if Ray is not installed.
    """

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        if find_spec("ray") is None:
            hint = 'Install the extra: pip install -c constraints.txt "sentrec[ray]"'
            raise SentrecError("the engine ray needs Ray, which is not installed.", hint)
        self._workers = workers
        self._address = address or os.environ.get("RAY_ADDRESS")

    def map_shards(self, work: Work, shards: Sequence[Any], arrived: Arrived | None = None) -> Parts:
        """See `Engine.map_shards`."""
        with ray_cluster(self._address, self._workers) as ray:
            number = min(self._workers or int(ray.cluster_resources().get("CPU", 1)), len(shards))
            with closing(_Actors(ray, pickle.dumps(work), number)) as workers:
                yield from in_order(workers, number, shards, arrived)


class _Actor:
    """A worker that takes its work from Ray's store with the first question, since another may have been lost at it."""

    def __init__(self) -> None:
        self._worker: ShardWorker | None = None

    def answer(self, work: bytes, place: int, shard: Any, start: int) -> Answer:
        """See `ShardWorker.answer`."""
        self._worker = self._worker or ShardWorker(work)
        return self._worker.answer(place, shard, start)


class _Actors:
    """Workers that are actors."""

    def __init__(self, ray: Any, work: bytes, number: int) -> None:
        how = {"num_cpus": 1, "max_restarts": _RETRIES, "max_task_retries": _RETRIES}
        self._ray = ray
        self._work = ray.put(work)  # sent once to each machine
        self._actors = [ray.remote(_Actor).options(**how).remote() for _ in range(number)]
        self._asked: dict[Any, int] = {}

    def ask(self, worker: int, place: int, shard: Any, start: int) -> None:
        self._asked[self._actors[worker].answer.remote(self._work, place, shard, start)] = worker

    def answers(self) -> list[tuple[int, Answer | None]]:
        ready, _ = self._ray.wait(list(self._asked))
        try:
            return [(self._asked.pop(one), self._ray.get(one)) for one in ready]
        except self._ray.exceptions.RayActorError as error:
            message = f"a worker was lost {_RETRIES + 1} times: {one_line(error)}."
            raise SentrecError(message, "Had it enough memory? Fewer --workers need less.") from error

    def close(self) -> None:
        """Ray ends what nobody has a handle of."""
        self._actors.clear()
        self._asked.clear()


@contextmanager
def ray_cluster(address: str | None = None, workers: int | None = None) -> Iterator[Any]:
    """Joins a cluster, or starts one that leaves nothing behind; one that the program has joined before stays.

    Gives the library, without its types, since it is an extra.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address is None and "ray" not in sys.modules and "RAY_AUTH_MODE" not in os.environ:
        # By itself Ray writes a token into the home folder. It looks here when it is imported.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
    ray = import_module("ray")
    if ray.is_initialized():
        yield ray
        return
    how: dict[str, Any] = {"address": address or "local", "log_to_driver": False, "logging_level": logging.ERROR}
    with ExitStack() as stack:
        if address is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True))
            how |= {"num_cpus": workers or processors(), "object_store_memory": _STORE_BYTES}
            how |= {"include_dashboard": False, "_temp_dir": folder}
        try:
            ray.init(**how)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            where = f" at {address}" if address else ""
            message = f"Ray{where} cannot be reached or started: {one_line(error)}."
            raise SentrecError(message, "Is it running there, in the same version? ray status") from error
        stack.callback(ray.shutdown)
        yield ray


def make_engine(name: EngineName = "local", workers: int | None = None, address: str | None = None) -> Engine:
    """The engine of this name; a `SentrecError` if Ray is not installed.

    `workers` is how many shards are worked on at a time, None: as many as there are processors; `address` the cluster
    that ``ray`` joins, None: the one that RAY_ADDRESS names, or one of its own. Neither is of use to ``local``.
    """
    if name == "ray":
        return RayEngine(workers, address)
    return ProcessEngine(workers) if name == "processes" else LocalEngine()

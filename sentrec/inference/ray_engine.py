"""Shards worked on by the actors of Ray: on this machine, or on all machines of a cluster that has been started.

Plain actors, not Ray Data: its blocks come in any order and are tables, while duplicates must be counted in the order
of the input, and whatever file sentrec can read must be one for Ray, too.
"""

import logging
import os
import pickle
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

from sentrec.errors import SentrecError
from sentrec.files.parse import one_line
from sentrec.inference.shards import Answer, Arrived, Parts, ShardWorker, Work, in_order, processors

_RETRIES = 3
"""Times that Ray starts a lost actor again, and gives it the question that it was lost at."""
_STORE_BYTES = 200 << 20
"""Memory for objects in a cluster of our own: it holds the model, and a part for each worker."""
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}


def _ray() -> Any:
    """The library, without its types, since it is an extra."""
    try:
        return import_module("ray")
    except ImportError as error:
        hint = 'Install the extra: pip install -c constraints.txt "sentrec[ray]"'
        raise SentrecError(f"the engine ray needs Ray, which cannot be imported: {error}.", hint) from error


class RayEngine:
    """Works on some shards side by side, each in an actor with one processor, which Ray places on any machine.

    Args:
        workers: Actors; None: as many as the cluster has processors.
        address: Of the cluster; None: the one that RAY_ADDRESS names, else one on this machine that ends with the work.

    Raises:
        SentrecError: If Ray is not installed.
    """

    def __init__(self, workers: int | None = None, address: str | None = None) -> None:
        _ray()
        self._workers = workers
        self._address = address or os.environ.get("RAY_ADDRESS")

    def map_shards(self, work: Work, shards: Sequence[Any], arrived: Arrived | None = None) -> Parts:
        """See `sentrec.inference.shards.Engine.map_shards`."""
        ray = _ray()
        with _cluster(self._address, self._workers):
            number = min(self._workers or int(ray.cluster_resources().get("CPU", 1)), len(shards))
            with _actors(pickle.dumps(work), number) as workers:
                yield from in_order(workers, number, shards, arrived)


class _Actors:
    """Workers that are actors."""

    def __init__(self, work: bytes, number: int) -> None:
        ray = _ray()
        how = {"num_cpus": 1, "max_restarts": _RETRIES, "max_task_retries": _RETRIES}
        made = ray.remote(ShardWorker).options(**how)
        shared = ray.put(work)  # sent once to each machine
        self._actors = [made.remote(shared) for _ in range(number)]
        self._asked: dict[Any, int] = {}

    def ask(self, worker: int, place: int, shard: Any, start: int) -> None:
        self._asked[self._actors[worker].answer.remote(place, shard, start)] = worker

    def answers(self) -> list[tuple[int, Answer | None]]:
        ray = _ray()
        ready, _ = ray.wait(list(self._asked))
        try:
            return [(self._asked.pop(one), ray.get(one)) for one in ready]
        except ray.exceptions.RayActorError as error:
            message = f"a worker was lost {_RETRIES + 1} times: {one_line(error)}."
            raise SentrecError(message, "Had it enough memory? Fewer --workers need less.") from error

    def close(self) -> None:
        ray = _ray()
        for actor in self._actors:
            ray.kill(actor)


@contextmanager
def _actors(work: bytes, number: int) -> Iterator[_Actors]:
    workers = _Actors(work, number)
    try:
        yield workers
    finally:
        workers.close()


@contextmanager
def _cluster(address: str | None, workers: int | None) -> Iterator[None]:
    """Joins a cluster, or starts one that leaves nothing behind; one that the program has joined before stays."""
    ray = _ray()
    if ray.is_initialized():
        yield
        return
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with ExitStack() as stack:
        environment = dict(_QUIET)
        if address is None:
            how |= {"address": "local", "num_cpus": workers or processors(), "object_store_memory": _STORE_BYTES}
            folder = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)
            how |= {"include_dashboard": False, "_temp_dir": stack.enter_context(folder)}
            # Without these Ray writes a token into the home folder.
            environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(16)}
        else:
            how["address"] = address
        stack.enter_context(_environment(environment))
        try:
            ray.init(**how)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            where = f" at {address}" if address else ""
            message = f"Ray{where} cannot be reached or started: {one_line(error)}."
            raise SentrecError(message, "Is it running there, in the same version? ray status") from error
        stack.callback(ray.shutdown)
        yield


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Sets those variables that are not set."""
    new = [name for name in values if os.environ.setdefault(name, values[name]) is values[name]]
    try:
        yield
    finally:
        for name in new:
            del os.environ[name]

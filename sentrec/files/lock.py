"""The one lock: a single process at a time trains in a directory, scores a file, or downloads an archive."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import count
from pathlib import Path

from sentrec.errors import RunError
from sentrec.files.storage import cache_home, disk_errors

_PATIENCE_SECONDS = 0.5
_log = logging.getLogger(__name__)


class BusyError(RunError):
    """Another process is at work in the same place."""


@contextmanager
def sole_use(place: Path, busy: str | None = None, hint: str = "Wait for its end.") -> Iterator[None]:
    """Keeps every other process out of a place until the block ends; a killed process keeps nobody out.

    `busy` is what a `BusyError` says where another process is at work there, None: wait for its end; `hint` is what to
    do. The lock lies in the cache folder, because the place itself is not to be touched before the data is read.
    """
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    path = cache_home() / "locks" / f"{hashlib.sha256(str(place.resolve()).encode()).hexdigest()[:32]}.lock"
    with ExitStack() as stack:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                stack.enter_context(WeakFileLock(path, timeout=_PATIENCE_SECONDS if busy else None))
            except Timeout as error:
                raise BusyError(busy or "", hint) from error
        yield


def sole_training(directory: Path, is_main_process: bool = True) -> AbstractContextManager[None]:
    """Keeps every other training out of a directory; of processes that train together only one holds the lock."""
    busy = f"another training is at work in {directory}."
    return sole_use(directory, busy, "Wait for its end, or choose another --out.") if is_main_process else nullcontext()


@contextmanager
def next_training(directory: Path, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Like `sole_training`, but waits for its turn; what `while_waiting`, called time and again, raises ends that."""
    with ExitStack() as stack:
        for attempt in count():
            try:
                stack.enter_context(sole_training(directory))
                break
            except BusyError as busy:
                if not attempt:
                    _log.info("%s Waiting for its end", busy.message)
            while_waiting()
        yield

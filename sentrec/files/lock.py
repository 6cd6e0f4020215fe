"""One training at a time in a directory: two would remove and overwrite each other's files."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sentrec.errors import RunError
from sentrec.files.storage import cache_home, disk_errors

_PATIENCE_SECONDS = 0.5

_log = logging.getLogger(__name__)


class DirectoryBusy(RunError):  # noqa: N818 - it ends by itself
    """Another training is at work in the directory."""


@contextmanager
def sole_training(directory: Path, is_main_process: bool = True) -> Iterator[None]:
    """Keeps every other training out of a directory until the block ends; a killed process keeps nobody out.

    The lock lies in the cache folder, because the directory itself is not to be touched before the data is read.

    Args:
        directory: Where to train; it need not exist.
        is_main_process: Only one of the processes that train together holds the lock.

    Raises:
        DirectoryBusy: If another training is at work there.
    """
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

    path = cache_home() / "locks" / f"{hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:32]}.lock"
    with ExitStack() as stack:
        if is_main_process:
            with disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                try:
                    stack.enter_context(WeakFileLock(path, timeout=_PATIENCE_SECONDS))
                except Timeout as error:
                    raise DirectoryBusy(
                        f"another training is at work in {directory}.", "Wait for its end, or choose another --out."
                    ) from error
        yield


@contextmanager
def next_training(directory: Path, while_waiting: Callable[[], None]) -> Iterator[None]:
    """Like `sole_training`, but waits until the training that is at work in the directory has ended.

    Args:
        directory: Where to train; it need not exist.
        while_waiting: Called time and again; what it raises ends the waiting.
    """
    with ExitStack() as stack:
        waits = False
        while True:
            try:
                stack.enter_context(sole_training(directory))
                break
            except DirectoryBusy as busy:
                if not waits:
                    _log.info("%s", f"{busy.message} Waiting for its end")
                waits = True
            while_waiting()
        yield

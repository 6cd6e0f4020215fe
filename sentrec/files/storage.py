"""Where sentrec keeps its files, and how it writes them: whole or not at all."""

import errno
import functools
import hashlib
import json
import logging
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sentrec.errors import SentrecError, shortened
from sentrec.files.parse import parsing

if TYPE_CHECKING:
    import numpy.typing as npt

DATA_VARIABLE = "SENTREC_DATA"
_Value = TypeVar("_Value")
_log = logging.getLogger(__name__)
_REFUSALS = (
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
    errno.EINVAL,
    errno.EBUSY,
    errno.ENOTEMPTY,
    errno.EXDEV,
    errno.EFBIG,
    errno.ENXIO,
    errno.EILSEQ,
)
_FORGOTTEN_SECONDS = 30 * 24 * 3600
_CLEANED: set[Path] = set()
"""Folders in which this process has looked for what others left."""


def cache_home() -> Path:
    """The cache folder: ``SENTREC_HOME`` where that is set, else the platform's own cache folder for sentrec."""
    home = os.environ.get("SENTREC_HOME")
    if home:
        return Path(home).expanduser()
    import platformdirs  # --help need not wait for it

    return Path(platformdirs.user_cache_dir("sentrec"))


def data_folder() -> Path | None:
    """The folder of data sets that ``SENTREC_DATA`` names, if any."""
    root = os.environ.get(DATA_VARIABLE)
    return Path(root).expanduser() if root else None


@functools.cache
def _host() -> str:
    import platform

    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def read_cached(path: Path, read: Callable[[Path], _Value]) -> _Value | None:
    """What a file of the cache holds; None where it is not there, or is broken, which is logged: it is made again.

    Whatever `read` raises means that the file is broken.
    """
    if not path.is_file():
        return None
    try:
        with parsing(path):
            return read(path)
    except SentrecError as error:
        _log.warning("%s It is made again.", error.message)
        return None


def cached_array(name: str, rows: int, compute: Callable[[], "npt.NDArray[Any]"]) -> "npt.NDArray[Any]":
    """An array of so many rows, memory-mapped from the cache folder; computed and kept there where missing or broken.

    `name` is folder and name of its file without a suffix; it changes with whatever its values depend on.
    """
    import numpy as np  # the command's help need not wait for it

    path = cache_home() / f"{name}.npy"
    values: npt.NDArray[Any] | None = read_cached(path, partial(np.load, mmap_mode="r", allow_pickle=False))
    if values is None or len(values) != rows:
        values = compute()
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            np.save(file, values, allow_pickle=False)
    return values


def remove_forgotten(folder: Path) -> None:
    """Removes the folders in `folder` that nobody changed for 30 days: what was kept of unfinished work."""
    for kept in folder.glob("*/"):
        with suppress(FileNotFoundError):  # another process has just finished that work
            if kept.stat().st_mtime < time.time() - _FORGOTTEN_SECONDS:
                _log.info("Removing what was kept of work that nobody went on with for 30 days: %s", kept)
                shutil.rmtree(kept, ignore_errors=True)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns the file system's refusals (full disk, no permission, bad name) into a `SentrecError` that names `path`."""
    try:
        yield
    except OSError as error:
        where = shortened(path)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message, hint = f"The disk is full: cannot write {where}.", "Free some space, then run it again."
        elif error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            message, hint = f"No permission to write {where}.", "Choose another folder."
        elif error.errno in _REFUSALS:
            message, hint = f"Cannot write {where}: {error.strerror}.", "Choose another name."
        else:
            raise
        raise SentrecError(message, hint) from error


def require_writable(path: Path, folder: bool = False) -> None:
    """Raises a `SentrecError` if a file, or files in a folder, cannot be written; leaves nothing behind."""
    if "\0" in str(path) or (not folder and path.name in ("", "..")):
        raise SentrecError(f"Cannot write {str(path)!r}: it is no name of a file.", "Choose another name.")
    with disk_errors(path):
        _follow(path)
        place = path if folder else path.parent
        if folder and path.exists() and not path.is_dir():
            raise _refusal(errno.ENOTDIR, path)
        if not folder and path.is_dir():
            raise _refusal(errno.EISDIR, path)
        if not folder and path.exists() and not path.is_file():
            return  # a device or a pipe
        made = [one for one in (place, *place.parents) if not one.exists()]
        try:
            _make_folder(place)
            trial = _temporary_name(place / "writable")
            _create(trial)
            trial.unlink()
        finally:
            for one in made:
                with suppress(OSError):
                    one.rmdir()


def _follow(path: Path) -> None:
    """Raises an `OSError` for links that lead back to themselves, which `Path.exists` takes for a new name."""
    with suppress(FileNotFoundError, NotADirectoryError, ValueError):  # a null byte is told later
        path.stat()


def _refusal(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Gives a temporary file name beside `path` that takes its place when the block ends well, else is removed.

    What is there and is no regular file, such as ``/dev/null`` or a pipe, is written to as it is. Raises as
    `disk_errors`.
    """
    with disk_errors(path):
        _follow(path)
        if path.exists() and not (path.is_file() or path.is_dir()):
            yield path
            return
        # Made with the rights that the umask allows; `tempfile` would keep it from everyone but its owner.
        temporary = _prepared(path, _create)
        mode = stat.S_IMODE(temporary.stat().st_mode)
        try:
            yield temporary
            # Some libraries (safetensors) put a file of their own, with fewer rights, in its place.
            temporary.chmod(mode)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `path` that takes its place when the block ends well, else is removed.

    An older folder of the same name is removed once the new one stands in its place; a file of that name is refused.
    """
    with disk_errors(path):
        _follow(path)
        if path.exists() and not path.is_dir():
            raise _refusal(errno.ENOTDIR, path)
        temporary = _prepared(path, _make_folder)
        older = temporary.with_suffix(".old")
        try:
            yield temporary
            if path.exists():
                path.replace(older)
            try:
                temporary.replace(path)
            except OSError:
                if older.exists():
                    older.replace(path)
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(older, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _temporary_name(path: Path) -> Path:
    """A new name beside `path` that tells the process which uses it, so that what a killed one left can be removed."""
    if path.name in ("", "..") or "\0" in str(path):
        raise SentrecError(f"Cannot write {str(path)!r}: it is no name of a file.", "Choose another name.")
    start = path.name.encode()[:150].decode(errors="ignore")
    return path.with_name(f".{start}.{_host()}-{os.getpid()}-{os.urandom(8).hex()}.part")


def _prepared(path: Path, make: Callable[[Path], None]) -> Path:
    """A temporary file or folder beside `path`; where it cannot be made, no folder that was made for it stays."""
    temporary, folder = _temporary_name(path), path.parent
    missing = [one for one in path.parents if not one.exists()]
    try:
        _make_folder(folder)
        _remove_leftovers(folder)
        make(temporary)
    except OSError:
        for one in missing:
            with suppress(OSError):
                one.rmdir()
        raise
    return temporary


def _remove_leftovers(folder: Path) -> None:
    """Removes the temporary files and folders of processes of this machine that have ended; once for each folder."""
    if folder in _CLEANED:
        return
    _CLEANED.add(folder)
    for path in folder.glob(f".*.{_host()}-*-*.part"):
        process = path.name.rsplit(".", 2)[1].split("-")[1]
        if process.isdigit() and not _is_running(int(process)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # of a folder like /proc
        raise OSError(errno.EINVAL, "no folder can be made there", str(path)) from error


def _create(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileNotFoundError as error:  # the folder exists, but is one like /proc
        raise OSError(errno.EINVAL, "no file can be made there", str(path)) from error


def _is_running(process: int) -> bool:
    if os.name == "nt":
        return True  # where signal 0 would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        pass  # it is somebody else's
    return True

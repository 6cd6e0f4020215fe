"""Where sentrec keeps its files, and how it writes them: whole or not at all."""

import errno
import hashlib
import json
import os
import platform
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import platformdirs

from sentrec.errors import SentrecError, shortened

_REFUSALS = (
    *(errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.EBUSY),
    *(errno.ENOTEMPTY, errno.EXDEV, errno.EFBIG, errno.ENXIO, errno.EILSEQ),
)
_HOST = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
_CLEANED: set[Path] = set()
"""Folders in which this process has looked for what others left."""


def cache_home() -> Path:
    """The cache folder: ``SENTREC_HOME`` where that is set, else the platform's own cache folder for sentrec."""
    home = os.environ.get("SENTREC_HOME")
    return Path(home).expanduser() if home else Path(platformdirs.user_cache_dir("sentrec"))


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns the file system's refusals (full disk, no permission, bad name) into a `SentrecError` that names `path`."""
    try:
        yield
    except OSError as error:
        where = shortened(path)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SentrecError(
                f"The disk is full: cannot write {where}.", "Free some space, then run it again."
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise SentrecError(f"No permission to write {where}.", "Choose another folder.") from error
        if error.errno in _REFUSALS:
            raise SentrecError(f"Cannot write {where}: {error.strerror}.", "Choose another name.") from error
        raise


def require_writable(path: Path, folder: bool = False) -> None:
    """Makes sure that a file, or a folder with files in it, can be written; what it makes to try that is removed again.

    Args:
        path: What is to be written later; it need not exist.
        folder: Whether it is a folder.

    Raises:
        SentrecError: If it cannot; so a command that is to write it can stop before its work.
    """
    if "\0" in str(path):
        raise SentrecError(f"Cannot write {str(path)!r}: it is no name of a file.", "Choose another name.")
    with disk_errors(path):
        place = path if folder else _file_name(path).parent
        if folder and path.exists() and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        if not folder and path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not folder and path.exists() and not path.is_file():
            return  # a device or a pipe
        made = [one for one in (place, *place.parents) if not one.exists()]
        try:
            _make_folder(place)
            trial = place / _temporary_name(Path("writable"))
            _create(trial)
            trial.unlink()
        finally:
            for one in made:
                with suppress(OSError):
                    one.rmdir()


def _file_name(path: Path) -> Path:
    """The path, if it can be that of a file: not the root, the current or the parent folder."""
    if path.name in ("", "..") or "\0" in str(path):
        raise SentrecError(f"Cannot write {str(path)!r}: it is no name of a file.", "Choose another name.")
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Gives a temporary file name beside `path` that takes its place when the block ends well, else is removed.

    What is there and is no regular file, such as ``/dev/null`` or a pipe, is written to as it is.

    Raises:
        SentrecError: If the disk is full or may not be written.
    """
    with disk_errors(path):
        if path.exists() and not (path.is_file() or path.is_dir()):
            yield path
            return
        temporary = _temporary_name(path)
        with _parents(path):
            _remove_leftovers(path.parent)
            # Made with the rights that the umask allows; `tempfile` would keep it from everyone but its owner.
            _create(temporary)
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

    An older folder of the same name is replaced; it is removed only after the new one stands in its place.

    Raises:
        SentrecError: If the disk is full or may not be written, or a file of that name is there.
    """
    with disk_errors(path):
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        temporary = _temporary_name(path)
        with _parents(path):
            _remove_leftovers(path.parent)
            _make_folder(temporary)
        older = temporary.with_suffix(".old")
        try:
            yield temporary
            _swap(temporary, path, older)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            shutil.rmtree(older, ignore_errors=True)


def _swap(new: Path, path: Path, older: Path) -> None:
    if path.exists():
        path.replace(older)
    try:
        new.replace(path)
    except OSError:
        if older.exists():
            older.replace(path)
        raise


def write_json(path: Path, value: Any) -> None:
    """Writes `value` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _temporary_name(path: Path) -> Path:
    """A new name beside `path` that tells the process which uses it, so that what a killed one left can be removed."""
    name = f".{path.name.encode()[:150].decode(errors='ignore')}.{_HOST}-{os.getpid()}-{secrets.token_hex(8)}.part"
    return _file_name(path).with_name(name)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as error:  # of a folder like /proc
        raise OSError(errno.EINVAL, "no folder can be made there", str(path)) from error


@contextmanager
def _parents(path: Path) -> Iterator[None]:
    """Makes the folders above `path`; where the block cannot make it, they are removed again."""
    made = [one for one in path.parents if not one.exists()]
    try:
        _make_folder(path.parent)
        yield
    except OSError:
        for one in made:
            with suppress(OSError):
                one.rmdir()
        raise


def _create(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except FileNotFoundError as error:  # the folder exists, but is one like /proc
        raise OSError(errno.EINVAL, "no file can be made there", str(path)) from error


def _remove_leftovers(folder: Path) -> None:
    """Removes the temporary files and folders of processes of this machine that have ended; once for each folder."""
    if folder in _CLEANED:
        return
    _CLEANED.add(folder)
    for path in folder.glob(f".*.{_HOST}-*-*.part"):
        process = path.name.rsplit(".", 2)[1].split("-")[1]
        if process.isdigit() and not _is_running(int(process)):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


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

"""Where sentrec keeps its files, and how it writes them: whole or not at all."""

import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from sentrec.errors import SentrecError


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
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SentrecError(
                f"The disk is full: cannot write {path}.", "Free some space, then run it again."
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise SentrecError(f"No permission to write {path}.", "Choose another folder.") from error
        if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG):
            raise SentrecError(f"Cannot write {path}: {error.strerror}.", "Choose another name.") from error
        raise


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
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary_name(path)
        # Made with the rights that the umask allows; `tempfile` would keep it from everyone but its owner.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
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
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _temporary_name(path)
        temporary.mkdir()
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
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")

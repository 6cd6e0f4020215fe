"""Reading the files of a run directory: whole and unaltered, or an error that says which is not."""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sentrec.errors import RunError, SentrecError
from sentrec.files.parse import parse_json, read_text
from sentrec.files.storage import cache_home, write_text

INCOMPLETE = "The run is incomplete: copy it again from where it was made, or train again."

_LARGE = 64 << 20


def verify_files(directory: Path, checksums: Mapping[str, str]) -> None:
    """Raises a `RunError` if files of a directory are not those whose SHA-256 was recorded, by their paths in it.

    Hashing a large file takes longer than reading it: one that was found unaltered is hashed again when it has changed.
    """
    for name, recorded in checksums.items():
        path = directory / name
        if not path.is_file():
            raise RunError(f"{directory} has no {name}.", INCOMPLETE)
        about = path.stat()
        known = f"{path.resolve()} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns} {about.st_ino} {recorded}"
        seal = cache_home() / "verified" / hashlib.sha256(known.encode()).hexdigest()
        if about.st_size >= _LARGE and seal.is_file():
            continue
        if sha256_of(path) != recorded:
            raise RunError(
                f"{path} was cut off or altered: its checksum is not the one recorded at training.",
                "Copy the run again from where it was made, or train again with --force.",
            )
        if about.st_size >= _LARGE:
            with suppress(SentrecError, OSError):  # a cache that cannot be written costs time only
                write_text(seal, "")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; a `RunError` if the file cannot be read, or holds anything else."""
    value = _read_json(path)
    if not isinstance(value, dict):
        raise RunError(f"{path} was altered: it holds no JSON object.", INCOMPLETE)
    return value


def read_names(path: Path) -> tuple[str, ...]:
    """The class names in a file, in the order of their numbers; a `RunError` if it holds anything else."""
    names = _read_json(path)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise RunError(f"{path} was altered: it holds no names of classes.", INCOMPLETE)
    if len(set(names)) < len(names):
        raise RunError(f"{path} was altered: it names a class twice.", INCOMPLETE)
    return tuple(names)


def _read_json(path: Path) -> Any:
    return parse_json(read_text(path, RunError, INCOMPLETE), path, RunError, INCOMPLETE)

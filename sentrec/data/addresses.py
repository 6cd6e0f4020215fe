"""Inputs of many files: a folder, a pattern, and whatever fsspec reads: s3://, gs://, hf://..."""

import re
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any

from sentrec.data.formats import data_suffix, exists, is_folder
from sentrec.errors import DataError
from sentrec.files.parse import parsing, user_path

_ADDRESS = re.compile(r"(?!https?:)[a-zA-Z][a-zA-Z0-9+]+://.")
_PATTERN = re.compile(r"[*?[]")
_HINT = "Check the address, and whether this machine may read it."


def is_address(name: str) -> bool:
    """Whether a name is an address such as ``s3://bucket/reviews``; web pages are none."""
    return bool(_ADDRESS.match(name))


def is_pattern(name: str) -> bool:
    """Whether a name is a pattern of names of files: ``reviews/*.csv``."""
    return bool(_PATTERN.search(name) and data_suffix(name)) and not exists(name)


def files_of(name: str) -> list[str]:
    """The files that a name stands for, sorted: all in a folder, those that a pattern fits, or itself.

    Raises:
        DataError: If there are none, or the address cannot be reached.
    """
    path = user_path(name, DataError)
    if is_address(name):
        found = _files_at(name)
    elif is_folder(name):
        found = [str(one) for one in path.rglob("*") if one.is_file()]
    elif _PATTERN.search(name) and not exists(name):
        base = Path(*takewhile(lambda part: not _PATTERN.search(part), path.parts))
        found = [str(one) for one in base.glob(str(path.relative_to(base))) if one.is_file()]
    else:
        return [name]
    # Other programs leave their own marks beside their shards: _SUCCESS, .part-0.csv.crc
    files = sorted(one for one in found if data_suffix(one) and not Path(one).name.startswith((".", "_")))
    if not files:
        raise DataError(f"{name} holds no table.", "It takes .csv, .tsv, .jsonl, .json, .parquet, .xlsx or .txt.")
    return files


def _files_at(name: str) -> list[str]:
    with parsing(name, DataError, _HINT):
        system, path = _system(name)
        is_folder_there = not _PATTERN.search(path) and system.isdir(path)
        found = system.find(path) if is_folder_there else system.glob(path)
        return [system.unstrip_protocol(one) for one in found]


def open_address(name: str) -> Any:
    """The bytes at an address, as a file; a `DataError` if it cannot be reached."""
    with parsing(name, DataError, _HINT):
        system, path = _system(name)
        return system.open(path, "rb")


def size_at(name: str) -> int:
    """The size of the file at an address in bytes; a `DataError` if there is none, or the address cannot be reached."""
    with parsing(name, DataError, _HINT):
        system, path = _system(name)
        return int(system.size(path) or 0)


def _system(name: str) -> tuple[Any, str]:
    fsspec = import_module("fsspec")  # slow, and without types
    try:
        return fsspec.url_to_fs(name)  # type: ignore[no-any-return]
    except ImportError as error:
        protocol = name.partition("://")[0]
        known = import_module("fsspec.registry").known_implementations
        library = known.get(protocol, {}).get("class", protocol).partition(".")[0]
        message = f"{protocol}:// is read by {library}, which cannot be imported."
        raise DataError(message, f"pip install {library}") from error

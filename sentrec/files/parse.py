"""The one guarded place in which text, JSON and other files that somebody else wrote are parsed.

Whatever a parser raises on them becomes a `SentrecError` of one line that names the file.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from sentrec.errors import SentrecError, shortened

MOST_BYTES = 1 << 28
"""Largest text or JSON file that is read as a whole."""
MOST_DEPTH = 100
"""Deepest nesting of a JSON or YAML document; those that sentrec writes are at most 8 deep."""


@contextmanager
def parsing(source: str | Path, error: type[SentrecError] = SentrecError, hint: str | None = None) -> Iterator[None]:
    """Turns whatever is raised in the block into one `error` that names the source; a `SentrecError` passes."""
    try:
        yield
    except SentrecError:
        raise
    # A parser may raise anything on bytes that it does not expect.
    except Exception as cause:
        raise error(f"{shortened(source)} cannot be read: {one_line(cause)}.", hint) from cause


def user_path(name: str | Path, error: type[SentrecError] = SentrecError) -> Path:
    """A path as a user wrote it, with ``~`` expanded; it need not exist.

    Raises an `error` if there can be none: of an unknown user, with a null byte, too long, or a circle of links.
    """
    with parsing(name, error):
        path = Path(name).expanduser()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.stat()
    return path


def read_text(
    path: Path, error: type[SentrecError] = SentrecError, hint: str | None = None, most_bytes: int = MOST_BYTES
) -> str:
    """The text of a UTF-8 file without its byte order mark; an `error` if it is too large, no UTF-8, or no file."""
    with parsing(path, error, hint):
        if path.exists() and not path.is_file():
            raise OSError("it is no regular file")
        if path.stat().st_size > most_bytes:
            raise OSError(f"it is larger than {most_bytes / 1e6:,.0f} MB")
        try:
            return path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as cause:
            raise error(f"{shortened(path)} is not UTF-8 text: {cause}.", hint) from cause


def parse_json(
    text: str | bytes, source: str | Path, error: type[SentrecError] = SentrecError, hint: str | None = None
) -> Any:
    """The value of a JSON document.

    Raises an `error` if it is no JSON (NaN and Infinity are none), nested deeper than `MOST_DEPTH` or holds a number of
    thousands of digits.
    """

    def refuse(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number of JSON")

    try:
        value = json.loads(text, parse_constant=refuse)
        _require_shallow(value)
    except (ValueError, RecursionError) as cause:
        raise error(f"{shortened(source)} is not valid JSON: {one_line(cause)}.", hint) from cause
    return value


def _require_shallow(value: Any) -> None:
    level = [value]
    for _ in range(MOST_DEPTH):
        containers = [one for one in level if isinstance(one, dict | list)]
        level = [inner for one in containers for inner in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return
    raise RecursionError


def one_line(cause: Exception) -> str:
    """What an error says, in one line without a full stop, cut."""
    if isinstance(cause, RecursionError):
        return "it is nested too deeply"
    if isinstance(cause, MemoryError):
        return "there is not enough memory for it"
    if "integer string conversion" in str(cause):  # Python's words for it name a function of the interpreter
        return "a number has thousands of digits"
    text = (isinstance(cause, OSError) and cause.strerror) or str(cause)
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return shortened(first.rstrip(".") or type(cause).__name__, 200)

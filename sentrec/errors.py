"""The few errors that sentrec raises on purpose, and helpers for messages."""

import difflib
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_MOST_CHARACTERS = 4000
_MOST_COMPARED = 10_000
_LONGEST_NAME = 200


def shortened(value: object, most: int = 120) -> str:
    """`value` as text, cut to at most `most` characters; what is left out is counted."""
    text = str(value)
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most:,} more characters)"


class SentrecError(Exception):
    """Something the user can fix: bad input, a missing file, a full disk.

    Args:
        message: What went wrong, in one or a few lines; the end of a very long one is cut off.
        hint: What to do next, e.g. the command that fixes it.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = shortened(message, _MOST_CHARACTERS)
        self.hint = hint and shortened(hint, _MOST_CHARACTERS)
        super().__init__(self.message)


class RecipeError(SentrecError):
    """A recipe that cannot be read or does not fit its schema."""


class DataError(SentrecError):
    """A dataset that cannot be found, read or used as asked."""


class GloveError(SentrecError):
    """GloVe vectors that are missing, broken or could not be fetched."""


class PluginError(SentrecError):
    """A plugin that does not keep its contract."""


class RunError(SentrecError):
    """A run directory that is missing, incomplete or was altered."""


class Interrupted(SentrecError):  # noqa: N818 - it is nobody's error
    """Work was stopped on request; its state is saved, and the hint names the command that continues."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not known: ``"did you mean 'x'?"``, or ``"known: a, b, c"`` where none is near."""
    names = sorted(known)
    nearest = difflib.get_close_matches(name[:_LONGEST_NAME], names[:_MOST_COMPARED], n=1, cutoff=0.6)
    if nearest:
        return f"did you mean '{shortened(nearest[0])}'?"
    return f"known: {listed(names, 20)}" if names else "none is known"


def listed(names: Iterable[object], most: int = 12) -> str:
    """Names for a message, separated by commas; of many, or very long ones, only some."""
    shown = [str(name) for name in names]
    cut = [name if len(name) <= 80 else f"{name[:80]}…" for name in shown[:most]]
    return ", ".join(cut) + (f" and {len(shown) - most:,} more" if len(shown) > most else "")


def counted(number: int, singular: str) -> str:
    """``1 review``, ``2,000 reviews``."""
    return f"{number:,} {singular}{'' if number == 1 else 's'}"


@contextmanager
def messages_from(level: int, *names: str) -> Iterator[None]:
    """Hides what these loggers tell below a level, such as another library's warnings of each of its attempts."""
    levels = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in levels:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, before in levels.items():
            logger.setLevel(before)

"""A table on disk for what must be remembered of every review: memory must not grow with their number."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sentrec.errors import SentrecError

_SETTINGS = ("journal_mode=OFF", "synchronous=OFF", "cache_size=-8192")


@contextmanager
def temporary_database(table: str) -> Iterator[sqlite3.Connection]:
    """Gives a database with one table and 8 MB of cache; its file has no name, so that not even a kill leaves it.

    Args:
        table: The SQL that creates the table.

    Raises:
        SentrecError: If its disk is full or may not be written.
    """
    # An empty name is a private file of SQLite's own (https://www.sqlite.org/inmemorydb.html#temp_db).
    database = sqlite3.connect("", isolation_level=None)
    try:
        for setting in _SETTINGS:
            database.execute(f"PRAGMA {setting}")
        database.execute(table)
        yield database
    except sqlite3.OperationalError as error:
        raise SentrecError(
            f"a temporary file cannot be written or read: {error}.",
            "Free some space, or name a folder with more of it: SQLITE_TMPDIR=FOLDER",
        ) from error
    finally:
        database.close()

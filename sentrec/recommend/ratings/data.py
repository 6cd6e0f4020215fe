"""Reads ratings as they come: a MovieLens archive or folder, or any file of users, items and ratings."""

import logging
import shutil
import tempfile
import zipfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from sentrec.data.columns import FieldNames
from sentrec.data.formats import checked_path, data_suffix
from sentrec.data.sources import Source
from sentrec.data.text_rows import BadRow
from sentrec.data.values import UnusableError, name_of, rating_of
from sentrec.errors import DataError, counted
from sentrec.files.parse import parsing
from sentrec.recommend.catalogue import item_name
from sentrec.recommender import Ratings

_log = logging.getLogger(__name__)
_PARTS = ("ratings", "movies", "links")
_DAT_COLUMNS = {"ratings": "userId\tmovieId\trating\ttimestamp", "movies": "movieId\ttitle\tgenres"}
_OPTIONS = {role: f"--{role}-field {{}}" for role in ("user", "movie", "rating")}
_SCALES = (1.0, 5.0, 10.0, 100.0)
_ON_SCALE = 0.99
"""Share of the ratings that have to be on the smallest scale that fits; the others are mistakes."""


@dataclass(frozen=True)
class RatedItems:
    """Ratings with the names of their users and items."""

    ratings: Ratings  # the ratings
    users: tuple[str, ...]  # names of the users
    items: tuple[str, ...]  # keys of the items
    scale: float  # the highest rating


@contextmanager
def rating_files(path: Path) -> Iterator[dict[str, Path]]:
    """``ratings``, else a `DataError`, and ``movies`` and ``links`` of an archive, a folder, or beside a file."""
    hint = "It needs a file of ratings with the columns userId, movieId and rating, e.g. ratings.csv."
    with tempfile.TemporaryDirectory(prefix="sentrec-") as work:
        folder = path.expanduser()
        if folder.is_file() and zipfile.is_zipfile(folder) and folder.suffix.lower() != ".xlsx":
            with parsing(path, DataError, hint):
                _unpack(folder, Path(work))
            folder = Path(work)
        elif not folder.is_dir():
            file, _ = checked_path(str(path), hint)
            found = _parts_in(file.parent) if file.stem == "ratings" else {}
            yield {part: _with_header(part, one, Path(work)) for part, one in (found | {"ratings": file}).items()}
            return
        found = _parts_in(folder)
        if "ratings" not in found:
            raise DataError(f"{path} holds no ratings.", hint)
        yield {part: _with_header(part, file, Path(work)) for part, file in found.items()}


def _unpack(archive: Path, into: Path) -> None:
    """Writes the files of interest flat into a folder; of several with one name the first counts."""
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            target = into / Path(name).name
            if Path(name).name.split(".")[0] in _PARTS and not name.startswith("__MACOSX/") and not target.exists():
                with opened.open(name) as source, target.open("wb") as copy:
                    shutil.copyfileobj(source, copy)


def _parts_in(folder: Path) -> dict[str, Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file())
    known = [file for file in files if data_suffix(file.name) or file.suffix == ".dat"]
    return {part: file for part in _PARTS for file in known if file.name.split(".")[0] == part}


def _with_header(part: str, file: Path, work: Path) -> Path:
    """The file itself; one of ``a::b::c`` lines, as older MovieLens sets have, as a table."""
    if file.suffix != ".dat" or part not in _DAT_COLUMNS:
        return file
    table = work / f"{part}.table.tsv"
    with file.open(encoding="latin-1") as lines, table.open("w", encoding="utf-8") as copy:
        copy.write(_DAT_COLUMNS[part] + "\n")
        copy.writelines(line.replace("::", "\t") for line in lines)
    return table


def read_ratings(file: Path, names: FieldNames | None = None, encoding: str | None = None) -> RatedItems:
    """Reads ratings; what cannot be used is left out with one line for each kind of mistake.

    Of several ratings of one item by one user the latest counts. Ratings beyond the scale that nearly all are on (1,
    5, 10 or 100 at most) are left out. Raises a `DataError` if a column is missing, or no rating is left.
    """
    table = _Table()
    names = names or FieldNames()
    for row in Source(str(file), encoding).rows(names.select):
        if isinstance(row, BadRow):
            table.refuse(row.line, row.reason)
            continue
        roles = names.roles(tuple(row.fields))
        for role in ("user", "movie", "rating"):
            if role not in roles:
                raise names.missing([role], str(file), "its header has", row.fields, _OPTIONS)
        try:
            table.add(*_values(row.fields, roles))
        except UnusableError as error:
            table.refuse(row.line, str(error))
    return table.result(str(file))


def _values(fields: Any, roles: Any) -> tuple[str, str, float, float]:
    user, item, rating = (roles[role][0] for role in ("user", "movie", "rating"))
    who, what = name_of(fields[user], "user", user), name_of(fields[item], "item", item)
    stars = rating_of(fields[rating], "rating", rating)
    for value, role, column in ((who, "user", user), (what, "item", item), (stars, "rating", rating)):
        if value is None:
            raise UnusableError(f"no {role} (field '{column}')")
    when = fields[roles["date"][0]] if "date" in roles else None
    return str(who), str(what), float(stars or 0.0), _time(when)


def _time(value: Any) -> float:
    """Seconds of a time stamp or a date; only their order counts."""
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            value = datetime.fromisoformat(value.strip())
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        return value.timestamp() if isinstance(value, datetime) else float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


class _Table:
    def __init__(self) -> None:
        self._users: dict[str, int] = {}
        self._items: dict[str, int] = {}
        self._columns = (array("q"), array("q"), array("d"), array("d"))
        self._refused: list[tuple[int, str]] = []
        self._refused_count = 0

    def refuse(self, line: int, reason: str) -> None:
        self._refused_count += 1
        self._refused = self._refused or [(line, reason)]

    def add(self, user: str, item: str, stars: float, time: float) -> None:
        item = item_name(item)
        values = (self._users.setdefault(user, len(self._users)), self._items.setdefault(item, len(self._items)))
        columns: tuple[array[Any], ...] = self._columns
        for column, value in zip(columns, (*values, stars, time), strict=True):
            column.append(value)

    def result(self, source: str) -> RatedItems:
        users, items, stars, times = (np.array(column) for column in self._columns)
        if self._refused:
            line, reason = self._refused[0]
            _log.warning(
                "%s of %s left out; the first: line %d, %s", counted(self._refused_count, "row"), source, line, reason
            )
        if not len(stars):
            raise DataError(
                f"{source} holds no rating that can be used.", "Are user, item and rating the right columns?"
            )
        scale = next((one for one in _SCALES if (stars <= one).mean() >= _ON_SCALE), float(stars.max()))
        kept = (stars >= 0) & (stars <= scale)
        if not kept.all():
            wrong = counted(int((~kept).sum()), "rating")
            _log.warning("%s outside the scale 0 to %g left out, e.g. %g", wrong, scale, stars[~kept][0])
        # The order of the file decides where there are no times, or equal ones.
        order = np.lexsort((np.arange(len(stars)), np.nan_to_num(times, nan=-np.inf)))
        order = order[kept[order]]
        pairs = users[order] * len(self._items) + items[order]
        _, last = np.unique(pairs[::-1], return_index=True)
        chosen = np.sort(order[::-1][last])
        if len(chosen) < len(order):
            repeated = counted(len(order) - len(chosen), "repeated rating")
            _log.warning("%s of the same item by the same user: the latest counts", repeated)
        columns = (users[chosen], items[chosen], stars[chosen], times[chosen])
        ratings = Ratings(*columns, (len(self._users), len(self._items)), 0.8 * scale)
        return RatedItems(ratings, tuple(self._users), tuple(self._items), scale)

"""Facts of items: which columns of a table are numbers, dates or names, and what they say of each row."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, combinations
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from sentrec.data.columns import KEY_NAMES, folded
from sentrec.data.items import Items
from sentrec.data.values import parse_list
from sentrec.errors import DataError, counted

Floats = npt.NDArray[np.float64]
_log = logging.getLogger(__name__)

KEYS = frozenset(map(folded, KEY_NAMES))
OTHER_RATINGS = frozenset(map(folded, ("vote_average",)))
"""Another crowd's answer is no fact of an item."""
AFTER_RELEASE = frozenset(
    map(folded, ("popularity", "revenue", "vote_count", "votes", "status", "homepage", "tagline"))
)
"""What is known, or filled in, only once there has been an audience."""
COUNTS_AFTER_RELEASE = frozenset(map(folded, ("keywords",)))
"""Lists that grow with the audience: their names are facts, but not how many there are; nor is the length of texts."""
_MOST_CAST, _LEADS = 10, 3
LEADING, AUTHORS = "leading", "authors"
"""Jobs that are made of others: the first names of a list with an order; who directs or writes, in whatever job."""
_AUTHORS = frozenset(("Director", "Screenplay", "Writer", "Story", "Novel"))
_MOST_RATIOS = 6
"""So many columns of numbers are divided by each other: what was spent a minute, or earned a dollar, says more."""
_LOOKED_AT = 1000
_SHARE_WITH_JOB = 0.3
_FEWEST_ROWS_OF_NAME = 1.5
"""Text that separates names has each of them in so many rows on average; titles and descriptions have not."""


@dataclass(frozen=True)
class Schema:
    """What is made of the columns of a table.

    Attributes:
        numbers: Columns of numbers.
        dates: Columns of dates: their year and day of the year.
        lists: Columns of names; of people with jobs, such as a crew, once for each usual job.
        counted: Columns whose entries or words are counted, too.
    """

    numbers: tuple[str, ...]
    dates: tuple[str, ...]
    lists: tuple[tuple[str, str], ...]
    counted: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that are read."""
        return tuple(dict.fromkeys((*self.numbers, *self.dates, *(column for column, _ in self.lists), *self.counted)))


@dataclass(frozen=True)
class Facts:
    """What is known of some items.

    Attributes:
        numbers: By name: float64 of shape ``(items,)``, NaN where unknown.
        names: Kind and name of each column of `matrix`, such as ``("genres", "Drama")``.
        matrix: Which item has which name: 1 or 0, shape ``(items, names)``.
    """

    numbers: Mapping[str, Floats]
    names: tuple[tuple[str, str], ...]
    matrix: sparse.csr_matrix

    def __len__(self) -> int:
        return int(self.matrix.shape[0])

    def take(self, rows: npt.NDArray[np.int64]) -> "Facts":
        """Those of some rows."""
        return Facts({name: values[rows] for name, values in self.numbers.items()}, self.names, self.matrix[rows])

    def with_number(self, name: str, values: Floats) -> "Facts":
        """With one more number."""
        return Facts({**self.numbers, name: values}, self.names, self.matrix)


def learn_schema(items: Items, known: Literal["pre-release", "all"], leave_out: Iterable[str]) -> Schema:
    """Finds out what the columns of a table hold.

    Args:
        items: The table.
        known: Whether to use what is known before release only, or all facts, numbers of entries and words among them.
        leave_out: Further columns to leave alone, such as the target.

    Raises:
        DataError: If no column holds a fact.
    """
    out = KEYS | OTHER_RATINGS | set(map(folded, leave_out)) | (AFTER_RELEASE if known == "pre-release" else set())
    kinds: dict[str, list[Any]] = {"number": [], "date": [], "list": [], "text": []}
    for name, values in items.columns.items():
        given = [value for value in values if not _is_empty(value)]
        if folded(name) not in out and given:
            kinds[_kind(given)].append(name)
    lists: list[tuple[str, str]] = []
    for name in kinds["list"]:
        lists += [(name, job) for job in _jobs(items, name)]
    is_after = {*COUNTS_AFTER_RELEASE, *map(folded, kinds["text"])} if known == "pre-release" else set()
    counted = tuple(name for name in (*kinds["list"], *kinds["text"]) if folded(name) not in is_after)
    schema = Schema(tuple(kinds["number"]), tuple(kinds["date"]), tuple(lists), counted)
    if not schema.columns:
        raise DataError(f"{items.source} has no column of facts.", "It needs numbers, dates, or names such as genres.")
    return schema


def extract(items: Items, schema: Schema) -> Facts:
    """Reads the facts of items; a value that is not as the schema says is unknown, which is told once a column."""
    if missing := [name for name in schema.columns if name not in items.columns]:
        _log.warning("%s lacks %s, which the model knows", items.source, ", ".join(missing))
    numbers = {name: _numbers(items, name) for name in schema.numbers}
    if len(schema.numbers) <= _MOST_RATIOS:
        for one, other in combinations(schema.numbers, 2):
            pair = np.stack([numbers[one], numbers[other]]) + 1.0
            with np.errstate(invalid="ignore", divide="ignore"):
                numbers[f"{one} / {other}"] = np.where((pair >= 1.0).all(axis=0), pair[0] / pair[1], np.nan)
    for name in schema.dates:
        days = [_date(value) for value in _values(items, name)]
        given = enumerate(zip(days, _values(items, name), strict=True))
        _tell_broken(items, name, [row for row, (day, value) in given if day is None and not _is_empty(value)])
        numbers[f"{name} (year)"] = np.array([day.year if day else np.nan for day in days])
        numbers[f"{name} (day)"] = np.array([float(day.timetuple().tm_yday) if day else np.nan for day in days])
    entries = {name: _entries(items, name) for name in dict.fromkeys(column for column, _ in schema.lists)}
    places: dict[tuple[str, str], int] = {}
    found: list[tuple[int, int]] = []
    for column, job in schema.lists:
        kind = f"{column}: {job}" if job else column
        for row, people in enumerate(entries[column]):
            found += [(row, places.setdefault((kind, name), len(places))) for name in _names(people, job)]
    for name in schema.counted:
        sizes = entries[name] if name in entries else [str(value or "").split() for value in _values(items, name)]
        unknown = name not in items.columns
        numbers[f"{name} (number)"] = np.array([np.nan if unknown else float(len(one)) for one in sizes])
    rows, columns = np.array(found, np.int64).reshape(-1, 2).T
    matrix = sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(items), len(places)))
    return Facts(numbers, tuple(places), matrix)


def _values(items: Items, name: str) -> Sequence[Any]:
    return items.columns.get(name) or [None] * len(items)


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _kind(values: Sequence[Any]) -> str:
    if all(_number(value) is not None for value in values):
        return "number"
    if all(_date(value) for value in values):
        return "date"
    if isinstance(values[0], list) or str(values[0]).lstrip().startswith(("[", "{")):
        return "list"
    names = Counter(chain.from_iterable(_split(str(value)) for value in values))
    return "list" if names.total() >= _FEWEST_ROWS_OF_NAME * len(names) else "text"


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and not isinstance(value, bool) else None


def _date(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(str(value).strip())
    except ValueError:
        return None


def _numbers(items: Items, name: str) -> Floats:
    values, broken = np.full(len(items), np.nan), []
    for row, value in enumerate(_values(items, name)):
        if not _is_empty(value):
            number = _number(value)
            values[row] = np.nan if number is None else number
            broken += [row] if number is None else []
    _tell_broken(items, name, broken)
    return values


def _entries(items: Items, name: str) -> list[list[Any]]:
    """The entries of each list: of JSON or Python, else names that are separated."""
    found, broken = [], []
    for row, value in enumerate(_values(items, name)):
        try:
            entries = parse_list(value) if isinstance(value, str) and value.lstrip().startswith(("[", "{")) else value
            is_list = isinstance(entries, list | Mapping)
            found.append(_listed(entries) if is_list else [] if _is_empty(value) else _split(str(value)))
        except ValueError:
            broken.append(row)
            found.append([])
    _tell_broken(items, name, broken)
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _tell_broken(items: Items, name: str, rows: Sequence[int]) -> None:
    if rows:
        what, first = counted(len(rows), "value"), items.lines[rows[0]]
        _log.warning("%s of '%s' in %s cannot be read; the first: line %d", what, name, items.source, first)


def _split(text: str) -> list[str]:
    mark = next((mark for mark in "|;," if mark in text), "|")
    return [name.strip() for name in text.split(mark) if name.strip()]


def _jobs(items: Items, name: str) -> list[str]:
    """The usual jobs of the people in a list; ``""`` stands for all entries, where they have no jobs."""
    few = Items(items.source, {name: items.columns[name][:_LOOKED_AT]}, items.lines[:_LOOKED_AT])
    entries = _entries(few, name)
    rows = Counter(chain.from_iterable({one["job"] for one in row if _has_job(one)} for row in entries))
    if jobs := [job for job, count in rows.most_common() if count >= _SHARE_WITH_JOB * len(few)]:
        return [*jobs, *([AUTHORS] if _AUTHORS & set(jobs) else [])]
    has_order = any(_has_order(one) for row in entries for one in row)
    return ["", *([LEADING] if has_order else [])]


def _has_job(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("job"), str)


def _has_order(entry: Any) -> bool:
    return isinstance(entry, Mapping) and "order" in entry


def _names(entries: Sequence[Any], job: str) -> tuple[str, ...]:
    if job not in ("", LEADING):
        jobs = _AUTHORS if job == AUTHORS else (job,)
        entries = [one for one in entries if _has_job(one) and one["job"] in jobs]
    elif any(map(_has_order, entries)):
        ordered = sorted(filter(_has_order, entries), key=lambda one: _number(one["order"]) or 0.0)
        entries = ordered[: _LEADS if job else _MOST_CAST]
    found = (str(one.get("name") or "") if isinstance(one, Mapping) else str(one) for one in entries)
    return tuple(dict.fromkeys(name.strip() for name in found if name.strip()))

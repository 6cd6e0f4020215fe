"""Reads one split of a dataset as an Arrow table: from a file, a local mirror, or the hub."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
import pyarrow.parquet

from sentrec.data.binary_rows import Select
from sentrec.data.formats import data_suffix
from sentrec.data.sources import Source
from sentrec.data.text_rows import LONGEST_LINE, BadRow, Unreadable
from sentrec.errors import DataError
from sentrec.files.parse import one_line, parsing
from sentrec.hookspecs import DatasetSpec

DATA_VARIABLE = "SENTREC_DATA"
_SCANNED = 1 << 18
_DEEPEST = 1000
"""Brackets beside two a line that as many bytes of JSON may have for Arrow, whose parser has no limit of its own depth
and ends the process."""


@dataclass(frozen=True)
class Table:
    """What was read of a file.

    Attributes:
        columns: The columns that were asked for.
        header: The names of all columns; a name that occurs twice is there twice.
        bad: Rows that could not be read.
    """

    columns: pa.Table
    header: tuple[str, ...]
    bad: tuple[BadRow, ...] = ()


def mirror_folder(name: str) -> Path | None:
    """The folder of dataset `name` under ``SENTREC_DATA``, or None where there is none."""
    root = _mirror()
    with parsing(name, DataError):
        return root / name if root and any((root / name).glob("*.parquet")) else None


def mirrored_datasets() -> list[str]:
    """The names of all datasets that lie under ``SENTREC_DATA``."""
    root = _mirror()
    return sorted({file.parent.name for file in root.glob("*/*.parquet")}) if root else []


def read_table(path: Path, select: Select, encoding: str | None = None) -> Table:
    """Reads a file of any format that `sentrec.data.sources` knows as a whole.

    Args:
        path: The file.
        select: Tells which of its columns are needed.
        encoding: The encoding of a text file; None: as its bytes tell.

    Raises:
        DataError: If the file is missing, empty, or cannot be read.
    """
    source = Source(str(path), encoding)
    if not path.is_file():
        raise DataError(f"{path} is no regular file.", "Write it to disk first: it is read more than once.")
    with parsing(path, DataError, "Is it whole, and of the format that its name says?"):
        fast = _arrow_parquet(path, select) or (None if encoding else _arrow_json(path, select))
    return fast or _from_rows(source, select)


def read_hub(spec: DatasetSpec, split: str) -> Table:
    """Downloads (or takes from its cache) one split with the `datasets` library.

    Raises:
        DataError: If the hub cannot be reached or has no such data; the hint tells the ways around it.
    """
    import datasets
    import httpx

    hint = (
        f"Without network: put {split}.parquet into a folder {spec.name}/ and set {DATA_VARIABLE} to the folder that "
        f"holds it, or name a local file as data.dataset."
    )
    if spec.hub_id is None:
        raise DataError(f"Dataset '{spec.name}' is not on the hub and was not found locally.", hint)
    try:
        loaded = datasets.load_dataset(spec.hub_id, spec.hub_config, split=spec.splits.get(split, split))
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError, httpx.HTTPError) as error:
        reason = one_line(error)
        raise DataError(f"Dataset '{spec.name}' cannot be downloaded from the hub: {reason}", hint) from error
    return Table(loaded.data.table, tuple(loaded.data.table.column_names))


def _arrow_parquet(path: Path, select: Select) -> Table | None:
    with path.open("rb") as file:
        if file.read(4) != b"PAR1":
            return None
    header = pa.parquet.read_schema(path).names
    chosen = select(header)
    single = [name for name in dict.fromkeys(header) if name in chosen and header.count(name) == 1]
    table = pa.parquet.read_table(path, columns=single)
    table.validate(full=True)  # the reader believes that text is UTF-8
    return Table(table, tuple(header))


def _arrow_json(path: Path, select: Select) -> Table | None:
    """JSON lines as Arrow reads them, several times as fast as Python; None where it may not read what is meant."""
    if data_suffix(path.name) not in (".json", ".jsonl", ".ndjson"):
        return None
    if not _is_flat(path):
        return None
    try:
        table = pa.json.read_json(path, pa.json.ReadOptions(block_size=LONGEST_LINE))
        header = tuple(table.column_names)
        table = table.select(sorted(set(select(header)), key=header.index))
        table.validate(full=True)
    except (pa.ArrowException, ValueError, KeyError):
        return None
    return Table(table, header) if all(map(_is_read_as_meant, table.columns)) else None


def _is_flat(path: Path) -> bool:
    """Whether a file is several lines of JSON that begin with an object and are not nested beyond `_DEEPEST`."""
    lines = depth = 0
    chunk = bytearray(_SCANNED)
    codes = np.frombuffer(chunk, np.uint8)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(chunk):
            if not lines and not depth and chunk[0] != ord("{"):
                return False
            # One bit tells [ from {.
            opened = int(np.count_nonzero((codes[:size] | 0x20) == ord("{")))
            depth += opened
            if depth > _DEEPEST or lines < 2:
                ends = chunk.count(b"\n", 0, size)
                depth = max(depth - 2 * ends, 0)
                lines += ends
                if depth > _DEEPEST:
                    return False
            elif chunk.rfind(b"\n", 0, size) >= 0:
                depth = opened
    return lines >= 2  # one object may hold all records


def _is_read_as_meant(column: pa.ChunkedArray) -> bool:
    """Whether Arrow took no text for a date, and no long number for infinity."""
    kind = column.type
    if pa.types.is_floating(kind):
        return not pc.any(pc.is_inf(column)).as_py()
    return pa.types.is_string(kind) or (pa.types.is_primitive(kind) and not pa.types.is_temporal(kind))


def _from_rows(source: Source, select: Select) -> Table:
    rows: list[dict[str, Any]] = []
    bad: list[BadRow] = []
    names: dict[str, None] = {}
    for row in source.rows(select):
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        keys = tuple(row.fields)
        if keys != tuple(names):
            names |= dict.fromkeys(keys)
        rows.append({name: row.fields[name] for name in select(keys)})
    header = source.header or tuple(names)
    chosen = [name for name in header if name in select(header)]
    return Table(pa.table({name: _column(row.get(name) for row in rows) for name in chosen}), header, tuple(bad))


def _column(values: Iterable[Any]) -> pa.Array:
    """An array of Python values; text where their types differ."""
    found = [None if isinstance(value, Unreadable) else value for value in values]
    kinds = {type(value) for value in found} - {type(None)}
    if len(kinds) <= 1 or kinds == {int, float}:
        try:
            return pa.array(found, pa.large_string() if kinds == {str} else None)
        except (pa.ArrowException, OverflowError, UnicodeError):
            pass  # whole numbers beyond 64 bits, half a surrogate pair
    return pa.array([None if value is None else _as_text(value) for value in found], pa.large_string())


def _as_text(value: Any) -> str:
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole else value).encode("utf-8", "replace").decode()


def _mirror() -> Path | None:
    root = os.environ.get(DATA_VARIABLE)
    return Path(root).expanduser() if root else None

"""Reads one split of a dataset as an Arrow table: from a file, a local mirror, or the hub."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from sentrec.data.formats import PARQUET
from sentrec.data.sources import Select, Source, columns_of
from sentrec.data.text_rows import BadRow
from sentrec.errors import DataError, messages_from
from sentrec.files.parse import one_line, parsing
from sentrec.files.storage import DATA_VARIABLE, data_folder
from sentrec.hookspecs import DatasetSpec

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Table:
    """What was read of a file."""

    columns: pa.Table  # the columns that were asked for
    header: tuple[str, ...]  # the names of all columns; a name that occurs twice is there twice
    bad: tuple[BadRow, ...] = ()  # rows that could not be read


def mirror_folder(name: str) -> Path | None:
    """The folder of dataset `name`: under ``SENTREC_DATA``, or anywhere if that is an absolute path; None: neither."""
    root = data_folder()
    with parsing(name, DataError):
        folder = (root or Path()) / name  # an absolute path stays what it is
        return folder if (root or folder.is_absolute()) and any(folder.glob("*.parquet")) else None


def mirrored_datasets() -> list[str]:
    """The names of all datasets that lie under ``SENTREC_DATA``."""
    root = data_folder()
    return sorted({file.parent.name for file in root.glob("*/*.parquet")}) if root else []


def read_table(path: Path, select: Select, encoding: str | None = None) -> Table:
    """Reads a file of any format that `sentrec.data.sources` knows as a whole, or raises a `DataError`.

    `select` tells which of its columns are needed; `encoding` is that of a text file, None: as its bytes tell.
    """
    source = Source(str(path), encoding)
    if not path.is_file():
        raise DataError(f"{path} is no regular file.", "Write it to disk first: it is read more than once.")
    with path.open("rb") as file:
        is_parquet = file.read(len(PARQUET)) == PARQUET
    return _from_parquet(path, select) if is_parquet else _from_rows(source, select)


def read_hub(spec: DatasetSpec, split: str) -> Table:
    """Reads a split with the `datasets` library; a `DataError` tells the ways around a hub that cannot be reached."""
    import datasets
    import httpx

    hint = (
        f"Without network: put {split}.parquet into a folder {spec.name}/ and set {DATA_VARIABLE} to the folder that "
        f"holds it, or name a local file as data.dataset."
    )
    if spec.hub_id is None:
        raise DataError(f"Dataset '{spec.name}' is not on the hub and was not found locally.", hint)
    _log.info("asking the hub for %s, split %s", spec.hub_id, split)
    try:
        with messages_from(logging.ERROR, "huggingface_hub"):
            loaded = datasets.load_dataset(spec.hub_id, spec.hub_config, split=spec.splits.get(split, split))
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError, httpx.HTTPError) as error:
        reason = one_line(error)
        raise DataError(f"Dataset '{spec.name}' cannot be downloaded from the hub: {reason}", hint) from error
    return Table(loaded.data.table, tuple(loaded.data.table.column_names))


def _from_parquet(path: Path, select: Select) -> Table:
    with parsing(path, DataError, "Is it whole, and of the format that its name says?"):
        header = pa.parquet.read_schema(path).names
        chosen = select(header)
        single = [name for name in dict.fromkeys(header) if name in chosen and header.count(name) == 1]
        table = pa.parquet.read_table(path, columns=single)
        table.validate(full=True)  # the reader believes that text is UTF-8
    return Table(table, tuple(header))


def _from_rows(source: Source, select: Select) -> Table:
    header: dict[str, None] = {}

    @lru_cache(maxsize=1024)  # most rows of most files have the same columns
    def wanted(there: tuple[str, ...]) -> list[str]:
        header.update(dict.fromkeys(there))
        return list(select(there))

    values, lines, bad = columns_of(source.rows(select), wanted)
    names = source.header or tuple(header)
    chosen = set(select(names))
    arrays = {name: _column(values.get(name, [None] * len(lines))) for name in names if name in chosen}
    with parsing(source.name, DataError):  # names of columns that are no text
        return Table(pa.table(arrays), names, tuple(bad))


def _column(values: Sequence[Any]) -> pa.Array:
    """An array of Python values; text where their types differ."""
    kinds = {type(value) for value in values} - {type(None)}
    if len(kinds) <= 1 or kinds == {int, float}:
        try:
            return pa.array(values, pa.large_string() if kinds == {str} else None)
        except (pa.ArrowException, OverflowError, UnicodeError):
            pass  # whole numbers beyond 64 bits, half a surrogate pair
    return pa.array([None if value is None else _as_text(value) for value in values], pa.large_string())


def _as_text(value: Any) -> str:
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole else value).encode("utf-8", "replace").decode()

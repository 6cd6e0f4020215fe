"""Reads one split of a dataset as an Arrow table: from a file, a local mirror, or the hub."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from sentrec.errors import DataError
from sentrec.hookspecs import DatasetSpec

DATA_VARIABLE = "SENTREC_DATA"
_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet")
_COMPRESSIONS = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2"}


def looks_like_file(name: str) -> bool:
    """Whether a dataset's name is a path: it exists, or ends as a data file does."""
    return _format_of(Path(name)) is not None or Path(name).expanduser().is_file()


def mirror_folder(name: str) -> Path | None:
    """The folder of dataset `name` under ``SENTREC_DATA``, or None where there is none."""
    root = _mirror()
    return root / name if root and any((root / name).glob("*.parquet")) else None


def mirrored_datasets() -> list[str]:
    """The names of all datasets that lie under ``SENTREC_DATA``."""
    root = _mirror()
    return sorted({file.parent.name for file in root.glob("*/*.parquet")}) if root else []


def read_file(path: Path, text_columns: Sequence[str]) -> pa.Table:
    """Reads a CSV, TSV, JSONL or Parquet file, plain or compressed (gz, zst, bz2).

    Args:
        path: The file; its name tells the format.
        text_columns: Columns that are text whatever they look like.

    Returns:
        The table as it stands in the file.

    Raises:
        DataError: If the file is missing, empty, broken, or of no known format.
    """
    reader = _readers(text_columns).get(_format_of(path) or "")
    if reader is None:
        raise DataError(f"{path} is of no known format.", f"Known: {', '.join(_SUFFIXES)}, plain or .gz/.zst/.bz2.")
    if not path.is_file():
        raise DataError(f"{path} does not exist.", "Check the path; relative ones start at the current folder.")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty.", "It needs at least a text and a label column, and rows.")
    try:
        table = reader(path)
        table.validate(full=True)  # readers of JSON and Parquet believe that text is UTF-8
    except (pa.ArrowException, UnicodeDecodeError, ValueError, EOFError, OSError) as error:
        reason = _first_line(error)
        raise DataError(f"{path} cannot be read: {reason}", _advice(reason)) from error
    return table


def read_hub(spec: DatasetSpec, split: str) -> pa.Table:
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
        raise DataError(f"dataset '{spec.name}' is not on the hub and was not found locally.", hint)
    try:
        loaded = datasets.load_dataset(spec.hub_id, spec.hub_config, split=spec.splits.get(split, split))
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError, httpx.HTTPError) as error:
        reason = _first_line(error)
        raise DataError(f"dataset '{spec.name}' cannot be downloaded from the hub: {reason}", hint) from error
    return loaded.data.table


def _format_of(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in _SUFFIXES else None


def _readers(text_columns: Sequence[str]) -> dict[str, Callable[[Path], pa.Table]]:
    def read_csv(path: Path, delimiter: str = ",") -> pa.Table:
        # Without the fixed type, a text such as "1984" would be read as a number.
        convert = pa.csv.ConvertOptions(column_types=dict.fromkeys(text_columns, pa.string()))
        parse = pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        # One thread, since only then an error tells the row.
        read = pa.csv.ReadOptions(block_size=1 << 26, use_threads=False)
        with _open(path) as stream:
            return pa.csv.read_csv(stream, read, parse, convert)

    def read_json(path: Path) -> pa.Table:
        with _open(path) as stream:
            return pa.json.read_json(stream, pa.json.ReadOptions(block_size=1 << 26))

    def read_tsv(path: Path) -> pa.Table:
        return read_csv(path, "\t")

    json_formats = dict.fromkeys((".jsonl", ".ndjson", ".json"), read_json)
    return {".csv": read_csv, ".tsv": read_tsv, ".parquet": _read_parquet, **json_formats}


def _read_parquet(path: Path) -> pa.Table:
    if path.suffix.lower() not in _COMPRESSIONS:
        return pa.parquet.read_table(path)
    with _open(path) as stream:  # Parquet is read from its end, which a compressed stream does not reach.
        return pa.parquet.read_table(pa.BufferReader(stream.read()))


def _open(path: Path) -> pa.NativeFile:
    return pa.input_stream(str(path), compression=_COMPRESSIONS.get(path.suffix.lower()))


def _mirror() -> Path | None:
    root = os.environ.get(DATA_VARIABLE)
    return Path(root).expanduser() if root else None


def _first_line(error: BaseException) -> str:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def _advice(reason: str) -> str:
    if "utf" in reason.lower() or "\ufffd" in reason:
        return "Save the file as UTF-8, e.g. `iconv -f WINDOWS-1252 -t UTF-8 FILE`."
    if "JSON" in reason:
        return (
            'Each line must be one JSON object, such as {"text": "...", "label": "good"}, with the same types in all.'
        )
    if "CSV" in reason:
        return "Put a text that holds commas, quotes or line breaks into double quotes, and double the quotes inside."
    return "Is it whole, and of the format that its name says?"

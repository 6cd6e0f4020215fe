"""What a file is: its path, compression, container, encoding and text format."""

import codecs
import io
import json
import logging
import lzma
import re
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sentrec.errors import DataError, listed
from sentrec.files.parse import user_path

STANDARD_INPUT = "-"
SAMPLE = 1 << 20
"""Bytes that are looked at to tell what a file is."""

_TEXT_SUFFIXES = {".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
_SUFFIXES = (*_TEXT_SUFFIXES, ".parquet", ".xlsx", ".txt")
_COMPRESSIONS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}
_COMPRESSED_SUFFIXES = (".gz", ".zst", ".bz2", ".xz", ".zip")
_XZ, _ZIP, PARQUET = b"\xfd7zXZ\0", b"PK\x03\x04", b"PAR1"
_AS_TEXTS, _AS_SHEET = "Save its texts as CSV (UTF-8), or one text a line.", "Save it as .xlsx or as CSV (UTF-8)."
_NO_TABLES = {
    b"%PDF": ("a PDF", _AS_TEXTS),
    b"SQLite f": ("an SQLite database", _AS_TEXTS),
    b"\x89PNG": ("a picture", _AS_TEXTS),
    b"\xff\xd8\xff": ("a picture", _AS_TEXTS),
    b"{\\rtf": ("a document in RTF", _AS_TEXTS),
    b"ARROW1": ("a Feather file", _AS_TEXTS),
    b"\x93NUMPY": ("an array of NumPy", _AS_TEXTS),
    **dict.fromkeys((b"\x80\x03", b"\x80\x04", b"\x80\x05"), ("a pickle", _AS_TEXTS)),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an old Excel workbook", _AS_SHEET),
}
"""What a file that begins so is, and what to do with it."""
_NO_TABLES_IN_ZIP = {
    "word/document.xml": ("a document of Word", _AS_TEXTS),
    "content.xml": ("a spreadsheet of another program", _AS_SHEET),
}
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"} | {
    mark: "utf-16" for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
}
_MOST_CONTROLS = 0.02
_log = logging.getLogger(__name__)


def is_folder(name: str | Path) -> bool:
    """Whether `name` is a folder; any string may be asked about."""
    return _holds(name, Path.is_dir)


def exists(name: str | Path) -> bool:
    """Whether `name` is a file, a folder or anything else that can be reached."""
    return _holds(name, Path.exists)


def same_file(first: str | Path, second: str | Path) -> bool:
    """Whether two paths are the same place, as far as they can be followed."""
    return _holds(first, lambda one: one.resolve() == Path(second).expanduser().resolve())


def _holds(name: str | Path, question: Callable[[Path], bool]) -> bool:
    try:
        return question(Path(name).expanduser())
    except (OSError, RuntimeError, ValueError):  # too long, a loop of links, an unknown home, a zero byte
        return False


def looks_like_file(name: str) -> bool:
    """Whether a name is a path: it ends as a data file does, or there is such a file and its name has a suffix."""
    has_folder_or_suffix = bool(Path(name).suffix or Path(name).name != name)
    return bool(data_suffix(name)) or (has_folder_or_suffix and _holds(name, Path.is_file))


def data_suffix(name: str) -> str:
    """``.csv`` of ``reviews.CSV.gz``; empty where the name has no suffix of a known format."""
    suffixes = [suffix.lower() for suffix in Path(name).suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED_SUFFIXES:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in _SUFFIXES else ""


def checked_path(name: str, needs: str = "It needs rows.") -> tuple[Path, int]:
    """The path of a file and its size in bytes (0 of a pipe); a `DataError` if it is missing, a folder, or empty."""
    path = user_path(name, DataError)
    if not path.exists():
        hint = "Download it first." if "://" in name else "Check the path; relative ones start at the current folder."
        raise DataError(f"{name} does not exist.", hint)
    if path.is_dir():
        raise DataError(f"{name} is a folder.", f"Name its files: {name}/*.jsonl")
    size = path.stat().st_size
    if path.is_file() and not size:
        raise DataError(f"{name} is empty.", needs)
    return path, size


def unpacked(raw: io.BufferedReader, name: str) -> tuple[io.BufferedReader, str]:
    """The bytes within a compressed file or zip archive, and the suffix of the file that they are.

    Raises a `DataError` if an archive holds several files, or it is of another kind than tables are.
    """
    start = _peek(raw, 8)
    for mark, compression in _COMPRESSIONS.items():
        if start.startswith(mark):
            import pyarrow as pa  # slow to import, and most texts need none of it

            return io.BufferedReader(pa.input_stream(raw, compression=compression), SAMPLE), data_suffix(name)
    if start.startswith(_XZ):
        return io.BufferedReader(lzma.open(raw), SAMPLE), data_suffix(name)
    for mark, (kind, hint) in _NO_TABLES.items():
        if start.startswith(mark):
            raise DataError(f"{name} is {kind}, not a table of texts.", hint)
    if not start.startswith(_ZIP):
        return raw, data_suffix(name).replace(".xlsx", "")  # what only is called so
    return _zip_member(seekable(raw), name)


def _zip_member(raw: Any, name: str) -> tuple[Any, str]:
    archive = zipfile.ZipFile(raw)
    names = archive.namelist()
    if "xl/workbook.xml" in names:
        raw.seek(0)
        return raw, ".xlsx"
    for part, (kind, hint) in _NO_TABLES_IN_ZIP.items():
        if part in names:
            raise DataError(f"{name} is {kind}, not a table of texts.", hint)
    files = [one for one in names if not one.endswith("/") and not one.startswith("__MACOSX/")]
    files = [one for one in files if data_suffix(one)] or files
    if len(files) > 1 and len(named := [one for one in files if "review" in Path(one).name.lower()]) == 1:
        _log.info("%s: %s of its %d files is read.", name, named[0], len(files))
        files = named
    if len(files) != 1:
        raise DataError(f"{name} holds {len(files):,} files: {listed(files)}.", "Unpack it and name one of them.")
    member: Any = archive.open(files[0])
    return io.BufferedReader(member, SAMPLE), data_suffix(files[0])


def seekable(stream: BinaryIO) -> Any:
    """The stream itself if it is a file on disk, else a temporary file with its bytes."""
    if isinstance(getattr(stream, "raw", None), io.FileIO) and stream.seekable():
        return stream
    spooled = tempfile.TemporaryFile()  # noqa: SIM115 - it goes with its last reference
    shutil.copyfileobj(stream, spooled)
    spooled.seek(0)
    return spooled


def sample_of(stream: io.BufferedReader) -> bytes:
    """The bytes that tell what a stream is; of a file on disk the first part that is not ASCII is among them."""
    start = _peek(stream, SAMPLE)
    if start.isascii() and isinstance(getattr(stream, "raw", None), io.FileIO) and stream.seekable():
        position = stream.tell()
        while (chunk := stream.read(SAMPLE)) and chunk.isascii():
            pass
        stream.seek(position)
        start += chunk
    return start


def encoding_of(sample: bytes, name: str, forced: str | None = None) -> str:
    """The encoding of a text file: by its mark, by its zero bytes, UTF-8 where that fits, else the likeliest one.

    Raises a `DataError` if the forced one is unknown.
    """
    if forced is not None:
        try:
            return "utf-8-sig" if codecs.lookup(forced).name == "utf-8" else codecs.lookup(forced).name
        except (LookupError, ValueError) as error:
            known = "utf-8, utf-16, windows-1252, latin-1, mac-roman"
            raise DataError(f"'{forced}' is no encoding that is known.", f"Usual ones: {known}") from error
    found = next((encoding for mark, encoding in _MARKS.items() if sample.startswith(mark)), None) or _unmarked(sample)
    if not found.startswith("utf-8"):
        _log.info("%s is read as %s; --encoding (or data.encoding) states another.", name, found)
    return found


def _unmarked(sample: bytes) -> str:
    if sample.isascii() and b"\0" not in sample:
        return "utf-8"
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if sample[offset::2].count(0) > len(sample) / 5:
            return encoding
    decoded = sample.decode("utf-8", "surrogateescape")
    broken = len(re.findall("[\udc80-\udcff]", decoded[:-4]))
    if not broken or len(re.findall("[^\0-\x7f\udc80-\udcff]", decoded)) >= broken:
        return "utf-8"  # some rows may be broken all the same
    from charset_normalizer import from_bytes

    telling = b"\n".join(line for line in sample.splitlines()[:-1] or [sample] if not line.isascii())[: 1 << 16]
    best = from_bytes(telling, cp_isolation=["cp1252", "mac_roman"]).best() or from_bytes(telling).best()
    found = best.encoding if best else "latin-1"
    return {"cp1252": "windows-1252", "mac_roman": "mac-roman"}.get(found, found)


def require_text(sample: str, name: str) -> None:
    """Raises a `DataError` for what begins as a page, or holds too many control characters to be text."""
    start = sample.lstrip("\ufeff \t\r\n")[:20].casefold()
    if start.startswith(("<!doctype", "<html", "<table", "<?xml")):
        raise DataError(
            f"{name} is HTML or XML, not a table of texts.", "Open it in a spreadsheet program; save as CSV."
        )
    if len(re.findall("[\0-\x08\x0e-\x1a\x1c-\x1f]", sample[: 1 << 16])) > _MOST_CONTROLS * min(len(sample), 1 << 16):
        raise DataError(
            f"{name} holds bytes that are no text.", "It may be CSV, JSON, Parquet, .xlsx, or a text a line."
        )


def text_format(sample: str, suffix: str, is_header: Callable[[str], bool]) -> str:
    """``csv``, ``jsonl``, ``json`` (one document) or ``lines`` (a text a line), by the beginning of a text.

    `suffix` is that of its file, which counts less than what the text looks like; `is_header` says whether a line names
    columns.
    """
    known = _TEXT_SUFFIXES.get(suffix)
    lines = [line for line in sample.splitlines() if line.strip()]
    if known == "csv" or not lines:
        return known or "lines"
    first = lines[0].strip()
    has_objects = any(re.match(r'\s*\{\s*("|\}|$)', line) for line in lines)
    is_array = first.startswith("[") and not (len(lines) > 1 and first.endswith("]") and lines[1].startswith("{"))
    is_table = is_header(first)
    rules = (
        ("lines", is_array and not has_objects and known is None and not re.match(r'\[\s*("|\{|$)', first)),
        ("json", is_array),
        ("json", has_objects and not is_table and _is_document(first, lines)),
        ("jsonl", has_objects and not is_table),
        (known, known),
        ("csv", is_table or _is_even(lines[:10])),
    )
    return next((kind for kind, holds in rules if kind and holds), "lines")


def _is_even(lines: Sequence[str]) -> bool:
    """Whether all lines have equally many cells, as no prose has: a tab in each of two, or two other marks of five."""
    bare = [re.sub('"[^"]*"', "", line) for line in lines]
    for mark, fewest, count in (("\t", 1, 2), (";", 2, 5), ("|", 2, 5), (",", 2, 5)):
        marks = {line.count(mark) for line in bare}
        if len(bare) >= count and len(marks) == 1 and marks.pop() >= fewest:
            return True
    return False


def _is_document(first: str, lines: Sequence[str]) -> bool:
    """Whether what begins with a brace is one JSON object that holds all records rather than one a line."""
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return first.startswith("{") and not any(line.startswith("{") for line in lines[1:])
    values = list(value.values()) if len(lines) == 1 and isinstance(value, dict) else []
    holds_records = any(isinstance(one, list) and one and isinstance(one[0], dict) for one in values)
    return bool(values) and (holds_records or all(isinstance(one, dict | list) for one in values))


def _peek(stream: Any, size: int) -> bytes:
    start: bytes = stream.peek(size)[:size] if hasattr(stream, "peek") else b""
    if not start and stream.seekable():
        position = stream.tell()
        start = stream.read(size)
        stream.seek(position)
    return start

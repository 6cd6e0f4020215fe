"""The cache of GloVe vectors: a memory-mapped matrix and vocabulary that open in milliseconds.

Each set is in ``<cache>/glove/<name>.<dim>d/`` as ``matrix.npy`` (float32), ``words.arrow`` (Arrow IPC) and
``info.json``. All encoders share it, and only the rows that a vocabulary needs are read from the disk.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
import pyarrow.ipc
from pydantic import BaseModel, ConfigDict, ValidationError

from sentrec.errors import GloveError
from sentrec.files.storage import atomic_directory, cache_home, write_text
from sentrec.glove.catalog import PUBLICATIONS
from sentrec.glove.parse import LineReader, Matrix, parse_text

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_FOLDER = re.compile(r"(?P<name>.+)\.(?P<dim>\d+)d")


class VectorsInfo(BaseModel):
    """The contents of ``info.json`` beside stored vectors: what was parsed, see `ParsedWords`, and from which text.

    `source` is the text's file or address; it is `verified` where it has the checksum that was published for it.
    """

    # Vectors that version 0.1.0 stored have a key `window`.
    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = 1
    name: str
    dim: int
    words: int
    repeated_words: int
    not_utf8_words: int
    source: str
    source_bytes: int
    md5: str
    sha256: str
    verified: bool
    matrix_bytes: int
    words_bytes: int


@dataclass(frozen=True)
class GloveVectors:
    """GloVe vectors in the folder `path`, read from the disk only where they are needed.

    `words` is an Arrow array ``(n,)`` of strings, `matrix` float32 ``(n, dim)``, both memory-mapped.
    """

    info: VectorsInfo
    path: Path
    words: pa.StringArray
    matrix: Matrix

    @property
    def name(self) -> str:
        """The name that recipes use."""
        return self.info.name

    @property
    def dim(self) -> int:
        """Dimensions."""
        return self.info.dim

    @property
    def fingerprint(self) -> str:
        """The sha256 of the text that these vectors were parsed from."""
        return self.info.sha256

    def rows(self, words: Sequence[str]) -> npt.NDArray[np.int64]:
        """The row of each word in `matrix`, shape ``(len(words),)``; -1 for a word without a vector.

        Words are compared exactly: those of 6B, 42B and twitter.27B are lower case.
        """
        found = pyarrow.compute.index_in(pa.array(words, pa.string()), value_set=self.words)
        rows: npt.NDArray[np.int64] = found.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        return rows


@dataclass(frozen=True)
class CacheEntry:
    """Vectors in the cache: their folder, the disk space they take, and how many words.

    Of those that cannot be opened, `problem` says why, and `fix` is the command that puts others in their place.
    """

    name: str
    dim: int
    path: Path
    bytes: int
    words: int | None = None
    problem: str | None = None
    fix: str | None = None


def glove_home() -> Path:
    """The folder of all stored vectors and of unfinished downloads."""
    return cache_home() / "glove"


def vectors_path(name: str, dim: int) -> Path:
    """The folder of the vectors of that name and size; a `GloveError` if the name cannot be a folder's."""
    if not _NAME.fullmatch(name):
        raise GloveError(f"'{name}' cannot name vectors.", "Use letters, digits, '.', '_', '+' and '-'.")
    return glove_home() / f"{name}.{dim}d"


def open_vectors(name: str, dim: int) -> GloveVectors:
    """Opens vectors from the cache, in milliseconds; a `GloveError` tells how to get or mend them."""
    path = vectors_path(name, dim)
    if not path.is_dir():
        if name in PUBLICATIONS:
            PUBLICATIONS[name].member(dim)
        raise GloveError(f"GloVe {name} with {dim} dimensions is not in the cache.", _fetching(name, dim))
    try:
        return _open(path, VectorsInfo.model_validate_json((path / "info.json").read_bytes()))
    # The header of a damaged matrix is parsed as Python, which may raise anything.
    except Exception as error:
        fix = f"{_fetching(name, dim)} --force"
        raise GloveError(f"The stored vectors in {path} are damaged: {_reason(error)}.", fix) from error


def _fetching(name: str, dim: int) -> str:
    """The command that fetches vectors, published ones or the user's own."""
    return f"sentrec fetch-glove {name} --dim {dim}" + ("" if name in PUBLICATIONS else " --from-file FILE")


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "info.json cannot be read"
    if isinstance(error, FileNotFoundError):
        return f"{Path(error.filename).name} is missing"
    return str(error).rstrip(".")


def _open(path: Path, info: VectorsInfo) -> GloveVectors:
    for name, expected in (("matrix.npy", info.matrix_bytes), ("words.arrow", info.words_bytes)):
        found = (path / name).stat().st_size
        if found != expected:
            raise GloveError(f"{name} has {found:,} bytes instead of {expected:,}")
    matrix = np.load(path / "matrix.npy", mmap_mode="r", allow_pickle=False)
    with pa.memory_map(str(path / "words.arrow")) as file:
        words = pa.ipc.open_file(file).get_batch(0).column(0)
    if f"{info.name}.{info.dim}d" != path.name or matrix.dtype != np.float32 or words.type != pa.string():
        raise GloveError("the files do not belong together")
    if matrix.shape != (info.words, info.dim) or len(words) != info.words:
        raise GloveError(f"{len(words):,} words and a matrix of {matrix.shape} instead of {(info.words, info.dim)}")
    return GloveVectors(info, path, words, matrix)


def cached() -> list[CacheEntry]:
    """The vectors in the cache, by name and size; damaged ones too, with what is wrong."""
    entries = []
    for path in glove_home().iterdir() if glove_home().is_dir() else ():
        if (match := _FOLDER.fullmatch(path.name)) and path.is_dir():
            entry = CacheEntry(
                match["name"], int(match["dim"]), path, sum(file.stat().st_size for file in path.iterdir())
            )
            try:
                entries.append(replace(entry, words=open_vectors(entry.name, entry.dim).info.words))
            except GloveError as error:
                entries.append(replace(entry, problem=error.message, fix=error.hint))
    return sorted(entries, key=lambda entry: (entry.name, entry.dim))


def store_vectors(name: str, dim: int, reader: LineReader, source: str, published_md5: str | None) -> GloveVectors:
    """Parses a GloVe text and stores it whole, or not at all; older vectors of that name and size are replaced.

    Raises a `GloveError` if a line is faulty (with its number), or the checksum is not the published one.
    """
    path = vectors_path(name, dim)
    with atomic_directory(path) as folder:
        matrix_path, words_path = folder / "matrix.npy", folder / "words.arrow"
        with matrix_path.open("wb") as file:
            _write_header(file, 0, dim)
            parsed = parse_text(reader, dim, lambda matrix: file.write(matrix.data))
            file.seek(0)
            _write_header(file, len(parsed.words), dim)
        md5 = reader.md5.hexdigest()
        if published_md5 is not None and md5 != published_md5:
            raise GloveError(
                f"{source} is not the published text: its md5 is {md5} instead of {published_md5}.",
                "Fetch it again. To use vectors of your own, give them a name: --name my-vectors",
            )
        batch = pa.record_batch([parsed.words], names=["word"])
        with pa.OSFile(str(words_path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        info = VectorsInfo(
            name=name,
            dim=dim,
            words=len(parsed.words),
            repeated_words=parsed.repeated,
            not_utf8_words=parsed.not_utf8,
            source=source,
            source_bytes=reader.bytes_read,
            md5=md5,
            sha256=reader.sha256.hexdigest(),
            verified=published_md5 is not None,
            matrix_bytes=matrix_path.stat().st_size,
            words_bytes=words_path.stat().st_size,
        )
        write_text(folder / "info.json", info.model_dump_json(indent=2) + "\n")
    return open_vectors(name, dim)


def _write_header(file: BinaryIO, rows: int, dim: int) -> None:
    # numpy pads this header so that it keeps its length when the number of rows grows.
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)), "fortran_order": False, "shape": (rows, dim)}
    np.lib.format.write_array_header_1_0(file, header)

"""The files that a scoring writes beside its ranking: made in the job's own folder, then put where they belong."""

import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from sentrec.data.formats import STANDARD_INPUT
from sentrec.data.sources import Source
from sentrec.data.writers import table_writer
from sentrec.errors import DataError
from sentrec.files.parse import parsing
from sentrec.files.storage import atomic_path, disk_errors
from sentrec.recommend.reviews import Reject

_log = logging.getLogger(__name__)


def check_outputs(
    sources: Sequence[Source], outputs: Mapping[str, Path | None], inputs: Iterable[Path | None] = ()
) -> None:
    """Refuses outputs, by the options that name them, that would overwrite an input, or each other."""
    taken = {_place(source.path): source.name for source in sources if not source.is_standard_input}
    taken |= {_place(path): str(path) for path in inputs if path}
    for option, path in outputs.items():
        if path is None:
            continue
        if (place := _place(path)) in taken:
            raise DataError(f"{option} {path} would overwrite {taken[place]}.", "Choose another name.")
        taken[place] = f"what {option} writes"


def _place(path: str | Path) -> Path:
    with parsing(path, DataError, "Choose another name."):
        return Path(path).resolve()


def default_rejects(sources: Sequence[Source]) -> Path:
    """``NAME.rejects.jsonl`` in the current folder; NAME tells the folder too where that is another."""
    if sources[0].path == STANDARD_INPUT:
        return Path("reviews.rejects.jsonl")
    path = Path(sources[0].path.rpartition("://")[2]).resolve()
    inside = path.is_relative_to(Path.cwd())
    parts = path.relative_to(Path.cwd()).parts if inside else path.parts[-2:]
    return Path("-".join(part for part in parts if part != path.root) + ".rejects.jsonl")


class RejectsFile:
    """Rows and fields left out, as JSON lines; no file where there are none, nor one of an earlier run.

    It counts `rows` so far, and optional `fields` of rows that count; `first` is line and reason of the first, if any.
    The file is made in `folder` until it is whole; None: rows are counted only.
    """

    def __init__(self, path: Path, folder: Path | None) -> None:
        self.path = path
        self.rows = self.fields = 0
        self.first: str | None = None
        self._made = folder / "rejects.jsonl" if folder else None
        self._stack = ExitStack()

    @property
    def is_kept(self) -> bool:
        """Whether there is something to write, and it is written."""
        return self.first is not None and self._made is not None

    def __enter__(self) -> "RejectsFile":
        """Opens nothing yet."""
        return self

    def add(self, reject: Reject) -> None:
        """Writes one."""
        if self.first is None:
            self.first = f"line {reject.line}, {reject.reason}"
            if self._made is not None:
                with disk_errors(self._made):
                    self._made.parent.mkdir(parents=True, exist_ok=True)
                    file = self._made.open("w", encoding="utf-8", errors="backslashreplace")
                self._file = self._stack.enter_context(file)
        self.rows += not reject.is_kept
        self.fields += reject.is_kept
        if self._made is not None:
            self._file.write(json.dumps(asdict(reject), ensure_ascii=False) + "\n")

    def __exit__(self, *error: Any) -> None:
        """Puts the file in its place; also when nothing is left to rank, since it explains why."""
        self._stack.close()
        if self.is_kept and self._made is not None:
            _put(self._made, self.path)
            if self.fields:
                message = "%d optional fields could not be read; their reviews count without them. Reasons: %s"
                _log.warning(message, self.fields, self.path)
        elif self._made is not None and self.path.is_file() and error[0] is None:
            self.path.unlink()


@contextmanager
def scores_file(path: Path | None, folder: Path | None) -> Iterator[Callable[[pa.Table], None]]:
    """Gives a function that adds rows of `scored_table` to one file; whole or not at all.

    It is Parquet, or by its name a table of another kind, without what only programs read. It is made in `folder` until
    it is whole; nothing is written where either is None.
    """
    if path is None or folder is None:
        yield lambda _: None
        return
    made = folder / "scores.parquet"
    with ExitStack() as stack:
        writers: list[pa.parquet.ParquetWriter] = []

        def write(table: pa.Table) -> None:
            table = table.replace_schema_metadata(None)
            with disk_errors(made):
                if not writers:
                    new = pa.parquet.ParquetWriter(made, table.schema, compression="zstd")
                    writers.append(stack.enter_context(new))
                writers[0].write_table(table)

        yield write
    if writers and path.suffix.lower() in ("", ".parquet"):
        _put(made, path)
    elif writers:
        with pa.parquet.ParquetFile(made) as file, table_writer(path) as add:
            columns = [name for name in file.schema_arrow.names if name not in ("digest", "embedding")]
            for batch in file.iter_batches(columns=columns):
                add(batch.to_pylist())
        made.unlink()


def _put(made: Path, path: Path) -> None:
    with atomic_path(path) as temporary:
        shutil.copyfile(made, temporary)
    made.unlink()

"""How often words stand near one another: counted row by row, on several threads, straight to the disk.

As in GloVe (Pennington et al. 2014), two words at a distance of d tokens count 1/d, in both directions. A word's row is
counted whole: its positions are known, the windows around them are gathered and summed in an array that fits the
processor's cache. Rows are appended to files in their order, so that memory holds none but those at work, and an
interrupted count goes on behind the last row written.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from sentrec.adapt.tokens import Positions, TokenStream
from sentrec.files.storage import disk_errors

_CELLS = 1 << 18
"""Cells of the array that rows are summed in: 1 MB of float32, about a core's own cache."""
_POSITIONS = 1 << 15
"""Windows that are gathered at a time."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Cooccurrences:
    """A symmetric sparse matrix of weighted counts, memory-mapped.

    Attributes:
        ends: ``(words + 1,)`` where each row begins in `columns` and `counts`, and the end of the last.
        columns: ``(entries,)`` int32 word numbers, ascending in each row.
        counts: ``(entries,)`` float32, above 0.
    """

    ends: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    counts: npt.NDArray[np.float32]

    @property
    def words(self) -> int:
        """Number of rows."""
        return len(self.ends) - 1


@dataclass(frozen=True)
class _Rows:
    """Some whole rows: entries of each, then all columns and counts."""

    lengths: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    counts: npt.NDArray[np.float32]


def in_order(
    pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Sequence[_Item], ahead: int
) -> Iterator[_Result]:
    """Results in the order of `items`, of which no more than `ahead` wait at a time."""
    pending: deque[Future[_Result]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def count_cooccurrences(
    folder: Path,
    stream: TokenStream,
    positions: Positions,
    starts: npt.NDArray[np.int64],
    window: int,
    threads: int,
    wanted: Callable[[int], None],
) -> None:
    """Counts into three files of `folder`, or goes on where an interrupted count of the same corpus ended.

    Args:
        folder: Where the files lie; `open_cooccurrences` reads them.
        stream: The corpus.
        positions: The positions of all words, word by word.
        starts: Where those of each word begin.
        window: Words that far apart still count; at most the stream's gap.
        threads: How many to use.
        wanted: Told the number of tokens whose row is counted.
    """
    done = _cut_to_whole_rows(folder)
    groups = _groups(starts, stream.vocabulary, done)
    counter = _Counter(stream, positions, starts, window)
    with (
        disk_errors(folder),
        (folder / "columns.bin").open("ab") as columns,
        (folder / "counts.bin").open("ab") as counts,
        (folder / "lengths.bin").open("ab") as lengths,
        ThreadPoolExecutor(threads) as pool,
    ):
        for (_, end), rows in zip(groups, in_order(pool, counter.rows, groups, 4 * threads), strict=True):
            for file, values in ((columns, rows.columns), (counts, rows.counts), (lengths, rows.lengths)):
                file.write(values.tobytes())
                # The lengths come last: a row counts as written only when its entries are.
                file.flush()
            wanted(int(starts[end]))


def open_cooccurrences(folder: Path) -> Cooccurrences:
    """Maps the files of a finished count."""
    ends = _ends(folder)
    if ends[-1] == 0:
        return Cooccurrences(ends, np.zeros(0, np.int32), np.zeros(0, np.float32))
    columns = np.memmap(folder / "columns.bin", np.int32, "r")
    return Cooccurrences(ends, columns, np.memmap(folder / "counts.bin", np.float32, "r"))


def _ends(folder: Path) -> npt.NDArray[np.int64]:
    path = folder / "lengths.bin"
    lengths = np.fromfile(path, np.int64) if path.exists() else np.zeros(0, np.int64)
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _cut_to_whole_rows(folder: Path) -> int:
    """Removes what was written of unfinished rows, and gives the number of finished ones."""
    lengths = folder / "lengths.bin"
    if lengths.exists():
        with lengths.open("r+b") as file:
            file.truncate(lengths.stat().st_size // 8 * 8)
    ends = _ends(folder)
    for name in ("columns.bin", "counts.bin"):
        with (folder / name).open("ab") as file:
            file.truncate(4 * int(ends[-1]))
    return len(ends) - 1


def _groups(starts: npt.NDArray[np.int64], vocabulary: int, first: int) -> list[tuple[int, int]]:
    """Rows that are counted together: as many as fit the array, fewer where words are frequent."""
    most = max(1, _CELLS // (vocabulary + 1))
    borders = [first]
    while borders[-1] < vocabulary:
        begin = borders[-1]
        end = int(np.searchsorted(starts, starts[begin] + _POSITIONS, side="right")) - 1
        borders.append(min(vocabulary, max(begin + 1, min(end, begin + most))))
    return list(pairwise(borders))


class _Counter:
    """Counts the rows of a group; several threads may share it."""

    def __init__(self, stream: TokenStream, positions: Positions, starts: npt.NDArray[np.int64], window: int) -> None:
        if window > stream.gap:
            raise ValueError(f"a window of {window} reaches across the gap of {stream.gap} between texts")
        self._stream = stream
        self._positions = positions
        self._starts = starts
        self._window = window
        # The word itself stands in the middle of its window and does not count.
        distance = np.abs(np.arange(-window, window + 1))
        self._weights = torch.from_numpy(np.where(distance, 1 / np.maximum(distance, 1), 0).astype(np.float32))
        self._windows = np.lib.stride_tricks.sliding_window_view(stream.tokens, 2 * window + 1)

    def rows(self, group: tuple[int, int]) -> _Rows:
        """Counts the rows from the first word of `group` to before the second."""
        first, end = group
        width = self._stream.vocabulary + 1
        sums = torch.zeros((end - first) * width)
        for begin in range(self._starts[first], self._starts[end], _POSITIONS):
            at = np.asarray(self._positions[begin : min(begin + _POSITIONS, self._starts[end])], dtype=np.int64)
            cells = self._windows[at - self._window].astype(np.int64)
            cells += ((self._stream.tokens[at].astype(np.int64) - first) * width)[:, None]
            sums.scatter_add_(0, torch.from_numpy(cells.reshape(-1)), self._weights.repeat(len(at)))
        table = np.ascontiguousarray(sums.numpy().reshape(end - first, width)[:, :-1])
        found = np.flatnonzero(table)
        row, column = np.divmod(found, width - 1)
        return _Rows(np.bincount(row, minlength=end - first), column.astype(np.int32), table.reshape(-1)[found])

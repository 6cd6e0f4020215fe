"""How far along a study is, and how long it will take."""

import time
from collections.abc import Callable

from sentrec.training.loop import Progress
from sentrec.transfer.results import CellResult, StudyProgress

OnProgress = Callable[[StudyProgress], None]

_ENOUGH_SECONDS = 30.0
_ENOUGH_SHARE = 0.01
_ENOUGH_WITHOUT_STEPS = 0.1
"""How much must be done before it is told how long the rest will take."""


class StudyMeter:
    """Tells how far a study is, and how long it will take.

    The time left is that of the work left, a work unit being one text read in training, by what the units between the
    steps of trainings have cost so far: what comes before a first step (reading, encoding, counting) is mostly done
    once, and would make a study of minutes seem one of hours. Where nothing takes steps, it is by what all units have
    cost. Linear models, whose time is another, count for little.

    Args:
        works: Units of each piece of work that is still to be done, by what it is called.
        done: Cells that were finished before.
        cells: Cells in all.
        listener: Who is told; None: nobody.
    """

    def __init__(self, works: dict[str, float], done: int, cells: int, listener: OnProgress | None) -> None:
        self._works = works
        self._done = done
        self._cells = cells
        self._listener = listener
        self._doing = ""
        self._units_done = 0.0
        self._began = time.perf_counter()
        self._first_step: tuple[float, float] | None = None
        self._measured = 0.0, 0.0

    def begin(self, doing: str) -> None:
        """A piece of work begins."""
        self._doing = doing
        self._first_step = None
        self._tell(0.0)

    def step(self, progress: Progress) -> None:
        """The training that is at work took a step."""
        share = progress.step / progress.total_steps
        if self._first_step is None:
            self._first_step = share * self._works.get(self._doing, 0.0), time.perf_counter()
        self._tell(share)

    def finish(self, result: CellResult | None = None) -> None:
        """The piece of work is done; a cell has a result."""
        work = self._works.get(self._doing, 0.0)
        self._measured = self._measured_until(work)
        self._first_step = None
        self._units_done += work
        self._done += result is not None
        self._tell(1.0, result, units=self._units_done)

    def _tell(self, share: float, finished: CellResult | None = None, units: float | None = None) -> None:
        if self._listener is None:
            return
        of_this = share * self._works.get(self._doing, 0.0)
        done = self._units_done + of_this if units is None else units
        estimate = self._seconds_left(done, self._measured_until(of_this))
        self._listener(StudyProgress(self._done, self._cells, self._doing, share, estimate, finished))

    def _measured_until(self, units: float) -> tuple[float, float]:
        """Units and seconds since the first step of each training, `units` of the one at work being done."""
        measured_units, seconds = self._measured
        if self._first_step is None:
            return measured_units, seconds
        units_before, began = self._first_step
        return measured_units + units - units_before, seconds + time.perf_counter() - began

    def _seconds_left(self, done: float, measured: tuple[float, float]) -> float | None:
        total = sum(self._works.values())
        units, seconds = measured
        if units > 0.0 and (units >= _ENOUGH_SHARE * total or seconds >= _ENOUGH_SECONDS):
            return seconds / units * (total - done)
        if units == 0.0 and done >= _ENOUGH_WITHOUT_STEPS * total > 0.0:
            return (time.perf_counter() - self._began) / done * (total - done)
        return None

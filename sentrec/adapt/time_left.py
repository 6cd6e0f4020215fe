"""How long learning vectors will still take."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sentrec.adapt.plan import AdaptProgress


class TimeLeft:
    """Tells from the pace of a stage so far when it will end; a resumed one starts in the middle."""

    def __init__(self) -> None:
        self._stage = ""
        self._first = 0
        self._began = 0.0

    def seconds(self, progress: "AdaptProgress") -> float | None:
        """The seconds until the stage ends; None as long as that cannot be told, and at the end.

        Args:
            progress: Where the work stands; to be shown every time, since a stage is timed from the first one.
        """
        if progress.stage != self._stage:
            self._stage, self._first, self._began = progress.stage, progress.done, time.monotonic()
        done = progress.done - self._first
        if not progress.total or not done or progress.done >= progress.total:
            return None
        return (progress.total - progress.done) * (time.monotonic() - self._began) / done

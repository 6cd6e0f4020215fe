"""Ctrl-C and SIGTERM end a training at the next step's border, so that it can be saved and resumed.

Before the first step and after the last one there is nothing to save: there they act at once.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sentrec.errors import Interrupted


class StopRequest:
    """Whether somebody asked the training to stop: `requested` once a signal came."""

    def __init__(self) -> None:
        self.requested = False
        self._interruption: Interrupted | None = None

    def raise_at_once(self, interruption: Interrupted) -> None:
        """From now on a request, also one made before, raises `interruption` at once: there is nothing to save."""
        self._interruption = interruption
        if self.requested:
            raise interruption

    def defer(self) -> None:
        """From now on a request waits until somebody reads `requested`: for work that is to be saved first.

        Raises `Interrupted` if one was made while it should have acted at once.
        """
        interruption, self._interruption = self._interruption, None
        if self.requested and interruption is not None:
            raise interruption

    def ask(self) -> None:
        """Makes the request."""
        self.requested = True
        if self._interruption is not None:
            raise self._interruption


def nothing_begun() -> Interrupted:
    """What to raise where a training has not touched its directory yet."""
    return Interrupted("stopped before the first step; nothing was changed.", "Run the same command again.")


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turns the first SIGINT or SIGTERM into a request; a second one acts at once, as usual."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request  # only the main thread may handle signals
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, previous[signal.Signals(number)])
        request.ask()

    try:
        for number in previous:
            signal.signal(number, handle)
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

"""Processes that serve an application until they are told to stop, and then finish what they have accepted."""

import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, NoReturn

import uvicorn
from prometheus_client import multiprocess
from starlette.types import ASGIApp

from sentrec.errors import SentrecError

_log = logging.getLogger(__name__)
_BACKLOG = 2048
_PAUSE = 1.0
"""Seconds before a process that died is started again, so that one that dies at once does not take a whole core."""


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket, port 0 being any that is free; a `SentrecError` if the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise SentrecError(f"{host}:{port} cannot be listened on: {error.strerror}.", "Name another --port.") from error
    listener.setblocking(False)
    return listener


def serve(make_app: Callable[[], ASGIApp], listener: socket.socket, workers: int = 1) -> None:
    """Serves until the process is told to stop (SIGTERM, SIGINT); requests that were accepted are answered first.

    Several processes are forked from this one, and share the memory of what it has loaded; each makes an application.
    Raises a `SentrecError` if this system cannot fork.
    """
    if workers == 1:
        _serve(make_app, listener)
        return
    if not hasattr(os, "fork"):
        raise SentrecError("this system cannot share a model between processes.", "Leave --workers out.")
    _Parent(make_app, listener, workers).run()


def _serve(make_app: Callable[[], ASGIApp], listener: socket.socket) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn hands the signal on when all is finished
    config = uvicorn.Config(
        make_app(),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        backlog=_BACKLOG,
        ws="none",
        timeout_keep_alive=75,  # longer than proxies and clients keep a connection, so that they close it, not we
    )
    uvicorn.Server(config).run(sockets=[listener])


class _Parent:
    """Starts the processes, starts those that die again, and passes the signal to stop on."""

    def __init__(self, make_app: Callable[[], ASGIApp], listener: socket.socket, workers: int) -> None:
        self._make_app = make_app
        self._listener = listener
        self._workers = workers
        self._children: set[int] = set()
        self._stop: int | None = None

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told)
        for _ in range(self._workers):
            self._start()
        while self._children:
            with suppress(ChildProcessError):
                process, _ = os.wait()
                if process not in self._children:  # the first process of a container gets orphans, too
                    continue
                self._children.remove(process)
                multiprocess.mark_process_dead(process)  # type: ignore[no-untyped-call]
                if self._stop is None:
                    _log.error("process %d ended; another one takes its place", process)
                    time.sleep(_PAUSE)
                    self._start()
        if self._stop == signal.SIGINT:
            raise KeyboardInterrupt

    def _start(self) -> None:
        process = os.fork()
        if process == 0:
            self._child()
        self._children.add(process)
        if self._stop is not None:  # it was told between
            os.kill(process, signal.SIGTERM)

    def _child(self) -> NoReturn:
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent says when to stop
            _serve(self._make_app, self._listener)
        except SystemExit as stop:
            code = int(stop.code or 0)
        except Exception as error:
            _log.error("process %d failed: %s: %s", os.getpid(), type(error).__name__, error)
        finally:
            # Not the parent's way out: what it registered to be done at its end is its own.
            os._exit(code)

    def _told(self, number: int, frame: FrameType | None) -> Any:
        self._stop = number
        self._listener.close()
        for process in self._children:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)

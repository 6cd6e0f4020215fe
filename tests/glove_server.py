"""A small HTTP server on loopback that serves archives, with faults on request. Shared by the GloVe tests."""

import gzip
import io
import threading
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SMALL_TEXT = b"the 0.1 0.2\n, -0.5 1e-05\nfilm 3 4.25\n"
"""Three words of two dimensions."""


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def gzipped(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


@dataclass(frozen=True)
class Fault:
    """What the server does wrong once: answers `status`, or breaks the connection after `cut` bytes of the body."""

    status: int | None = None
    cut: int | None = None
    retry_after: str | None = None


@dataclass
class ArchiveServer:
    """The server's state, to be changed and read by a test."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    etag: str | None = '"v1"'
    ranges: bool = True
    content_type: str = "application/zip"
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    lose_length: bool = False
    stall: tuple[bytes, int] | None = None
    """A beginning to send, and the length to promise; then nothing comes until `stall_over`."""
    stall_over: threading.Event = field(default_factory=threading.Event)

    @property
    def ranges_asked(self) -> list[str | None]:
        return [asked for _, asked in self.requests]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.requests.append((handler.path, asked))
        fault = self.faults.pop(0) if self.faults else Fault()
        if self.stall:
            self._stall(handler, *self.stall)
            return
        body = self.files.get(handler.path.lstrip("/"))
        if fault.status or body is None:
            handler.send_response(fault.status or 404)
            if fault.retry_after:
                handler.send_header("Retry-After", fault.retry_after)
            handler.end_headers()
            return
        start = self._start(handler, asked)
        if start >= len(body) > 0:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(body)}")
            handler.end_headers()
            return
        self._send(handler, body, start, fault)

    def _stall(self, handler: BaseHTTPRequestHandler, beginning: bytes, length: int) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(length))
        handler.end_headers()
        handler.wfile.write(beginning)
        self.stall_over.wait(60)

    def _start(self, handler: BaseHTTPRequestHandler, asked: str | None) -> int:
        same = handler.headers.get("If-Range") in (None, self.etag)
        return int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.ranges and same else 0

    def _send(self, handler: BaseHTTPRequestHandler, body: bytes, start: int, fault: Fault) -> None:
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Type", self.content_type)
        if not self.lose_length:
            handler.send_header("Content-Length", str(len(body) - start))
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if self.etag:
            handler.send_header("ETag", self.etag)
        handler.end_headers()
        handler.wfile.write(body[start:] if fault.cut is None else body[start : start + fault.cut])
        handler.close_connection = True


@contextmanager
def serve(files: dict[str, bytes], faults: Sequence[Fault] = ()) -> Iterator[ArchiveServer]:
    """Runs the server for the length of the block."""
    state = ArchiveServer(files=dict(files), faults=list(faults))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.answer(self)

        def log_message(self, *_: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

"""What every request passes: its id, the token, the size and time of its body, a log line, metrics, the last catch."""

import asyncio
import hmac
import json
import logging
import os
import re
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentrec.serve.problems import problem
from sentrec.serve.schema import MOST_BYTES

log = logging.getLogger(__name__)
OPEN = ("/health", "/ready")
"""Paths that need no token: whoever watches the server has none."""
_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
CONTENT_TYPE = CONTENT_TYPE_LATEST
PROCESSES = "PROMETHEUS_MULTIPROC_DIR"
"""The variable that names a folder for the figures of all processes; read when `prometheus_client` is imported."""


class Metrics:
    """Counters of one application."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter("sentrec_requests", "Requests answered.", ("route", "status"), registry=registry)
        self.seconds = Histogram(
            "sentrec_request_seconds",
            "Seconds until a request was answered.",
            ("route",),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.texts = Counter("sentrec_texts", "Texts classified.", ("model",), registry=registry)
        self.batches = Histogram(
            "sentrec_batch_texts",
            "Texts that were classified together.",
            ("model",),
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=registry,
        )
        self.waiting = Gauge(
            "sentrec_waiting_texts",
            "Texts that wait for a model.",
            ("model",),
            multiprocess_mode="livesum",
            registry=registry,
        )

    def document(self) -> bytes:
        """All figures in Prometheus' text format."""
        if PROCESSES not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


@dataclass(frozen=True)
class ServeSettings:
    """How a server is set up."""

    token: str | None = None  # what clients have to send as ``Authorization: Bearer TOKEN``; None: anybody may ask
    timeout: float = 30.0  # seconds within which a request is answered, or refused
    body_timeout: float = 10.0  # seconds within which a client has to have sent its request
    most_waiting: int = 1024  # how many texts may wait for a model before further ones are refused
    most_jobs: int = 8  # how many rankings and explanations may wait


class Gate:
    """Stands around an application (ASGI)."""

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._token = settings.token and settings.token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or hands it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._handed_on(scope, headers, receive, sent)
        except ClientDisconnect:
            status = status or 499  # nobody is there to read an answer; the number is nginx's
        except Exception as error:
            # The message of an error may hold a text, its frames do not.
            told = {"error": type(error).__name__, "frames": traceback.format_tb(error.__traceback__)[-8:]}
            log.error(json.dumps({"request_id": request_id} | told))
        self._tell(scope, request_id, status, time.perf_counter() - began)

    async def _handed_on(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        request_id = scope["state"]["request_id"]
        if self._token and scope["path"] not in OPEN:
            kind, _, token = headers.get(b"authorization", b"").partition(b" ")
            if kind.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self._token):
                refusal = problem(401, "A bearer token is needed.", request_id, {"WWW-Authenticate": "Bearer"})
                await refusal(scope, receive, send)
                return
        try:
            async with asyncio.timeout(self._settings.body_timeout):
                body = await _body(headers, receive)
        except TimeoutError:
            await problem(408, "The request did not come to its end.", request_id)(scope, receive, send)
            return
        if body is None:
            detail = f"A request may have {MOST_BYTES:,} bytes: split it."
            await problem(413, detail, request_id, {"Connection": "close"})(scope, receive, send)
            return
        await self._app(scope, _replayed(body, receive), send)

    def _tell(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        # The path of a route, not what a client wrote: that may be anything, and endlessly many things.
        route = getattr(scope.get("route"), "path", "none")
        self._metrics.requests.labels(route, status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "request_id": request_id,
            "method": scope["method"],
            "route": route,
            "status": status,
            "milliseconds": round(1000 * seconds, 1),
        }
        texts = scope["state"].get("texts")
        log.info(json.dumps(line if texts is None else line | {"texts": texts}))


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    """The whole body; None where it is too long."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > MOST_BYTES:
        return None
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BYTES:
            return None
        more = message.get("more_body", False)
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Callable[[], Any]:
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return parts.pop() if parts else await receive()

    return next_message

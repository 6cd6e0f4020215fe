"""Every error as a problem document (RFC 9457)."""

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from sentrec.errors import DataError, RunError, SentrecError, shortened
from sentrec.serve.queueing import Busy, Late

MEDIA_TYPE = "application/problem+json"
_MOST_ERRORS = 20
_STATUS: tuple[tuple[type[SentrecError], HTTPStatus], ...] = (
    (Busy, HTTPStatus.TOO_MANY_REQUESTS),
    (Late, HTTPStatus.SERVICE_UNAVAILABLE),
    (DataError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (RunError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (SentrecError, HTTPStatus.INTERNAL_SERVER_ERROR),
)


def problem(
    status: int,
    detail: str,
    request_id: str,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, str]] | None = None,
    hint: str | None = None,
) -> Response:
    """A response that says what went wrong and what to do; `errors`, of a body that does not fit: where and why."""
    phrase = HTTPStatus(status).phrase
    told: dict[str, Any] = {
        "type": f"urn:sentrec:problem:{phrase.lower().replace(' ', '-')}",
        "title": phrase,
        "status": status,
        "detail": detail,
        "hint": hint,
        "request_id": request_id,
        "errors": errors,
    }
    document = {name: value for name, value in told.items() if value is not None}
    # ASCII only: a name may hold half a surrogate pair, which UTF-8 cannot.
    return Response(json.dumps(document), status, headers, media_type=MEDIA_TYPE)


def invalid(request: Request, error: Exception) -> Response:
    """The answer to a body that does not fit the schema."""
    assert isinstance(error, RequestValidationError)
    found = [{"pointer": _pointer(one["loc"]), "detail": shortened(one["msg"])} for one in error.errors()]
    detail = "The body is not as it should be: see errors, and /openapi.json."
    return problem(422, detail, request.state.request_id, errors=found[:_MOST_ERRORS])


def refused(request: Request, error: Exception) -> Response:
    """The answer to what the framework refuses: no such path, no such method, a body that is no JSON."""
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), request.state.request_id, error.headers)


def unusable(request: Request, error: Exception) -> Response:
    """The answer to a request that fits the schema and still cannot be answered."""
    assert isinstance(error, SentrecError)
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    headers = {"Retry-After": "1"} if isinstance(error, Busy | Late) else {}
    return problem(status, error.message, request.state.request_id, headers, hint=error.hint)


def fault(request: Request, error: Exception) -> Response:
    """The answer where the server itself is at fault; the framework raises the error again, and the gate logs it."""
    return problem(500, "This is a fault of the server.", request.state.request_id)


def _pointer(place: Sequence[Any]) -> str:
    """Where in the body, as a JSON pointer (RFC 6901)."""
    steps = place[1:] if place[:1] == ("body",) else place
    return "".join(f"/{shortened(step).replace('~', '~0').replace('/', '~1')}" for step in steps)

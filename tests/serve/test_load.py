"""More than can be done is refused at once; a request that never ends is ended."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from starlette.types import Receive

from sentrec.inference.prediction import Prediction
from sentrec.inference.predictor import Predictor
from sentrec.serve.application import create_app
from sentrec.serve.gate import Gate, ServeSettings


def test_a_flood_gets_429_and_what_was_taken_is_answered(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    may, predict = threading.Event(), predictor.predict

    def slow(texts: Sequence[str]) -> list[Prediction]:
        may.wait()
        return predict(texts)

    monkeypatch.setattr(predictor, "predict", slow)
    app = create_app({"small": predictor}, ServeSettings(most_waiting=8))

    async def flood() -> tuple[httpx.Response, list[httpx.Response], list[httpx.Response]]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://local") as client:
            tasks = [asyncio.create_task(client.post("/predict", json={"text": f"film {n}"})) for n in range(50)]
            refused, taken = await asyncio.wait(tasks, timeout=None, return_when=asyncio.FIRST_COMPLETED)
            while len(refused) < 42:
                done, taken = await asyncio.wait(taken, return_when=asyncio.FIRST_COMPLETED)
                refused |= done
            ready = await client.get("/ready")
            may.set()
            return ready, [task.result() for task in refused], list(await asyncio.gather(*taken))

    ready, refused, taken = asyncio.run(flood())
    assert ready.status_code == 503
    assert [answer.status_code for answer in refused] == [429] * 42
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert [answer.status_code for answer in taken] == [200] * 8


def status_of(app: Gate, receive: Receive) -> int:
    """The status of the answer to a request whose body comes by `receive`."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": [], "query_string": b""}
    asyncio.run(app(scope, receive, send))
    return int(sent[0]["status"])


def test_a_body_that_does_not_come_is_not_waited_for(predictor: Predictor) -> None:
    async def receive() -> Any:
        await asyncio.Event().wait()

    assert status_of(create_app({"small": predictor}, ServeSettings(body_timeout=0.01)), receive) == 408


def test_a_long_body_is_refused_while_it_comes(predictor: Predictor) -> None:
    parts = 0

    async def receive() -> Any:
        nonlocal parts
        parts += 1
        return {"type": "http.request", "body": b" " * 1_000_000, "more_body": True}

    assert status_of(create_app({"small": predictor}), receive) == 413
    assert parts == 9

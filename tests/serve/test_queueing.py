"""Requests that come together are computed together; too many are refused, and late ones are told."""

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from sentrec.inference.prediction import Prediction
from sentrec.serve.queueing import Batcher, Busy, Jobs, Late


class Slow:
    """Answers with the text itself as the label, once it may."""

    def __init__(self) -> None:
        self.may = threading.Event()
        self.batches: list[list[str]] = []

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        self.batches.append(list(texts))
        self.may.wait()
        if "broken" in texts:
            raise ValueError
        return [Prediction(text, 1.0, {}) for text in texts]


def labels(predictions: list[Prediction]) -> list[str]:
    return [one.label for one in predictions]


async def until_begun(slow: Slow, batches: int = 1) -> None:
    while len(slow.batches) < batches:
        await asyncio.sleep(0.001)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)


def test_what_comes_while_a_batch_is_computed_makes_the_next_one() -> None:
    slow = Slow()

    async def test() -> None:
        batcher = Batcher(slow.predict, most_waiting=100, batch_texts=4)
        tasks = [asyncio.create_task(batcher.predict([str(number)])) for number in range(6)]
        await until_begun(slow)
        slow.may.set()
        tasks.append(asyncio.create_task(batcher.predict(["6", "7"])))
        assert [labels(await task) for task in tasks] == [["0"], ["1"], ["2"], ["3"], ["4"], ["5"], ["6", "7"]]
        assert batcher.waiting == 0
        batcher.close()

    run(test())
    assert slow.batches == [["0", "1", "2", "3"], ["4", "5", "6", "7"]]


def test_too_many_texts_are_refused_until_there_is_room() -> None:
    slow = Slow()

    async def test() -> None:
        batcher = Batcher(slow.predict, most_waiting=3)
        tasks = [asyncio.create_task(batcher.predict(["a", "b"]))]
        await until_begun(slow)
        with pytest.raises(Busy):
            await batcher.predict(["c", "d"])
        tasks.append(asyncio.create_task(batcher.predict(["c"])))
        await asyncio.sleep(0)
        assert batcher.is_full
        slow.may.set()
        await asyncio.gather(*tasks)
        assert labels(await batcher.predict(["more", "than", "may", "wait"])) == ["more", "than", "may", "wait"]

    run(test())


def test_a_late_answer_is_given_up_and_what_was_given_up_is_not_computed() -> None:
    slow = Slow()

    async def test() -> None:
        batcher = Batcher(slow.predict, most_waiting=100, timeout=0.05)
        first = asyncio.create_task(batcher.predict(["first"]))
        await until_begun(slow)
        with pytest.raises(Late):
            await batcher.predict(["given up"])
        with pytest.raises(Late):
            await first
        slow.may.set()
        while batcher.waiting:
            await asyncio.sleep(0.001)
        assert labels(await batcher.predict(["next"])) == ["next"]

    run(test())
    assert slow.batches == [["first"], ["next"]]


def test_an_error_is_told_to_its_own_request_and_to_nobody_else() -> None:
    slow = Slow()
    slow.may.set()

    async def test() -> None:
        batcher = Batcher(slow.predict, most_waiting=100)
        texts = (["a"], ["b", "broken"], ["c", "d"])
        first, broken, last = await asyncio.gather(*map(batcher.predict, texts), return_exceptions=True)
        assert isinstance(broken, ValueError)
        assert (labels(first), labels(last)) == (["a"], ["c", "d"])  # type: ignore[arg-type]
        assert batcher.waiting == 0
        assert labels(await batcher.predict(["e"])) == ["e"]

    run(test())
    assert slow.batches == [["a", "b", "broken", "c", "d"], ["a"], ["b", "broken"], ["c", "d"], ["e"]]


def test_few_jobs_wait() -> None:
    may = threading.Event()

    async def test() -> None:
        jobs = Jobs(most_waiting=2, timeout=30)
        tasks = [asyncio.create_task(jobs.run(may.wait)) for _ in range(2)]
        while not jobs.is_full:
            await asyncio.sleep(0.001)
        with pytest.raises(Busy):
            await jobs.run(may.wait)
        may.set()
        assert await asyncio.gather(*tasks) == [True, True]
        while jobs.waiting:
            await asyncio.sleep(0.001)
        assert await jobs.run(sorted, "ba", reverse=True) == ["b", "a"]
        jobs.close()

    run(test())


def test_a_job_that_takes_too_long_is_told() -> None:
    may = threading.Event()

    async def test() -> None:
        jobs = Jobs(most_waiting=2, timeout=0.02)
        with pytest.raises(Late):
            await jobs.run(may.wait)
        may.set()
        jobs.close()

    run(test())

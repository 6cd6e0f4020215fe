"""Work that waits for a thread: texts of concurrent requests in common batches, and single longer jobs; never many."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from sentrec.errors import SentrecError
from sentrec.inference.prediction import Prediction

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Busy(SentrecError):  # noqa: N818 - nothing is wrong, there is too much of it
    """As much waits as may; who asks has to come back later."""

    def __init__(self) -> None:
        super().__init__("The server has as much to do as it can. Try again later.")


class Late(SentrecError):  # noqa: N818 - likewise
    """An answer took longer than it may."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"There was no answer within {seconds:g} seconds.")


@dataclass
class _Waiting:
    texts: Sequence[str]
    answer: asyncio.Future[list[Prediction]] = field(repr=False)


class Batcher:
    """Classifies the texts of concurrent requests together, in one thread, the only one that calls `predict`.

    There is no waiting for a batch to fill: while one is computed, the next one gathers. So a lone text is answered at
    once, and the batches grow with the load, up to `batch_texts` unless one request alone has more. Who comes with more
    than `most_waiting` is refused, who waits for more than `timeout` seconds gives up. `on_batch` is told the size of
    each batch, and how many texts wait after it.
    """

    def __init__(
        self,
        predict: Callable[[Sequence[str]], list[Prediction]],
        most_waiting: int,
        batch_texts: int = 64,
        timeout: float = 30.0,
        on_batch: Callable[[int, int], None] | None = None,
    ) -> None:
        self.waiting = 0
        self._predict = predict
        self._most_waiting = most_waiting
        self._batch_texts = batch_texts
        self._timeout = timeout
        self._on_batch = on_batch
        self._queue: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, "predict")
        self._task: asyncio.Task[None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether one more text would be refused."""
        return self.waiting >= self._most_waiting

    async def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """The predictions of some texts, in their order.

        Raises:
            Busy: If too many texts wait already.
            Late: If it takes longer than the timeout; what has not been begun then is left.
        """
        if self.waiting and self.waiting + len(texts) > self._most_waiting:
            raise Busy
        one = _Waiting(texts, asyncio.get_running_loop().create_future())
        self._queue.append(one)
        self.waiting += len(texts)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        try:
            async with asyncio.timeout(self._timeout):
                return await one.answer
        except TimeoutError:
            raise Late(self._timeout) from None

    def close(self) -> None:
        """Ends the thread once it has nothing to do."""
        self._thread.shutdown()

    async def _work(self) -> None:
        while batch := self._next():
            texts = sum(len(one.texts) for one in batch)
            if not await self._answer(batch):  # one request's text must not spoil the answers of others
                for one in batch:
                    if not one.answer.done():
                        await self._answer([one])
            self.waiting -= texts
            if self._on_batch:
                self._on_batch(texts, self.waiting)

    async def _answer(self, batch: Sequence[_Waiting]) -> bool:
        """Whether requests could be answered together; of a failure, only a single one is told."""
        texts = [text for one in batch for text in one.texts]
        try:
            answers = iter(await asyncio.get_running_loop().run_in_executor(self._thread, self._predict, texts))
        except Exception as error:
            if len(batch) == 1:
                with suppress(asyncio.InvalidStateError):
                    batch[0].answer.set_exception(error)
            return False
        for one in batch:
            mine = [next(answers) for _ in one.texts]
            with suppress(asyncio.InvalidStateError):  # whoever asked has gone meanwhile
                one.answer.set_result(mine)
        return True

    def _next(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._queue and (not batch or size + len(self._queue[0].texts) <= self._batch_texts):
            one = self._queue.popleft()
            if one.answer.done():  # it was given up
                self.waiting -= len(one.texts)
            else:
                batch.append(one)
                size += len(one.texts)
        return batch


class Jobs:
    """Longer work, one job at a time in a thread of its own, of which few wait.

    A request waits `timeout` seconds at most; a job that has begun is finished all the same.
    """

    def __init__(self, most_waiting: int, timeout: float) -> None:
        self.waiting = 0
        self._most_waiting = most_waiting
        self._timeout = timeout
        self._thread = ThreadPoolExecutor(1, "jobs")

    @property
    def is_full(self) -> bool:
        """Whether one more job would be refused."""
        return self.waiting >= self._most_waiting

    async def run(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What a function returns.

        Raises:
            Busy: If too many jobs wait already.
            Late: If it takes longer than the timeout.
        """
        if self.is_full:
            raise Busy
        self.waiting += 1
        job = self._thread.submit(function, *args, **kwargs)
        loop = asyncio.get_running_loop()
        job.add_done_callback(lambda _: loop.call_soon_threadsafe(self._finished))
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(job)
        except TimeoutError:
            raise Late(self._timeout) from None

    def close(self) -> None:
        """Waits for the job that runs, and begins no other."""
        self._thread.shutdown(cancel_futures=True)

    def _finished(self) -> None:
        self.waiting -= 1

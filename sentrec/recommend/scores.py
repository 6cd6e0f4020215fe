"""What a scorer of texts is and gives; without torch, since a ranking of kept scores needs no model."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Scores:
    """What is known of some texts.

    Attributes:
        positive: How positive each is, 0 to 1, shape ``(texts,)``.
        embeddings: What each is about, float16, shape ``(texts, dim)``; ``dim`` is 0 where that was not asked.
    """

    positive: npt.NDArray[np.float64]
    embeddings: npt.NDArray[np.float16]


class Scorer(Protocol):
    """Something that scores texts."""

    def fingerprint(self) -> str:
        """Changes whenever a score might."""

    def score(self, texts: Sequence[str]) -> Scores:
        """Scores every text, in their order."""

    def workers(self) -> AbstractContextManager[tuple[ThreadPoolExecutor, int]]:
        """Gives a pool in which `score` may be called side by side, and how many can work at once."""


class OneWorker:
    """A scorer that is best left alone while it scores."""

    @contextmanager
    def workers(self) -> Iterator[tuple[ThreadPoolExecutor, int]]:
        """Gives a pool of one worker, which leaves reading to the thread beside it."""
        with ThreadPoolExecutor(1) as pool:
            yield pool, 1

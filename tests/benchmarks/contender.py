"""What every model of the comparison offers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Probabilities = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Trained:
    """What a training tells beside the model."""

    accuracy: float | None = None
    epoch_seconds: float | None = None
    estimated_seconds: float | None = None


class Contender(ABC):
    """A classifier of texts: trained into a folder by one process, loaded from there by others.

    Imports of libraries belong into methods: a process then pays for its own contender only.
    """

    title: str
    needs: ClassVar[tuple[str, ...]] = ()
    """Modules that must be installed for it."""
    most_scored: ClassVar[int | None] = None
    """How many texts its speed is measured on at most; for the slow, whose speed is the same on few."""

    @abstractmethod
    def train(self, texts: Sequence[str], labels: Labels, folder: Path) -> Trained:
        """Trains from raw text and leaves the model in `folder`, ready to predict in this process too."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Reads what `train` left."""

    @abstractmethod
    def predict_proba(self, texts: Sequence[str]) -> Probabilities:
        """Probabilities of both classes from raw text, shape ``(texts, 2)``, on the cores that the process has."""

    def missing(self) -> list[str]:
        """Modules that are needed and not installed."""
        return [module for module in self.needs if find_spec(module) is None]


def two_columns(positive: npt.NDArray[np.floating]) -> Probabilities:
    """Probabilities of both classes from those of the positive one."""
    values = np.asarray(positive, dtype=np.float64)
    return np.column_stack([1.0 - values, values])

"""What a text model takes and gives: how it reads texts, what it needs on disk, what it is fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from sentrec.errors import SentrecError
from sentrec.text.encoding import EncodedTexts

if TYPE_CHECKING:
    from scipy import sparse

Features: TypeAlias = Union["sparse.csr_matrix", npt.NDArray[np.float64]]
"""One row a text, one column a feature."""


class TextReader(Protocol):
    """Turns texts into what a model reads; made by `TextModel.reader`, shared by models that read alike."""

    @property
    def key(self) -> str:
        """Changes with whatever its answers depend on: readers of one key give the same."""
        ...

    @property
    def vocabulary_size(self) -> int:
        """How many different tokens it knows."""
        ...

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Encodes texts; rows in their order, at least one token each."""
        ...

    def encode_cached(self, texts: Sequence[str]) -> EncodedTexts:
        """Likewise, from the cache on disk where these texts were encoded before."""
        ...


@dataclass(frozen=True)
class Requirement:
    """Something that a kind of model needs on disk before it can be trained.

    Attributes:
        topic: What `sentrec recipes check` calls it, e.g. ``glove``.
        found: What is there, in a line; None where it is missing.
        fingerprint: Changes with its content; recorded in a run's environment.
        problem: Why it cannot be used, where it is missing; raised by the training.
    """

    topic: str
    found: str | None
    fingerprint: str | None = None
    problem: SentrecError | None = None


@dataclass(frozen=True)
class Rate:
    """How fast one weight learns, and from when on."""

    factor: float = 1.0  # its learning rate as a multiple of the recipe's
    from_epoch: int = 0  # epochs for which it stays as it started


@dataclass(frozen=True)
class ClosedFormData:
    """Encoded texts for what is not learned by gradients; labels are class numbers, int64, shape ``(rows,)``.

    Attributes:
        train: Training rows, with `labels`.
        validation: Validation rows, with `validation_labels`.
        unlabelled: Texts without labels, or None.
        pseudo_labels: A teacher's class for each of these, int64; None where labels alone are learned from.
    """

    train: EncodedTexts
    labels: npt.NDArray[np.int64]
    validation: EncodedTexts
    validation_labels: npt.NDArray[np.int64]
    unlabelled: EncodedTexts | None = None
    pseudo_labels: npt.NDArray[np.int64] | None = None


@dataclass(frozen=True)
class LinearChange:
    """What is added to the weights of one block of `TextModel.linear_features`."""

    weights: npt.NDArray[np.float64]  # shape ``(columns, classes)``
    columns: npt.NDArray[np.int64] | None = None  # which columns of the block; None: all

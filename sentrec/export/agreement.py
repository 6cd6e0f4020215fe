"""How far a quantized model agrees with its original, and how far it has to."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.errors import SentrecError


@dataclass(frozen=True)
class Bound:
    """The least agreement that an export needs, on texts of its original.

    Attributes:
        equal_labels: Least share of texts with the same label.
        mean_difference: Largest mean difference of a probability.
        largest_difference: Largest difference of a probability for any text.
    """

    equal_labels: float = 0.995
    mean_difference: float = 0.005
    largest_difference: float = 0.1


@dataclass(frozen=True)
class Agreement:
    """The agreement of two models; fields as of `Bound`.

    Attributes:
        texts: Texts that both classified.
    """

    texts: int
    equal_labels: float
    mean_difference: float
    largest_difference: float

    def to_dict(self) -> dict[str, Any]:
        """The figures in plain JSON types."""
        return asdict(self)

    def require(self, bound: Bound) -> None:
        """Makes sure that a bound is kept.

        Raises:
            SentrecError: If it is not; the message says by how much.
        """
        missed = []
        if self.equal_labels < bound.equal_labels:
            missed.append(f"{100 * self.equal_labels:.2f} % of the labels are equal, not {100 * bound.equal_labels:g}")
        if self.mean_difference > bound.mean_difference:
            missed.append(
                f"probabilities differ by {self.mean_difference:.4f} on average, not {bound.mean_difference:g}"
            )
        if self.largest_difference > bound.largest_difference:
            missed.append(f"one probability differs by {self.largest_difference:.3f}, not {bound.largest_difference:g}")
        if missed:
            raise SentrecError(
                f"The quantized model strays too far from its original on {self.texts:,} of its texts: "
                f"{'; '.join(missed)}.",
                "Allow more: --min-agreement, --max-mean-difference, --max-difference.",
            )


def measure_agreement(original: npt.NDArray[np.float64], small: npt.NDArray[np.float64]) -> Agreement:
    """Compares the probabilities that two models give to the same texts, shape ``(texts, classes)`` each."""
    equal = original.argmax(axis=1) == small.argmax(axis=1)
    differences = np.abs(original - small).max(axis=1)
    return Agreement(len(original), float(equal.mean()), float(differences.mean()), float(differences.max()))

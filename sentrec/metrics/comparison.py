"""Paired comparison of two classifiers on the same rows: is one really better, and by how much?"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy.typing as npt

from sentrec.metrics.intervals import mcnemar, paired_difference


@dataclass(frozen=True)
class Comparison:
    """A paired comparison of the accuracy of two classifiers on the same n rows."""

    first: str
    second: str
    n: int
    only_first_right: int
    only_second_right: int
    first_accuracy: float
    second_accuracy: float
    difference: float  # ``first_accuracy - second_accuracy``
    interval: tuple[float, float]  # 95 % interval of the difference, see `paired_difference`
    mcnemar_exact: float  # p-value of the exact McNemar test
    mcnemar_midp: float  # p-value of its mid-p variant, less conservative (Fagerland et al. 2013)

    @property
    def verdict(self) -> str:
        """The comparison in words, claiming no more than the interval and the exact test support."""
        if self.only_first_right == self.only_second_right == 0:
            return f"{self.first} and {self.second} are right on exactly the same rows, of {self.n:,}."
        low, high = self.interval
        if low <= 0.0 <= high:
            return (
                f"These {self.n:,} rows do not tell {self.first} and {self.second} apart: the difference is "
                f"{100 * self.difference:+.2f} points (95 % interval {100 * low:+.2f} to {100 * high:+.2f})."
            )
        better, worse = (self.first, self.second) if low > 0.0 else (self.second, self.first)
        smallest, largest = sorted((abs(low), abs(high)))
        return (
            f"{better} is more accurate than {worse} on these {self.n:,} rows, by "
            f"{100 * abs(self.difference):.2f} points (95 % interval {100 * smallest:.2f} to {100 * largest:.2f})."
        )

    def to_dict(self) -> dict[str, Any]:
        """The comparison in plain JSON types, its verdict included."""
        return {**asdict(self), "interval": list(self.interval), "verdict": self.verdict}


def compare_paired(
    labels: npt.NDArray[Any],
    first_predicted: npt.NDArray[Any],
    second_predicted: npt.NDArray[Any],
    names: tuple[str, str] = ("the first", "the second"),
) -> Comparison:
    """Compares the accuracy of two classifiers on the same rows, from class numbers of shape ``(n,)``.

    The interval covers the choice of test rows, not that of the training seed.
    """
    n = len(labels)
    if n == 0 or len(first_predicted) != n or len(second_predicted) != n:
        raise ValueError(f"{n} labels, {len(first_predicted)} and {len(second_predicted)} predictions do not fit")
    first_right, second_right = first_predicted == labels, second_predicted == labels
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    exact, midp = mcnemar(only_first, only_second)
    return Comparison(
        first=names[0],
        second=names[1],
        n=n,
        only_first_right=only_first,
        only_second_right=only_second,
        first_accuracy=float(first_right.mean()),
        second_accuracy=float(second_right.mean()),
        difference=(only_first - only_second) / n,
        interval=paired_difference(first_right[None], second_right[None]).interval,
        mcnemar_exact=exact,
        mcnemar_midp=midp,
    )

"""Which class of a run a label of the data, or of another model, stands for when the two were named independently."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.errors import DataError


def match_labels(
    labels: npt.NDArray[np.int64], data_names: Sequence[str], run_names: Sequence[str], source: str
) -> tuple[npt.NDArray[np.int64], str | None]:
    """Renumbers the labels of the data as the run numbers its classes.

    Labels are matched by name, whatever the case; only those that occur need a match. Where that fails and one side
    has nothing but numbers for names, they are matched in their order if there are equally many. Where data with
    numbers lacks some classes, its numbers count the classes from 0.

    Args:
        labels: Class numbers of the data, shape ``(n,)``.
        data_names: Names that these numbers stand for.
        run_names: Names of the run's classes.
        source: What to call the data in an error.

    Returns:
        Class numbers of the run, and a sentence on the match where it was not by name.

    Raises:
        DataError: If the data has a label that the run does not know; the message lists both.
    """
    by_name = {name.casefold(): number for number, name in enumerate(run_names)}
    used = [data_names[number] for number in np.unique(labels)]
    if all(name.casefold() in by_name for name in used):
        table = [by_name.get(name.casefold(), -1) for name in data_names]
        return np.array(table, dtype=np.int64)[labels], None
    numbers = _numbers(data_names, run_names)
    if numbers is None:
        raise DataError(
            f"the labels of {source} are not those of the run. The data has: {_listed(used)}. "
            f"The run knows: {_listed(run_names)}.",
            "Rename the labels of the data, or name its classes in the order of their numbers with "
            "--set data.label_names=[bad,good]",
        )
    pairs = ", ".join(f"{name} = {run_names[number]}" for name, number in zip(data_names, numbers, strict=True))
    return np.array(numbers, dtype=np.int64)[labels], f"Labels were matched by number: {pairs}."


@dataclass(frozen=True)
class ClassMatch:
    """Which class of a source each class of a target is.

    Attributes:
        numbers: The source's class numbers in the order of the target's classes.
        note: A sentence on the match where it was not by name, else None.
    """

    numbers: list[int]
    note: str | None


def matching_classes(source: Sequence[str], target: Sequence[str], head: bool | None = None) -> ClassMatch | None:
    """The source's class for each class of the target; None where the label sets do not agree.

    They agree if every class of one is a class of the other, by name whatever the case. Two classes also match by
    number where one side has only numbers for names; more of them only on demand, as their order says little.

    Args:
        source: Names of the source's classes.
        target: Names of the target's classes, as the source would call them.
        head: True is the demand; a transfer study says it with `moves.head`.
    """
    if len(source) != len(target):
        return None
    try:
        matched, note = match_labels(np.arange(len(target)), target, source, "the target")
    except DataError:
        return None
    numbers: list[int] = matched.tolist()
    if len(set(numbers)) < len(target) or (note is not None and len(target) > 2 and not head):
        return None
    return ClassMatch(numbers, note)


def _numbers(data_names: Sequence[str], run_names: Sequence[str]) -> list[int] | None:
    data_is_numbers = all(name.isdecimal() for name in data_names)
    if len(data_names) == len(run_names) and (data_is_numbers or all(name.isdecimal() for name in run_names)):
        return list(range(len(run_names)))
    if data_is_numbers and max(map(int, data_names)) < len(run_names):
        return [int(name) for name in data_names]
    return None


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:10])
    return f"{shown} and {len(names) - 10} more" if len(names) > 10 else shown

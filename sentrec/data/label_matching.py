"""Which class of a run a label of the data, or of another model, stands for when the two were named independently."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.data.labels import LEFT_OUT
from sentrec.data.polarity import star_polarities, told, word_polarities
from sentrec.errors import DataError, listed


def match_labels(
    labels: npt.NDArray[np.int64], data_names: Sequence[str], run_names: Sequence[str], source: str
) -> tuple[npt.NDArray[np.int64], str | None]:
    """Renumbers the labels of the data as the run numbers its classes.

    Labels are matched by name, whatever the case where that tells them apart; only those that occur need a match.
    Where that fails and one side has nothing but numbers for names, they are matched in their order if there are
    equally many; where data with numbers lacks some classes, its numbers count the classes from 0. Else they are
    matched by what they mean: words of sentiment, truth values, and ratings, whose middle is left out.

    Args:
        labels: Class numbers of the data, shape ``(n,)``.
        data_names: Names that these numbers stand for.
        run_names: Names of the run's classes.
        source: What to call the data in an error.

    Returns:
        Class numbers of the run, `LEFT_OUT` where a label has none, and a sentence on the match where it was not by
        name.

    Raises:
        DataError: If the data has a label that the run does not know; the message lists both.
    """
    used = [data_names[number] for number in np.unique(labels)]
    if (by_name := _by_name(used, run_names)) is not None:
        table = np.array([by_name.get(name, LEFT_OUT) for name in data_names], dtype=np.int64)
        return table[labels], None
    if (numbers := _numbers(data_names, run_names)) is not None:
        pairs = ", ".join(f"{name} = {run_names[number]}" for name, number in zip(data_names, numbers, strict=True))
        return np.array(numbers, dtype=np.int64)[labels], f"Labels were matched by number: {pairs}."
    if (meanings := _by_meaning(used, run_names)) is not None:
        place = {name: number for number, name in enumerate(run_names)}
        table = np.array([place.get(meanings.get(name) or "", LEFT_OUT) for name in data_names], dtype=np.int64)
        return table[labels], f"Labels were matched by meaning: {told(meanings)}."
    raise DataError(
        f"The labels of {source} are not those of the run. The data has: {listed(used, 10)}. "
        f"The run knows: {listed(run_names, 10)}.",
        "Say what they mean: --set 'data.label_map={1: negative, 5: positive}' (what is not named is left out), or "
        "name the classes in the order of their numbers: --set data.label_names=[bad,good]",
    )


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

    They agree if every class of one is a class of the other, by name or meaning. Two classes also match by number
    where one side has only numbers for names; more of them only on demand, as their order says little.

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
    is_ordered = note is not None and "by number" in note
    if len(set(numbers)) < len(target) or LEFT_OUT in numbers or (is_ordered and len(target) > 2 and not head):
        return None
    return ClassMatch(numbers, note)


def _by_name(used: Sequence[str], run_names: Sequence[str]) -> dict[str, int] | None:
    exact = {name: number for number, name in enumerate(run_names)}
    if all(name in exact for name in used):
        return exact
    folded = {name.casefold(): number for name, number in exact.items()}
    is_told_apart = len(folded) == len(run_names) and len({name.casefold() for name in used}) == len(used)
    if is_told_apart and all(name.casefold() in folded for name in used):
        return {name: folded[name.casefold()] for name in used}
    return None


def _numbers(data_names: Sequence[str], run_names: Sequence[str]) -> list[int] | None:
    data_is_numbers = all(name.isdecimal() for name in data_names)
    highest = max(map(int, data_names)) if data_is_numbers else 0
    is_equal = len(data_names) == len(run_names)
    if is_equal and ((data_is_numbers and highest <= len(run_names)) or all(name.isdecimal() for name in run_names)):
        return list(range(len(run_names)))
    if data_is_numbers and highest < len(run_names):
        return [int(name) for name in data_names]
    return None


def _by_meaning(used: Sequence[str], run_names: Sequence[str]) -> Mapping[str, str | None] | None:
    """The run's class for each label, None for one in the middle that the run has no class for."""
    of_run = word_polarities(run_names)
    of_data = word_polarities(used, answers=True) or star_polarities(used)
    if of_run is None or of_data is None or len(set(of_run.values())) < len(run_names):
        return None
    by_polarity = {meaning: name for name, meaning in of_run.items()}
    return {name: by_polarity.get(meaning or "neutral") for name, meaning in of_data.items()}

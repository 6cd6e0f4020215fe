"""From a column of labels to class numbers and names, and which class of a run each of them stands for."""

import logging
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sentrec.data.polarity import POLARITIES, describe_meanings, is_rating, star_polarities, word_polarities
from sentrec.errors import DataError, listed

ClassNumbers = npt.NDArray[np.int64]
ClassNames = tuple[str, ...]
LabelMap = Mapping[str, str | None]

UNLABELLED = -1
"""The class number of a row without a known label; the hub writes the same for labels that are kept secret."""
LEFT_OUT = -2
"""The class number of a row whose label is in the middle of the scale, or is mapped to nothing."""

_MOST_CLASSES = 1000
_NAME_CLASSES = "Name the classes in their order: --set data.label_names=[bad,good]"
_NO_CLASSES = "Is it the right column? --label-field names another one, --labels 1=bad,5=good says what labels mean."
_TRUTH = ("false", "true")
_log = logging.getLogger(__name__)


def number_labels(
    column: pa.ChunkedArray,
    names: ClassNames,
    source: str,
    label_map: LabelMap | str | None = None,
    is_stars: bool = False,
) -> tuple[ClassNumbers, ClassNames]:
    """Numbers the labels of a column: `UNLABELLED` where a row has none that is known, `LEFT_OUT` where none is wanted.

    `label_map` is the class of each label, None to leave its rows out, or ``stars``: by thirds of the scale; `is_stars`
    says that the column is known to hold ratings.

    Text is looked up in `names`, and so are numbers where `names` are numbers themselves; other numbers, and truth
    values as 0 and 1, stand for positions in `names`, counted from 1 where the last of them is the number of names.
    Without `names`, the distinct labels become the classes, sorted, unless they are ratings that are no whole numbers
    or words of sentiment in several spellings: these become negative, neutral and positive. Gives the names, too, and
    raises a `DataError` if the column holds no classes, or none of `names`.
    """
    words = _words(column, source).combine_chunks().dictionary_encode()
    found: list[str] = words.dictionary.to_pylist()
    numbers, names = _classes(found, names, source, label_map, is_stars)
    table = np.array([*numbers, UNLABELLED], dtype=np.int64)
    return table[pc.fill_null(words.indices, len(found)).to_numpy()], names


def _words(column: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    """Labels as text, null where there is none: whole numbers without a fraction, whatever they were written as."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    try:
        words = pc.utf8_trim_whitespace(column.cast(pa.string()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"The labels of {source} are {column.type} values, not classes.", _NO_CLASSES) from error
    words = pc.if_else(pc.is_in(words, pa.array(["", "nan", "NaN"], words.type)), None, words)  # as pandas writes none
    distinct = [word for word in pc.unique(words).to_pylist() if word is not None]
    # A spreadsheet with a gap writes 5.0 for 5, and nan for the gap.
    is_float = any("." in word for word in distinct)
    if is_float and all(re.fullmatch(r"-?\d+(\.0+)?|(?i:nan)", word) for word in distinct):
        words = pc.replace_substring_regex(words, r"\.0+$", "")
        words = pc.if_else(pc.equal(pc.utf8_lower(words), "nan"), None, words)
    return words


def _classes(
    words: list[str], names: ClassNames, source: str, label_map: LabelMap | str | None, is_stars: bool
) -> tuple[Sequence[int], ClassNames]:
    """The class number of each distinct label, and the names."""
    if isinstance(label_map, Mapping):
        folded = {key.casefold(): value for key, value in label_map.items()}
        return _meant({word: label_map.get(word, folded.get(word.casefold())) for word in words}, names, source)
    if is_stars or label_map is not None:
        stars = star_polarities(words) or word_polarities(words, answers=True)
        if stars is None and words and not (is_stars and names):
            raise DataError(f"The labels of {source} are no ratings; it has: {listed(words)}.", _NO_CLASSES)
        if stars:
            return _meant(stars, names, source)
    if names:
        return _named(words, names, source)
    if not all(_is_number(word) for word in words):
        if meanings := _readable(words):
            return _meant(meanings, (), source)
        if words and all(re.fullmatch(r"-?\d*[.,]\d+|-?\d+", word) for word in words):
            raise DataError(f"The labels of {source} are fractions, not classes.", _NO_CLASSES)
    if len(words) > _MOST_CLASSES:
        count = f"{len(words):,} different labels"
        raise DataError(f"{source} has {count}: that is no class column.", "Is data.label_column the right one?")
    names = tuple(sorted(words, key=_by_number_then_word))
    place = {name: number for number, name in enumerate(names)}
    return [place[word] for word in words], names


def _readable(words: list[str]) -> LabelMap | None:
    """The meaning of labels that are no classes as they stand: ratings, or several spellings of one sentiment."""
    is_fraction = any(re.fullmatch(r"\d+[.,]\d+", word) for word in words)
    if (is_fraction or any(map(is_rating, words))) and (stars := star_polarities(words, plain=True)):
        grades_alone = all(re.fullmatch("[A-F]", word) for word in words)
        return None if grades_alone else stars
    meanings = word_polarities(words, spellings=True)
    return meanings if meanings and len(set(meanings.values())) < len(words) else None


def _meant(meanings: LabelMap, names: ClassNames, source: str) -> tuple[Sequence[int], ClassNames]:
    """Class numbers of labels with a known meaning."""
    _log.info("labels of %s: %s.", source, describe_meanings(meanings))
    present = {meaning for meaning in meanings.values() if meaning}
    order = POLARITIES if present <= set(POLARITIES) else tuple(sorted(present, key=_by_number_then_word))
    names = names or tuple(name for name in order if name in present)
    if unknown := sorted(present - set(names)):
        raise DataError(f"The labels of {source} mean {listed(unknown)}, not: {listed(names)}.", _NAME_CLASSES)
    return [names.index(meaning) if meaning else LEFT_OUT for meaning in meanings.values()], names


def _named(words: list[str], names: ClassNames, source: str) -> tuple[Sequence[int], ClassNames]:
    """Class numbers of labels by names that were stated."""
    place = {name: number for number, name in enumerate(names)}
    by_case = {name.casefold(): number for number, name in enumerate(names)}
    if len(by_case) == len(names) and {word.casefold() for word in words} & set(by_case):
        return [place.get(word, by_case.get(word.casefold(), UNLABELLED)) for word in words], names
    if set(words) & set(place):
        return [place.get(word, UNLABELLED) for word in words], names
    positions = [_TRUTH.index(word.casefold()) if word.casefold() in _TRUTH else word for word in words]
    if (words and not all(_is_number(str(one)) for one in positions)) or (all(map(_is_number, names)) and words):
        raise DataError(
            f"No label of {source} is one of {listed(names)}; it has: {listed(sorted(words))}.", _NAME_CLASSES
        )
    numbers = [int(one) for one in positions]
    first = 1 if len(names) in numbers and 0 not in numbers else 0
    if first:
        pairs = "; ".join(f"{number} = {name}" for number, name in enumerate(names[:8], start=1))
        _log.info("the labels of %s are counted from 1: %s.", source, pairs)
    return [one - first if first <= one < len(names) + first else UNLABELLED for one in numbers], names


def _is_number(word: str) -> bool:
    return bool(re.fullmatch(r"-?\d{1,18}", word))


def _by_number_then_word(word: str) -> tuple[int, str]:
    return (int(word) if _is_number(word) else 0, word)


def match_labels(
    labels: npt.NDArray[np.int64], data_names: Sequence[str], run_names: Sequence[str], source: str
) -> tuple[npt.NDArray[np.int64], str | None]:
    """Renumbers the labels of the data as the run does (`LEFT_OUT` where one has none); and says how, if not by name.

    Labels are matched by name, whatever the case where that tells them apart; only those that occur need a match.
    Where that fails and one side has nothing but numbers for names, they are matched in their order if there are
    equally many; where data with numbers lacks some classes, its numbers count the classes from 0. Else they are
    matched by what they mean: words of sentiment, truth values, and ratings, whose middle is left out. A `DataError`
    lists the labels of both where the data has one that the run does not know.
    """
    used = [data_names[number] for number in np.unique(labels)]
    note = None
    found: Mapping[str, str | None] | None = _by_name(used, run_names)
    if found is None and (found := _by_number(data_names, run_names)):
        note = f"Labels were matched by number: {', '.join(f'{name} = {one}' for name, one in found.items())}."
    if found is None and (found := _by_meaning(used, run_names)):
        note = f"Labels were matched by meaning: {describe_meanings(found)}."
    if found is not None:
        place = {name: number for number, name in enumerate(run_names)}
        table = [place.get(found.get(name) or "", LEFT_OUT) for name in data_names]
        return np.array(table, dtype=np.int64)[labels], note
    raise DataError(
        f"The labels of {source} are not those of the run. The data has: {listed(used, 10)}. "
        f"The run knows: {listed(run_names, 10)}.",
        f"Say what they mean: --labels {shlex.quote(f'{used[0]}={run_names[0]},{used[-1]}={run_names[-1]}')} (others "
        "are left out), or name the classes in the order of their numbers: --set data.label_names=[bad,good]",
    )


@dataclass(frozen=True)
class ClassMatch:
    """The source's class numbers in the order of a target's classes; a sentence on the match where not by name."""

    numbers: list[int]
    note: str | None


def matching_classes(source: Sequence[str], target: Sequence[str], head: bool | None = None) -> ClassMatch | None:
    """The source's class for each class of the target; None where the label sets do not agree.

    `target` are the names as the source would call them; `head` is the demand, as `moves.head` of a study.

    They agree if every class of one is a class of the other, by name or meaning. Two classes also match by number
    where one side has only numbers for names; more of them only on demand, as their order says little.
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


def _by_name(used: Sequence[str], run_names: Sequence[str]) -> dict[str, str] | None:
    if set(used) <= set(run_names):
        return {name: name for name in used}
    folded = {name.casefold(): name for name in run_names}
    is_told_apart = len(folded) == len(run_names) and len({name.casefold() for name in used}) == len(used)
    if is_told_apart and all(name.casefold() in folded for name in used):
        return {name: folded[name.casefold()] for name in used}
    return None


def _by_number(data_names: Sequence[str], run_names: Sequence[str]) -> dict[str, str] | None:
    data_is_numbers = all(name.isdecimal() for name in data_names)
    highest = max(map(int, data_names)) if data_is_numbers else 0
    is_equal = len(data_names) == len(run_names)
    if is_equal and ((data_is_numbers and highest <= len(run_names)) or _are_counted(run_names)):
        return dict(zip(data_names, run_names, strict=True))
    return {name: run_names[int(name)] for name in data_names} if data_is_numbers and highest < len(run_names) else None


def _are_counted(names: Sequence[str]) -> bool:
    """Whether names are numbers that count from 0 or 1, rather than codes."""
    numbers = sorted(int(name) if name.isdecimal() else -1 for name in names)
    return numbers in (list(range(len(names))), list(range(1, len(names) + 1)))


def _by_meaning(used: Sequence[str], run_names: Sequence[str]) -> Mapping[str, str | None] | None:
    """The run's class for each label, None for one in the middle that the run has no class for."""
    of_run = word_polarities(run_names)
    of_data = word_polarities(used, answers=True) or star_polarities(used)
    if of_run is None or of_data is None or len(set(of_run.values())) < len(run_names):
        return None
    by_polarity = {meaning: name for name, meaning in of_run.items()}
    return {name: by_polarity.get(meaning or "neutral") for name, meaning in of_data.items()}

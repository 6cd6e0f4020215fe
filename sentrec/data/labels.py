"""From a column of labels, whatever its type, to class numbers and their names."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sentrec.errors import DataError

ClassNumbers = npt.NDArray[np.int64]
ClassNames = tuple[str, ...]

UNLABELLED = -1
"""The class number of a row without a known label; the hub writes the same for labels that are kept secret."""

_MOST_CLASSES = 1000
_NAME_CLASSES = "Name the classes in their order: --set data.label_names=[bad,good]"


def number_labels(column: pa.ChunkedArray, names: ClassNames, source: str) -> tuple[ClassNumbers, ClassNames]:
    """Numbers the labels of a column.

    Text is looked up in `names`, and so are numbers where `names` are numbers themselves; other numbers, and truth
    values as 0 and 1, stand for positions in `names`. Without `names`, the distinct labels become the classes, sorted.

    Args:
        column: Text, whole numbers or truth values.
        names: The classes in the order of their numbers; empty: those that the column has.
        source: What to call the data in an error.

    Returns:
        The class of each row, `UNLABELLED` where it has none that is known, and the names.

    Raises:
        DataError: If the column holds no classes, or none of `names`.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_boolean(column.type) and names and "true" not in names:
        column = column.cast(pa.int64())
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        column = _whole_numbers(column, source)
        if names and not all(_is_number(name) for name in names):
            numbers = pc.fill_null(column, UNLABELLED).to_numpy()
            return np.where((numbers >= 0) & (numbers < len(names)), numbers, UNLABELLED), names
    return _from_words(column, names, source)


def _whole_numbers(column: pa.ChunkedArray, source: str) -> pa.ChunkedArray:
    try:
        # What pandas writes for a missing number is not a number rather than null.
        return pc.if_else(pc.is_nan(column), None, column).cast(pa.int64())
    except pa.ArrowInvalid as error:
        raise DataError(
            f"the labels of {source} are fractions, not classes.", "Is data.label_column the right one?"
        ) from error


def _from_words(column: pa.ChunkedArray, names: ClassNames, source: str) -> tuple[ClassNumbers, ClassNames]:
    try:
        words = pc.utf8_trim_whitespace(column.cast(pa.string()))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"the labels of {source} are {column.type} values, not classes.", "Is data.label_column the right one?"
        ) from error
    found = sorted((word for word in pc.unique(words).to_pylist() if word), key=_by_number_then_word)
    if names and found and not set(found) & set(names):
        raise DataError(f"no label of {source} is one of {', '.join(names)}; it has: {_some(found)}.", _NAME_CLASSES)
    if not names and len(found) > _MOST_CLASSES:
        raise DataError(
            f"{source} has {len(found):,} different labels: that is no class column.",
            "Is data.label_column the right one?",
        )
    names = names or tuple(found)
    numbers = pc.fill_null(pc.index_in(words, pa.array(names, pa.string())), UNLABELLED)
    return numbers.to_numpy().astype(np.int64), names


def _is_number(word: str) -> bool:
    return word.removeprefix("-").isdecimal()


def _by_number_then_word(word: str) -> tuple[int, str]:
    return (int(word) if _is_number(word) else 0, word)


def _some(words: list[str]) -> str:
    return ", ".join(words[:10]) + (", ..." if len(words) > 10 else "")

"""From a column of star ratings, whatever its type, to numbers."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sentrec.errors import DataError

Ratings = npt.NDArray[np.float32]

_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)


def read_ratings(column: pa.ChunkedArray, name: str, source: str) -> Ratings:
    """Reads the ratings of a column.

    Args:
        column: Numbers, or numbers as text.
        name: What the column is called.
        source: What to call the data in an error.

    Returns:
        The rating of each row, not a number where it has none.

    Raises:
        DataError: If the column holds neither numbers nor text.
    """
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # A single word among the numbers of a CSV file makes all of them text.
        ratings = np.array([_number(text) for text in column.to_pylist()], dtype=np.float32)
    elif any(is_one(kind) for is_one in _NUMBERS):
        ratings = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float32)
    else:
        raise DataError(
            f"column '{name}' of {source} holds {kind} values, not numbers.", "Is data.rating_column the right one?"
        )
    return np.where(np.isfinite(ratings), ratings, np.float32(np.nan))


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")

"""Labels of any type become numbered classes, and what is no class column is refused."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from small_files import load, put, refusal

from sentrec.errors import DataError


def labels_of(tmp_path: Path, labels: Any, **data: Any) -> tuple[list[str], tuple[str, ...]]:
    """The class name of each row, and all class names."""
    examples = load(put(tmp_path / "x.parquet", text=["t"] * len(labels), label=labels), **data)
    return [examples.label_names[number] for number in examples.labels], examples.label_names


@pytest.mark.parametrize(
    ("labels", "names", "first"),
    [
        (["pos", "neg", "pos"], ("neg", "pos"), "pos"),
        ([" pos ", "neg", "pos"], ("neg", "pos"), "pos"),
        (["10", "9", "1"], ("1", "9", "10"), "10"),
        ([3, 1, 2], ("1", "2", "3"), "3"),
        ([1, -1, 0], ("-1", "0", "1"), "1"),
        ([5.0, 1.0, 1.0], ("1", "5"), "5"),
        ([True, False, True], ("false", "true"), "true"),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ("a", "b"), "a"),
        (pa.array([7, 5, 7], pa.uint8()).dictionary_encode(), ("5", "7"), "7"),
        (pa.array(["a", "b", "a"], pa.large_string()), ("a", "b"), "a"),
    ],
    ids=["text", "spaces", "digits", "integers", "negative", "floats", "truth", "categories", "coded", "large"],
)
def test_labels_of_any_type_become_classes(tmp_path: Path, labels: Any, names: tuple[str, ...], first: str) -> None:
    rows, found = labels_of(tmp_path, labels)
    assert found == names
    assert rows[0] == first


@pytest.mark.parametrize(
    ("labels", "stated", "rows"),
    [
        ([1, 0], ["bad", "good"], ["good", "bad"]),
        (["good", "bad"], ["bad", "good"], ["good", "bad"]),
        ([2, 1], [1, 2], ["2", "1"]),
        ([1.0, 0.0], ["bad", "good"], ["good", "bad"]),
        ([True, False], ["bad", "good"], ["good", "bad"]),
        ([True, False], ["true", "false"], ["true", "false"]),
    ],
)
def test_stated_names_order_the_classes(tmp_path: Path, labels: Any, stated: list[Any], rows: list[str]) -> None:
    assert labels_of(tmp_path, labels, label_names=stated) == (rows, tuple(str(name) for name in stated))


@pytest.mark.parametrize(
    ("labels", "data", "message"),
    [
        ([0.5, 1.0], {}, "fractions"),
        ([[1], [2]], {}, "list"),
        (pa.array([b"\xff", b"a"]), {}, "binary"),
        (["x", "y"], {"label_names": ["a", "b"]}, "no label of .* is one of a, b; it has: x, y"),
        (list(range(1001)), {}, "1,001 different labels"),
        ([f"title {number}" for number in range(1001)], {}, "1,001 different labels"),
        ([None, None], {}, "no row of .* has a label"),
        ([-1, -1], {"label_names": ["a", "b"]}, "no row of .* has a label"),
        ([float("nan"), None], {}, "no row of .* has a label"),
        (["", " "], {}, "no row of .* has a label"),
    ],
)
def test_what_is_no_class_column_is_refused(tmp_path: Path, labels: Any, data: Any, message: str) -> None:
    path = put(tmp_path / "x.parquet", text=["t"] * len(labels), label=labels)
    error = refusal(path, **data)
    assert error.hint
    with pytest.raises(DataError, match=message):
        raise error

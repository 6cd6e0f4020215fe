"""Plain values mean what they look like, and a written recipe reads back equal."""

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from sentrec import SentrecError, load_recipe
from sentrec.files.yaml_values import parse_yaml
from sentrec.recipe import recipe_from_dict, to_yaml


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e-3)
@example(-0.0)
def test_every_way_to_write_a_float_is_that_float(number: float) -> None:
    for text in (repr(number), f"{number:e}", f"{number:.17E}", f"+{abs(number)!r}"):
        value = parse_yaml(text, "a document")
        assert isinstance(value, float)
        assert value == float(text)


@given(st.integers())
def test_an_integer_stays_an_integer(number: int) -> None:
    value = parse_yaml(str(number), "a document")
    assert (type(value), value) == (int, number)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E5", 100000.0),
        (".5", 0.5),
        ("5.", 5.0),
        (".5e1", 5.0),
        ("+1e+2", 100.0),
        ("010", 10),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("no", "no"),
        ("off", "off"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2024-99-99", "2024-99-99"),
        ("e5", "e5"),
        ("1e", "1e"),
        ("6B", "6B"),
        ("1e-3x", "1e-3x"),
        ('"1e-3"', "1e-3"),
    ],
)
def test_plain_values_mean_what_they_look_like(text: str, value: Any) -> None:
    read = parse_yaml(text, "a document")
    assert (type(read), read) == (type(value), value)


any_name = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff"), min_size=1)


@given(
    any_name
    | st.sampled_from(["1e3", "no", "010", "09", "null", "2024-05-01", "1:30", ".inf", "true", "~", "<<", "="]),
    any_name,
    st.floats(1e-30, 1e30),
    st.none() | st.lists(any_name, min_size=2, max_size=4, unique=True),
)
def test_a_written_recipe_reads_back_equal(name: str, column: str, rate: float, labels: list[str] | None) -> None:
    data = {"label_column": column, "label_names": labels, "dataset": name}
    recipe = recipe_from_dict(
        {"name": name, "data": data, "encoder": {"name": "gru"}, "training": {"learning_rate": rate}}
    )
    tree = parse_yaml(to_yaml(recipe), "a document")
    assert recipe_from_dict(tree) == recipe


def test_a_written_recipe_is_the_same_to_any_yaml_reader() -> None:
    recipe = load_recipe("imdb", ["data.label_names=[no, 1e3, 09]", "training.learning_rate=1e-5"])
    tree = yaml.safe_load(to_yaml(recipe))
    assert recipe_from_dict(tree) == recipe


@pytest.mark.parametrize("text", ["a: [1, 2", "a: 'b", "\x1b[31m: 1", "a: b: c"])
def test_an_error_is_one_line_with_its_place(text: str) -> None:
    with pytest.raises(SentrecError, match=r"is not valid YAML: .*(line 1|position 0)") as caught:
        parse_yaml(text, "mine.yaml")
    assert "\n" not in caught.value.message
    assert "unicode string" not in caught.value.message

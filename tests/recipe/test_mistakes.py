"""Every mistake in a recipe is named at once, with its path and the nearest valid name."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recipe_files import write

from sentrec import load_recipe
from sentrec.errors import RecipeError
from sentrec.recipe import Recipe, recipe_from_dict

pytestmark = pytest.mark.usefixtures("in_a_folder")


def mistakes(recipe: str = "", *changes: str) -> list[str]:
    """What is wrong with a recipe, one line a mistake."""
    if "encoder" not in recipe:
        recipe = f"encoder: {{name: gru}}\n{recipe}"
    with pytest.raises(RecipeError) as caught:
        load_recipe(write("wrong.yaml", recipe), changes)
    heading, *lines = caught.value.message.splitlines()
    assert heading == "wrong.yaml is not a valid recipe:"
    return [line.removeprefix("  - ") for line in lines]


def test_an_empty_value_is_null_and_refused_where_text_is_due() -> None:
    assert mistakes("", "description=") == ["description: Input should be a valid string (got None)"]


def test_all_mistakes_are_listed_at_once_with_path_and_nearest_name() -> None:
    found = mistakes(
        "sed: 3\ndata: {datset: imdb}\n"
        "training: {epochs: many, learning_rate: -1}\nencoder: {name: bilstm, hiden: 3}\n",
        "text.keep=middle",
    )
    assert len(found) == 6
    assert "sed: unknown key; did you mean 'seed'?" in found
    assert "data.datset: unknown key; did you mean 'dataset'?" in found
    assert "encoder.hiden: unknown key; did you mean 'hidden'?" in found
    assert any(line.startswith("training.epochs: ") and "'many'" in line for line in found)
    assert any(line.startswith("training.learning_rate: ") and "-1" in line for line in found)
    assert any(line.startswith("text.keep: ") and "'head-tail'" in line and "'middle'" in line for line in found)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        ("encoder: {name: bilsmt}", "encoder.name: 'bilsmt' is not a registered encoder. did you mean 'bilstm'?"),
        ("# no encoder", "encoder.name: is needed; known: bilstm, gru"),
        ("encoder: {hidden: 3}", "encoder.name: is needed; known: bilstm, gru"),
        ("encoder: {name: 3}", "encoder.name: is needed; known: bilstm, gru"),
        ("encoder: gru", "encoder: should be a section of its own: `name` and options (got 'gru')"),
        ("encoder: {name: gru, hidden: -1}", "encoder.hidden: "),
        ("encoder: {name: gru, hidden: [1]}", "encoder.hidden: "),
        ("data: imdb", "data: should be a section with keys of its own (got 'imdb')"),
        ("data: {text_columns: 3}", "data.text_columns: should be a list, e.g. [one, two] (got 3)"),
        ("data: {text_columns: []}", "data.text_columns: "),
        ("data: {label_names: [good]}", "data.label_names: "),
        ("data: {label_names: [good, good]}", "data.label_names: a class is named twice"),
        ("data: {validation: 0.6, test: 0.5}", "data: shares must lie between 0 and 1 and leave rows to train on"),
        ("data: {validation: 1}", "data: shares must lie between 0 and 1"),
        ("data: {train_rows: 1}", "data.train_rows: "),
        ("glove: {name: 6B, dimension: 50}", "glove.dimension: unknown key; "),
        ("training: {learning_rate: .inf}", "training.learning_rate: "),
        ("training: {learning_rate: 1e999}", "training.learning_rate: "),
        ("model: {unfreeze_epoch: 1, embeddings: frozen}", "recipe: model.unfreeze_epoch has no meaning with model."),
        ("model: {unfreeze_epoch: 3}", "recipe: model.unfreeze_epoch: 3 would never come with training.epochs: 3"),
        ("seed: 99999999999", "seed: "),
        ("seed: 1.5", "seed: "),
        ("3: 4", "3: "),
        ("name: ''", "name: "),
    ],
)
def test_one_mistake_is_one_line_that_begins_with_its_path(recipe: str, expected: str) -> None:
    found = mistakes(recipe)
    assert len(found) == 1, found
    assert found[0].startswith(expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed: [1", "is not valid YAML"),
        (b"seed: 1\nseed: 2\n", "'seed' is stated twice"),
        (b"training:\n  epochs: 1\n  epochs: 2\n", "'epochs' is stated twice"),
        (b"- a\n- b\n", "must hold `key: value` lines"),
        (b"just text", "must hold `key: value` lines"),
        (b"? [a]\n: 1\n", "is not valid YAML"),
        (b"name: caf\xe9", "is not UTF-8 text"),
        (b"\x00\x01", "is not valid YAML"),
        (b"seed: !!python/object/apply:os.system [ls]", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_recipe_is_named(content: bytes, message: str) -> None:
    Path("wrong.yaml").write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        load_recipe("wrong.yaml")
    assert caught.value.message.startswith("wrong.yaml ")
    assert message in caught.value.message


def test_a_byte_order_mark_and_anchors_do_no_harm() -> None:
    text = "\ufefftraining: &t {epochs: 2, patience: 4}\n"
    assert load_recipe(write("bom.yaml", text + "encoder: {name: gru}\n")).training.patience == 4
    text = "training:\n  <<: {epochs: 2, patience: 4}\n  epochs: 3\nencoder: {name: gru}\n"
    merged = load_recipe(write("merged.yaml", text)).training
    assert (merged.epochs, merged.patience) == (3, 4)


any_name = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="\ufeff"), min_size=1)
yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(any_name, inner),
    max_leaves=6,
)


@given(yaml_values, st.sampled_from(list(Recipe.model_fields)))
def test_whatever_a_section_holds_it_is_accepted_or_named(value: Any, section: str) -> None:
    try:
        recipe_from_dict({"encoder": {"name": "gru"}, section: value})
    except RecipeError as error:
        lines = error.message.split("\n  - ")[1:]
        assert lines
        assert all(line.startswith(section) for line in lines)

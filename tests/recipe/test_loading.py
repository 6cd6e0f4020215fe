"""A recipe says only what differs, is checked whole, and every mistake is named at once with its path."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from sentrec.errors import RecipeError
from sentrec.recipe import GloveConfig, Recipe, load_recipe, recipe_from_dict, to_yaml
from sentrec.recipe.yaml_values import RecipeLoader


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def override(*changes: str) -> Recipe:
    """The main built-in recipe with these changes."""
    return load_recipe("imdb", changes)


def mistakes(recipe: str = "", *changes: str) -> list[str]:
    """What is wrong with a recipe, one line a mistake."""
    with pytest.raises(RecipeError) as caught:
        load_recipe(write("wrong.yaml", recipe), changes)
    heading, *lines = caught.value.message.splitlines()
    assert heading == "wrong.yaml is not a valid recipe:"
    return [line.removeprefix("  - ") for line in lines]


def test_defaults_are_filled_in_those_of_the_encoder_too() -> None:
    recipe = load_recipe(write("small.yaml", "encoder: {name: gru}\n"))
    assert recipe.name == "small"
    assert (recipe.encoder_name, recipe.encoder_options["hidden"]) == ("gru", 128)
    assert recipe.training.epochs == Recipe().training.epochs
    assert load_recipe(write("empty.yaml", "# nothing\n")).encoder_name == "bilstm"


# --- overrides


@pytest.mark.parametrize(
    ("change", "where", "value"),
    [
        ("glove=null", "glove", None),
        ("glove=", "glove", None),
        ("glove.dim=50", "glove", GloveConfig(name="6B", dim=50)),
        ("glove={name: twitter.27B, dim: 25}", "glove", GloveConfig(name="twitter.27B", dim=25)),
        ("training.learning_rate=1e-3", "training.learning_rate", 0.001),
        ("training.learning_rate=5E-4", "training.learning_rate", 0.0005),
        ("data.text_columns=[title, body]", "data.text_columns", ("title", "body")),
        ("data.text_columns=review", "data.text_columns", ("review",)),
        ("data.label_names=[no, yes]", "data.label_names", ("no", "yes")),
        ("data.label_names=[0, 1]", "data.label_names", ("0", "1")),
        ("data.validation=0.2", "data.validation", 0.2),
        ("data.validation=val.csv", "data.validation", "val.csv"),
        ("data.label_column=", "data.label_column", None),
        ("data.dataset=C:/reviews=all.csv", "data.dataset", "C:/reviews=all.csv"),
        ("text.lowercase=false", "text.lowercase", False),
        ("name=2024", "name", "2024"),
        ("name=2024-05-01", "name", "2024-05-01"),
        (" seed =7", "seed", 7),
        ("encoder.hidden=256", "encoder_options.hidden", 256),
    ],
)
def test_a_value_is_read_as_it_looks(change: str, where: str, value: Any) -> None:
    found: Any = override(change)
    for part in where.split("."):
        found = found[part] if isinstance(found, dict) else getattr(found, part)
    assert found == value


def test_an_empty_value_is_null_and_refused_where_text_is_due() -> None:
    assert mistakes("", "description=") == ["description: Input should be a valid string (got None)"]


def test_the_last_of_two_overrides_wins() -> None:
    assert override("seed=1", "seed=2").seed == 2
    assert override("glove.dim=50", "glove=null").glove is None
    assert override("glove=null", "glove.dim=50").glove == GloveConfig(name="6B", dim=50)


def test_another_encoder_takes_no_options_of_the_first_whatever_the_order() -> None:
    assert override("encoder.name=gru").encoder_options["hidden"] == 128
    for changes in (
        ("encoder.name=gru", "encoder.hidden=64"),
        ("encoder.hidden=64", "encoder.name=gru"),
        ("encoder={name: gru, hidden: 64}",),
    ):
        recipe = override(*changes)
        assert (recipe.encoder_name, recipe.encoder_options["hidden"]) == ("gru", 64)
    assert "hidden" not in override("encoder.name=textcnn").encoder_options


@pytest.mark.parametrize("change", ["seed", "=1", "training.=1", ".seed=1", "a..b=1", ""])
def test_what_is_no_override_says_how_to_write_one(change: str) -> None:
    with pytest.raises(RecipeError, match="is not an override") as caught:
        override(change)
    assert "key=value" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "change", ["data.text_columns=[review", "seed=!!int abc", "seed=@x", "seed=!!python/name:os.system"]
)
def test_a_value_that_is_no_yaml_is_named(change: str) -> None:
    with pytest.raises(RecipeError, match=r"the value of '.*' is not valid YAML"):
        override(change)


# --- numbers


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e-3)
@example(-0.0)
def test_every_way_to_write_a_float_is_that_float(number: float) -> None:
    for text in (repr(number), f"{number:e}", f"{number:.17E}", f"+{abs(number)!r}"):
        value = yaml.load(text, Loader=RecipeLoader)
        assert isinstance(value, float)
        assert value == float(text)


@given(st.integers())
def test_an_integer_stays_an_integer(number: int) -> None:
    value = yaml.load(str(number), Loader=RecipeLoader)
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
    read = yaml.load(text, Loader=RecipeLoader)
    assert (type(read), read) == (type(value), value)


# --- writing


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
    recipe = recipe_from_dict({"name": name, "data": data, "training": {"learning_rate": rate}})
    tree = yaml.load(to_yaml(recipe), Loader=RecipeLoader)
    assert recipe_from_dict(tree) == recipe


def test_a_written_recipe_is_the_same_to_any_yaml_reader() -> None:
    recipe = override("data.label_names=[no, 1e3, 09]", "training.learning_rate=1e-5")
    tree = yaml.safe_load(to_yaml(recipe))
    assert recipe_from_dict(tree) == recipe


# --- extends


def test_a_recipe_says_only_what_differs_from_its_parent() -> None:
    write("base.yaml", "name: base\nseed: 5\ntraining: {epochs: 7, patience: 2}\nglove: null\n")
    recipe = load_recipe(write("child.yaml", "extends: base.yaml\ntraining: {epochs: 9}\n"))
    assert (recipe.seed, recipe.training.epochs, recipe.training.patience, recipe.glove) == (5, 9, 2, None)
    assert recipe.name == "child", "the run of a child must not take the place of its parent's"


def test_extends_goes_over_several_recipes_and_to_built_in_ones() -> None:
    write("one/a.yaml", "extends: imdb-gru.yaml\nseed: 3\n")
    write("one/b.yaml", "extends: a.yaml\ntext: {max_tokens: 50}\n")
    recipe = load_recipe("one/b.yaml", ["seed=4"])
    assert (recipe.encoder_name, recipe.seed, recipe.text.max_tokens, recipe.data.dataset) == ("gru", 4, 50, "imdb")


def test_a_child_with_another_encoder_takes_no_options_of_its_parents() -> None:
    write("base.yaml", "encoder: {name: textcnn, filters: 7}\n")
    switched = load_recipe(write("switched.yaml", "extends: base.yaml\nencoder: {name: gru}\n"))
    assert "filters" not in switched.encoder
    kept = load_recipe(write("kept.yaml", "extends: base.yaml\nencoder: {kernel_sizes: [2]}\n"))
    assert kept.encoder_options["filters"] == 7


@pytest.mark.parametrize("files", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}])
def test_a_circle_of_extends_is_an_error(files: dict[str, str]) -> None:
    for name, parent in files.items():
        write(f"{name}.yaml", f"extends: {parent}.yaml\n")
    with pytest.raises(RecipeError, match="extends itself"):
        load_recipe("a.yaml")


def test_a_recipe_named_like_its_built_in_parent_learns_how_to_extend_it() -> None:
    write("imdb.yaml", "extends: imdb.yaml\n")
    with pytest.raises(RecipeError, match="extends itself") as caught:
        load_recipe("imdb.yaml")
    assert "`extends: imdb`" in (caught.value.hint or "")
    write("imdb.yaml", "extends: imdb\nseed: 9\n")
    assert load_recipe("imdb.yaml").seed == 9


@pytest.mark.parametrize(
    ("parent", "message"),
    [
        ("absent.yaml", "child.yaml extends a recipe that is not there"),
        ("[a, b]", "must be the name or path of one recipe"),
    ],
)
def test_a_wrong_parent_is_named_with_its_child(parent: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(write("child.yaml", f"extends: {parent}\n"))


# --- mistakes


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
        ("encoder: {hidden: 3}", "encoder.name: names the architecture"),
        ("encoder: {name: 3}", "encoder.name: names the architecture"),
        ("encoder: gru", "encoder: should be a section with keys of its own, e.g. `name: bilstm` (got 'gru')"),
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
    text = "\ufeffx: &x {epochs: 2}\n".replace("x: &x {epochs: 2}", "training: &t {epochs: 2, patience: 4}")
    assert load_recipe(write("bom.yaml", text)).training.patience == 4
    merged = load_recipe(write("merged.yaml", "training:\n  <<: {epochs: 2, patience: 4}\n  epochs: 3\n")).training
    assert (merged.epochs, merged.patience) == (3, 4)


yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(any_name, inner),
    max_leaves=6,
)


@given(yaml_values, st.sampled_from(list(Recipe.model_fields)))
def test_whatever_a_section_holds_it_is_accepted_or_named(value: Any, section: str) -> None:
    try:
        recipe_from_dict({section: value})
    except RecipeError as error:
        lines = error.message.split("\n  - ")[1:]
        assert lines
        assert all(line.startswith(section) for line in lines)

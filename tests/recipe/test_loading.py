"""A recipe is filled up with defaults, says only what differs from its parent, and takes overrides in any order."""

from pathlib import Path
from typing import Any

import pytest
from recipe_files import write

from sentrec import load_recipe
from sentrec.errors import RecipeError
from sentrec.recipe import GloveConfig, Recipe, TrainingConfig

pytestmark = pytest.mark.usefixtures("in_a_folder")


def override(*changes: str) -> Recipe:
    """The main built-in recipe with these changes."""
    return load_recipe("imdb", changes)


def test_defaults_are_filled_in_those_of_the_encoder_too() -> None:
    recipe = load_recipe(write("small.yaml", "encoder: {name: gru}\n"))
    assert recipe.name == "small"
    assert (recipe.encoder_name, recipe.encoder_options["hidden"]) == ("gru", 128)
    assert recipe.training == TrainingConfig()


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


# --- extends


def test_a_recipe_says_only_what_differs_from_its_parent() -> None:
    write("base.yaml", "name: base\nseed: 5\ntraining: {epochs: 7, patience: 2}\nglove: null\nencoder: {name: gru}\n")
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


# --- files and runs that a recipe names


def test_paths_are_relative_to_the_file_that_names_them_else_to_the_current_folder(tmp_path: Path) -> None:
    write("one/train.csv", "")
    write("two/test.csv", "")
    write("here.csv", "")
    base = "data: {dataset: train.csv, unlabelled: [train.csv, here.csv, imdb]}\nmodel: {ngrams: {lsa: 4}}\n"
    write("one/base.yaml", f"encoder: {{name: gru}}\n{base}")
    child = write("two/child.yaml", "extends: ../one/base.yaml\ndata: {test: test.csv, validation: 0.3}\n")
    recipe = load_recipe(child)
    assert recipe.data.dataset == str(tmp_path / "one/train.csv")
    assert recipe.data.unlabelled == (str(tmp_path / "one/train.csv"), str(tmp_path / "here.csv"), "imdb")
    assert (recipe.data.test, recipe.data.validation) == (str(tmp_path / "two/test.csv"), 0.3)
    changed = load_recipe("two/child.yaml", ["data.test=here.csv", "data.train=absent.csv"])
    assert (changed.data.test, changed.data.train) == (str(tmp_path / "here.csv"), "absent.csv")


def test_a_file_called_like_a_split_or_a_dataset_is_not_looked_at() -> None:
    for name in ("train", "test", "imdb"):
        write(name, "stray")
    recipe = load_recipe(write("mine.yaml", "encoder: {name: gru}\ndata: {dataset: imdb, test: test}\n"))
    assert (recipe.data.dataset, recipe.data.train, recipe.data.test) == ("imdb", "train", "test")

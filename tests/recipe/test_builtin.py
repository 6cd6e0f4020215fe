"""Built-in recipes are found by name from anywhere, a user's file wins, and copying never destroys."""

from pathlib import Path

import pytest

from sentrec.errors import RecipeError
from sentrec.recipe.reading import builtin_recipes, command_for, copy_recipe, find_recipe

pytestmark = pytest.mark.usefixtures("in_a_folder")


@pytest.mark.parametrize("name", ["imdb", "imdb.yaml", "imdb.yml"])
def test_a_builtin_recipe_is_found_with_or_without_suffix_and_not_taken_for_a_folder(name: str) -> None:
    Path("imdb").mkdir()
    assert find_recipe(name).name == "imdb.yaml"
    assert find_recipe(name).is_file()


def test_a_users_file_shadows_the_builtin_recipe_of_that_name() -> None:
    Path("imdb.yaml").write_text("seed: 7\n", encoding="utf-8")
    assert find_recipe("imdb.yaml") == Path("imdb.yaml")
    assert find_recipe("imdb").resolve() != Path("imdb.yaml").resolve()


def test_an_unknown_name_gives_the_nearest_one() -> None:
    with pytest.raises(RecipeError, match="neither a file nor a built-in recipe") as caught:
        find_recipe("imbd.yaml")
    assert "did you mean 'imdb" in (caught.value.hint or "")


def test_a_copy_is_the_same_text_and_goes_where_it_is_sent() -> None:
    original = find_recipe("imdb").read_text(encoding="utf-8")
    Path("folder").mkdir()
    for destination in (None, Path("mine.yaml"), Path("folder")):
        assert copy_recipe("imdb", destination).read_text(encoding="utf-8") == original
    assert sorted(path.name for path in Path().rglob("*.yaml")) == ["imdb.yaml", "imdb.yaml", "mine.yaml"]


@pytest.mark.parametrize("destination", ["imdb-bilstm.yaml", "folder/imdb-bilstm.yaml", "./imdb-bilstm.yaml"])
def test_a_copy_that_would_extend_itself_is_refused(destination: str) -> None:
    Path("folder").mkdir()
    with pytest.raises(RecipeError, match="would extend itself") as caught:
        copy_recipe("imdb-gru", Path(destination), force=True)
    assert "another name" in (caught.value.hint or "")
    assert not list(Path().rglob("*.yaml"))
    assert copy_recipe("imdb-gru", Path("gru.yaml")).is_file()


def test_a_copy_does_not_overwrite_unless_forced() -> None:
    mine = Path("imdb.yaml")
    mine.write_text("seed: 7\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="exists already"):
        copy_recipe("imdb")
    assert mine.read_text(encoding="utf-8") == "seed: 7\n"
    copy_recipe("imdb.yaml", force=True)
    assert mine.read_text(encoding="utf-8") == find_recipe("imdb").read_text(encoding="utf-8")


def test_each_recipe_is_run_by_its_own_subcommand() -> None:
    for recipe in builtin_recipes():
        assert recipe.command == ("transfer" if "-to-" in recipe.name else "train"), recipe.name
    for name, text in (("mine", "extends: ag-news-to-imdb"), ("child", "extends: mine.yaml"), ("one", "extends: imdb")):
        Path(f"{name}.yaml").write_text(f"{text}\n", encoding="utf-8")
    assert command_for(Path("mine.yaml")) == command_for(Path("child.yaml")) == "transfer"
    assert command_for(Path("one.yaml")) == "train"


@pytest.mark.parametrize("text", ["extends: nowhere", "a: [", "extends: broken.yaml"])
def test_a_broken_recipe_is_left_to_train_which_tells_what_is_wrong(text: str) -> None:
    Path("broken.yaml").write_text(text, encoding="utf-8")
    assert command_for(Path("broken.yaml")) == "train"

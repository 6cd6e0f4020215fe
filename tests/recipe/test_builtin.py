"""Built-in recipes are found by name from anywhere, a user's file wins, and copying never destroys."""

from pathlib import Path

import pytest

from sentrec.errors import RecipeError
from sentrec.recipe.reading import builtin_recipes, command_for, copy_recipe, find_recipe


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["imdb", "imdb.yaml", "imdb.yml"])
def test_a_builtin_recipe_is_found_with_or_without_suffix(elsewhere: Path, name: str) -> None:
    assert find_recipe(name).name == "imdb.yaml"
    assert find_recipe(name).is_file()


def test_a_users_file_shadows_the_builtin_recipe_of_that_name(elsewhere: Path) -> None:
    (elsewhere / "imdb.yaml").write_text("seed: 7\n", encoding="utf-8")
    assert find_recipe("imdb.yaml").resolve() == elsewhere / "imdb.yaml"
    assert find_recipe("imdb").resolve() != elsewhere / "imdb.yaml"


def test_a_folder_named_like_a_recipe_does_not_shadow_it(elsewhere: Path) -> None:
    (elsewhere / "imdb").mkdir()
    assert find_recipe("imdb").is_file()


def test_an_unknown_name_gives_the_nearest_one(elsewhere: Path) -> None:
    with pytest.raises(RecipeError, match="neither a file nor a built-in recipe") as caught:
        find_recipe("imbd.yaml")
    assert "did you mean 'imdb" in (caught.value.hint or "")


def test_the_summary_is_the_first_line_of_the_header() -> None:
    (imdb,) = (recipe for recipe in builtin_recipes() if recipe.name == "imdb")
    first_line = imdb.path.read_text(encoding="utf-8").splitlines()[0]
    assert first_line == f"# {imdb.summary}"


def test_a_copy_is_the_same_text_and_goes_where_it_is_sent(elsewhere: Path) -> None:
    original = find_recipe("imdb").read_text(encoding="utf-8")
    (elsewhere / "folder").mkdir()
    for destination in (None, Path("mine.yaml"), Path("folder")):
        assert copy_recipe("imdb", destination).read_text(encoding="utf-8") == original
    assert sorted(path.name for path in elsewhere.rglob("*.yaml")) == ["imdb.yaml", "imdb.yaml", "mine.yaml"]


@pytest.mark.parametrize("destination", ["imdb-bilstm.yaml", "folder/imdb-bilstm.yaml", "./imdb-bilstm.yaml"])
def test_a_copy_that_would_extend_itself_is_refused(elsewhere: Path, destination: str) -> None:
    (elsewhere / "folder").mkdir()
    with pytest.raises(RecipeError, match="would extend itself") as caught:
        copy_recipe("imdb-gru", Path(destination), force=True)
    assert "another name" in (caught.value.hint or "")
    assert not list(elsewhere.rglob("*.yaml"))
    assert copy_recipe("imdb-gru", Path("gru.yaml")).is_file()


def test_a_copy_does_not_overwrite_unless_forced(elsewhere: Path) -> None:
    mine = elsewhere / "imdb.yaml"
    mine.write_text("seed: 7\n", encoding="utf-8")
    with pytest.raises(RecipeError, match="exists already"):
        copy_recipe("imdb")
    assert mine.read_text(encoding="utf-8") == "seed: 7\n"
    copy_recipe("imdb.yaml", force=True)
    assert mine.read_text(encoding="utf-8") == find_recipe("imdb").read_text(encoding="utf-8")


def test_each_builtin_recipe_is_run_by_its_own_subcommand() -> None:
    for recipe in builtin_recipes():
        assert recipe.command == ("transfer" if "-to-" in recipe.name else "train"), recipe.name


def test_what_extends_a_study_is_a_study(elsewhere: Path) -> None:
    for name, text in (("mine", "extends: ag-news-to-imdb"), ("child", "extends: mine.yaml"), ("one", "extends: imdb")):
        (elsewhere / f"{name}.yaml").write_text(f"{text}\n", encoding="utf-8")
    assert command_for(Path("mine.yaml")) == command_for(Path("child.yaml")) == "transfer"
    assert command_for(Path("one.yaml")) == "train"


@pytest.mark.parametrize("text", ["extends: nowhere", "a: [", "extends: broken.yaml"])
def test_a_broken_recipe_is_left_to_train_which_tells_what_is_wrong(elsewhere: Path, text: str) -> None:
    (elsewhere / "broken.yaml").write_text(text, encoding="utf-8")
    assert command_for(Path("broken.yaml")) == "train"

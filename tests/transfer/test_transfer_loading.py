"""What a study names is found beside the file that names it, and its own copy loads from anywhere."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from corpus_study import study_tree
from small_runs import small_recipe

from sentrec.errors import RecipeError
from sentrec.recipe.loading import to_yaml
from sentrec.recipe.reading import builtin_recipes
from sentrec.runs.directory import Run
from sentrec.transfer.loading import load_sources, load_targets, load_transfer
from sentrec.transfer.schema import TransferRecipe

STUDIES = [recipe.name for recipe in builtin_recipes() if recipe.command == "transfer"]


def write(path: Path, tree: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tree if isinstance(tree, str) else yaml.safe_dump(tree), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", STUDIES)
def test_every_builtin_study_loads_with_all_its_recipes(name: str) -> None:
    study = load_transfer(name)
    assert len(load_sources(study)) == len(study.source)
    assert len(load_targets(study)) == len(study.target)


@pytest.mark.parametrize("beside", [True, False])
def test_the_copy_in_a_studys_directory_loads_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: bool
) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(here / "mine.yaml", "extends: quickstart\nencoder: {hidden: 8}\n")
    folder = here if beside else tmp_path / "studies"
    path = write(folder / "study.yaml", {"source": "quickstart", "target": ["mine.yaml", {"recipe": "imdb"}]})
    monkeypatch.chdir(tmp_path if beside else here)
    study = load_transfer(path)
    copied = write(tmp_path / "runs" / "recipe.yaml", to_yaml(study))
    monkeypatch.chdir(elsewhere)
    again = load_transfer(copied)
    assert again == study
    assert load_targets(again)[0].recipe.encoder["hidden"] == 8
    assert study.source[0].recipe == "quickstart"  # a built-in one keeps its name


def test_a_name_is_looked_up_beside_the_file_that_states_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "base" / "mine.yaml", "extends: quickstart\nencoder: {hidden: 8}\n")
    write(tmp_path / "base" / "study.yaml", {"source": "quickstart", "target": "mine.yaml"})
    child = write(tmp_path / "child" / "study.yaml", {"extends": str(tmp_path / "base" / "study.yaml"), "seeds": 1})
    (target,) = load_targets(load_transfer(child))
    assert target.recipe.encoder["hidden"] == 8


def test_data_of_a_recipe_of_a_study_lie_beside_the_file_that_states_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, own = write(tmp_path / "a" / "inner" / "rows.csv", "text,label\n"), write(tmp_path / "a" / "own.csv", "x\n")
    write(tmp_path / "a" / "inner" / "mine.yaml", "extends: quickstart\ndata: {dataset: rows.csv}\n")
    target = {"recipe": "inner/mine.yaml", "set": {"data": {"test": "own.csv"}}}
    study = write(tmp_path / "a" / "study.yaml", {"source": "quickstart", "target": target})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (loaded,) = load_targets(load_transfer(study))
    assert (loaded.recipe.data.dataset, loaded.recipe.data.test) == (str(rows), str(own))


def test_a_run_is_found_beside_the_file_of_its_study(
    tmp_path: Path, small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies").mkdir()
    (tmp_path / "studies" / "mine").symlink_to(small_run.path, target_is_directory=True)
    tree = study_tree(tmp_path, source={"run": "mine"})
    (source,) = load_sources(load_transfer(write(tmp_path / "studies" / "study.yaml", tree)))
    assert source.run is not None
    assert source.run.label_names == small_run.label_names


def test_a_run_that_is_called_like_a_recipe_is_not_taken_for_it(
    tmp_path: Path, small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imdb").symlink_to(small_run.path, target_is_directory=True)
    study = load_transfer(write(tmp_path / "study.yaml", {"source": "imdb", "target": {"recipe": "imdb"}}))
    assert (study.source[0].recipe, study.target[0].recipe) == ("imdb", "imdb")


def changed(path: Path, *overrides: str) -> TransferRecipe:
    return load_transfer(path, overrides)


def test_an_override_of_one_kind_of_source_displaces_the_other(tmp_path: Path) -> None:
    path = write(tmp_path / "study.yaml", study_tree(tmp_path))
    run = changed(path, "source.run=runs/mine").source[0]
    assert (run.run, run.recipe, run.set, run.name) == ("runs/mine", None, {}, None)
    assert changed(path, "source.run=runs/mine", "source.name=own").source[0].name == "own"
    other = write(tmp_path / "other.yaml", study_tree(tmp_path, source={"run": "runs/mine", "name": "own"}))
    recipe = changed(other, "source.recipe=imdb").source[0]
    assert (recipe.run, recipe.recipe, recipe.name) == (None, "imdb", None)


def test_an_override_of_the_same_kind_keeps_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path / "study.yaml", study_tree(tmp_path))
    before, after = load_transfer(path).source[0], changed(path, "source.recipe=imdb").source[0]
    assert after == before.model_copy(update={"recipe": "imdb"})


def test_a_side_that_is_only_a_name_can_be_changed(tmp_path: Path) -> None:
    path = write(tmp_path / "study.yaml", {"source": "imdb", "target": "quickstart"})
    target = changed(path, "target.set.data.train_rows=50").target[0]
    assert (target.recipe, target.set) == ("quickstart", {"data": {"train_rows": 50}})
    assert load_targets(changed(path, "target.set.data.train_rows=50"))[0].recipe.data.train_rows == 50


def test_a_training_is_no_study() -> None:
    with pytest.raises(RecipeError, match="describes one training"):
        load_transfer("quickstart", ["seeds=2"])


def test_a_recipe_that_learns_from_stars_takes_part_with_its_labels_alone(tmp_path: Path, reviews: Path) -> None:
    starred = small_recipe(reviews, "data.rating_column=stars", "objective.ratings=0.7")
    write(tmp_path / "mine.yaml", to_yaml(starred))
    study = load_transfer(write(tmp_path / "study.yaml", {"source": "mine.yaml", "target": "mine.yaml"}))
    for side in (*load_sources(study), *load_targets(study)):
        assert side.recipe.data.rating_column is None
        assert side.recipe.objective.ratings == 0.0


def test_a_study_trains_encoders_without_n_grams(tmp_path: Path) -> None:
    write(tmp_path / "mine.yaml", "extends: quickstart\nmodel: {ngrams: {table_bits: 10}}\n")
    (target,) = load_targets(load_transfer(write(tmp_path / "a.yaml", study_tree(tmp_path, target="mine.yaml"))))
    assert target.recipe.model.ngrams is None
    with pytest.raises(RecipeError, match="without n-grams stacked"):
        load_targets(load_transfer(write(tmp_path / "b.yaml", study_tree(tmp_path, model={"ngrams": {}}))))
    with pytest.raises(RecipeError, match="imdb-nb-lr has no encoder") as error:
        load_targets(load_transfer(write(tmp_path / "c.yaml", study_tree(tmp_path, target="imdb-nb-lr", encoder={}))))
    assert "an arm: nb-lr" in str(error.value.hint)

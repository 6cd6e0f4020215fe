"""Renamed and removed recipe keys: old recipes, overrides and runs keep working, or say what to use instead."""

import logging
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import sentrec
from sentrec.errors import RecipeError
from sentrec.recipe import read_recipe
from sentrec.recipe.migrations import REMOVED_KEYS, RENAMED_KEYS, RENAMED_VALUES, migrate
from sentrec.runs.directory import open_run

OLD_NGRAMS = {"ngrams": 2, "latent": 4, "taught": True, "excerpts": 3, "table_bits": 10}
NEW_NGRAMS = {"max_n": 2, "lsa": 4, "pseudo_labels": True, "crops": 3, "table_bits": 10}


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def test_old_keys_are_translated_in_recipes_and_in_the_changes_of_a_study() -> None:
    old = {"model": {"wide": OLD_NGRAMS}, "objective": {"teacher": "wide"}, "encoder": "nb-lr"}
    new = {"model": {"ngrams": NEW_NGRAMS}, "objective": {"teacher": "ngrams"}, "encoder": "ngrams"}
    assert migrate(old, "a recipe") == new
    assert old["model"] == {"wide": OLD_NGRAMS}  # what is given stays as it is
    study = {"source": [{"run": "a"}, {"recipe": "b", "set": old}], "target": {"recipe": "c", "set": old}}
    assert migrate(study, "a study") == {
        "source": [{"run": "a"}, {"recipe": "b", "set": new}],
        "target": {"recipe": "c", "set": new},
    }
    frozen = MappingProxyType({"model": MappingProxyType({"wide": MappingProxyType(OLD_NGRAMS)})})
    assert migrate(frozen, "a recipe") == {"model": {"ngrams": NEW_NGRAMS}}
    assert migrate({"model": {"wide": None}}, "a recipe") == {"model": {"ngrams": None}}
    assert migrate({"model": "broken", "objective": None}, "a recipe") == {"model": "broken", "objective": None}


def test_a_file_what_it_extends_and_overrides_may_state_old_keys_and_are_warned_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentrec.recipe.migrations._warned", set())
    (tmp_path / "old.yaml").write_text("extends: quickstart\nmodel: {wide: {table_bits: 10, latent: 4}}\n")
    (tmp_path / "new.yaml").write_text("extends: old.yaml\nmodel: {ngrams: {max_tokens: 900}}\n")
    recipe = sentrec.load_recipe(tmp_path / "new.yaml", ["model.wide.latent=8", "model.ngrams.max_n=2"])
    assert recipe.model.ngrams is not None
    ngrams = recipe.model.ngrams
    assert (ngrams.table_bits, ngrams.max_tokens, ngrams.lsa, ngrams.max_n) == (10, 900, 8, 2)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert warnings[0].startswith("model.wide is now called model.ngrams")
    assert warnings[1].startswith("model.ngrams.latent is now called model.ngrams.lsa")


@pytest.mark.parametrize("path", REMOVED_KEYS)
def test_a_removed_key_says_what_to_use_and_is_ignored_where_it_had_no_effect(path: str) -> None:
    tree = nested(path, REMOVED_KEYS[path].no_effect)
    section = path.partition(".")[0]
    assert migrate(tree, "a recipe") == {section: {}}
    with pytest.raises(RecipeError, match=f"(?s)a recipe states keys that no longer exist.*{path}: .* removed"):
        migrate(nested(path, 0.5), "a recipe")
    with pytest.raises(RecipeError, match=f"set.{path}: "):
        migrate({"target": {"recipe": "imdb", "set": nested(path, 0.5)}}, "a study")
    if REMOVED_KEYS[path].loads:
        assert migrate(nested(path, 0.5), "a run", saved=True) == {section: {}}
    else:
        with pytest.raises(RecipeError, match=path) as caught:
            migrate(nested(path, 0.5), "a run", saved=True)
        assert "Train it again" in (caught.value.hint or "")


def test_no_table_names_a_key_that_exists_or_leads_nowhere() -> None:
    recipe = sentrec.load_recipe("quickstart", ["model.ngrams={}"]).model_dump()

    def exists(path: str) -> bool:
        section: Any = recipe
        for key in path.split("."):
            if not isinstance(section, dict) or key not in section:
                return False
            section = section[key]
        return True

    assert all(exists(new) for new in RENAMED_KEYS.values())
    assert not any(exists(old) for old in (*RENAMED_KEYS, *REMOVED_KEYS))
    assert all(exists(path) for path, _ in RENAMED_VALUES)


def test_a_saved_run_with_old_keys_loads_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    old = (
        "encoder: {name: nb-lr}\nglove: null\nmodel: {wide: {latent: 4}}\nobjective: {at: 0.5, vat: 0.0, radius: 1.0}\n"
    )
    (tmp_path / "recipe.yaml").write_text(old)
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert recipe.model.ngrams is not None
    assert recipe.model.ngrams.lsa == 4
    assert open_run("starter").recipe.model.ngrams is not None
    assert not caplog.records

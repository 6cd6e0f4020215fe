"""Checking a recipe finds what it will use without reading it, and names what fixes what is missing."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from sentrec.checks.findings import Finding, all_usable
from sentrec.checks.recipe import check_recipe
from sentrec.glove.fetch import fetch_glove
from sentrec.recipe import recipe_from_dict
from sentrec.recipe.sections import InitConfig
from sentrec.runs.directory import Run
from sentrec.training.recipe import with_source


def check(**sections: Any) -> dict[str, Finding]:
    return {
        finding.topic: finding for finding in check_recipe(recipe_from_dict({"encoder": {"name": "gru"}, **sections}))
    }


def mirror(root: Path, name: str, *splits: str) -> None:
    (root / name).mkdir()
    for split in splits:
        pa.parquet.write_table(pa.table({"text": ["good"], "label": [1]}), root / name / f"{split}.parquet")


def test_the_packaged_corpus_needs_nothing() -> None:
    found = check(data={"dataset": "quickstart"}, glove=None)
    assert all_usable(found.values())
    assert found["train"].detail.endswith("train.jsonl")
    assert found["test"].detail.endswith("test.jsonl")
    assert "10% of train" in found["validation"].detail


def test_missing_vectors_name_the_command_that_fetches_them(tmp_path: Path) -> None:
    glove = {"name": "mine", "dim": 2}
    missing = check(data={"dataset": "quickstart"}, glove=glove)["glove"]
    assert missing.state == "missing"
    assert missing.fix is not None
    assert missing.fix.startswith("sentrec fetch-glove mine --dim 2")
    (tmp_path / "mine.txt").write_text("good 1.0 2.0\nbad -1.0 -2.0\n", encoding="utf-8")
    fetch_glove("mine", 2, from_file=tmp_path / "mine.txt")
    assert check(data={"dataset": "quickstart"}, glove=glove)["glove"].state == "ok"


def test_a_named_dataset_is_found_in_the_mirror_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from_hub = check(data={"dataset": "imdb"}, glove=None)
    assert from_hub["train"].state == "note"
    assert "stanfordnlp/imdb" in from_hub["train"].detail
    mirror(tmp_path, "imdb", "train")
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path))
    from_mirror = check(data={"dataset": "imdb"}, glove=None)
    assert (from_mirror["train"].state, from_mirror["train"].detail) == ("ok", str(tmp_path / "imdb" / "train.parquet"))


def test_a_folder_of_the_mirror_is_a_dataset_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mirror(tmp_path, "cinema", "train", "test")
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path))
    assert all_usable(check(data={"dataset": "cinema"}, glove=None).values())
    wrong = check(data={"dataset": "cinema", "train": "trian"}, glove=None)["train"]
    assert wrong.state == "missing"
    assert wrong.fix == "did you mean 'train'?"


def test_every_missing_thing_is_reported_at_once() -> None:
    found = check(data={"dataset": "absent.csv", "test": "nowhere.jsonl"}, glove={"name": "6B", "dim": 50})
    missing = {topic for topic, finding in found.items() if finding.state == "missing"}
    assert missing == {"train", "test", "glove"}


def test_an_unknown_dataset_or_split_gives_the_nearest_name() -> None:
    for data, topic, name in (
        ({"dataset": "imbd"}, "train", "imdb"),
        ({"dataset": "rotten_tomatoes", "test": "tets"}, "test", "test"),
    ):
        found = check(data=data, glove=None)[topic]
        assert (found.state, found.fix) == ("missing", f"did you mean '{name}'?")


@pytest.mark.parametrize("split", ["test", "tset"])
def test_what_training_refuses_of_a_file_is_missing(tmp_path: Path, split: str) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("text,label\nfine,1\n", encoding="utf-8")
    found = check(data={"dataset": str(file), "test": split}, glove=None)
    assert found["test"].state == "missing"
    assert f"has no split '{split}'" in found["test"].detail
    assert all_usable(check(data={"dataset": str(file)}, glove=None).values())


def test_parts_that_would_be_the_same_rows_are_named(tmp_path: Path) -> None:
    found = check(data={"dataset": "quickstart", "validation": "test"}, glove=None)
    assert not all_usable(found.values())
    assert "validation and test would be the same rows" in found["splits"].detail


def test_the_model_to_go_on_from_is_looked_up_and_needs_no_vectors(small_run: Run, tmp_path: Path) -> None:
    recipe = recipe_from_dict(with_source({"init": str(small_run.path), "data": {"dataset": "quickstart"}}))
    found = {finding.topic: finding for finding in check_recipe(recipe)}
    assert all_usable(found.values())
    assert found["init"].detail == f"{small_run.path}, in {small_run.path}: bad, good"
    assert "glove" not in found
    gone = recipe.model_copy(update={"init": InitConfig(run=str(tmp_path / "gone"))})
    (missing,) = (finding for finding in check_recipe(gone) if finding.topic == "init")
    assert missing.state == "missing"
    assert "Name a finished run" in str(missing.fix)

"""Vectors of regions lie beside those of words, are listed as such, and are not taken for them."""

import json
from pathlib import Path

import pytest
from small_regions import store_regions
from typer.testing import CliRunner

from sentrec.cli.main import app
from sentrec.errors import GloveError
from sentrec.glove.fetch import fetch_glove
from sentrec.glove.kind import open_word_vectors
from sentrec.glove.store import cached, open_vectors


def test_vectors_of_regions_are_not_opened_as_those_of_words() -> None:
    store_regions("words", window=None)
    assert open_word_vectors("words", 4).info.window is None
    store_regions()
    with pytest.raises(GloveError, match="around with 4 dimensions holds vectors of regions, not of words") as caught:
        open_word_vectors("around", 4)
    assert "--set model.regions.name=around --set model.regions.dim=4" in str(caught.value.hint)


def test_what_lies_in_the_cache_is_told_apart() -> None:
    store_regions("words", window=None)
    store_regions()
    assert [(entry.name, entry.window) for entry in cached()] == [("around", 3), ("words", None)]


def test_doctor_lists_regions_as_regions() -> None:
    store_regions("words", window=None)
    store_regions()
    shown = CliRunner().invoke(app, ["doctor"]).stdout
    assert "regions around, 4 dimensions: 16 words" in shown
    assert "GloVe words, 4 dimensions: 16 words" in shown


def test_the_list_of_vectors_says_which_are_of_regions() -> None:
    store_regions()
    rows = json.loads(CliRunner().invoke(app, ["fetch-glove", "--list", "--json"]).stdout)
    assert [(row["description"], row["window"]) for row in rows if row["name"] == "around"] == [
        ("your own, regions of 3 words", 3)
    ]
    assert {row["window"] for row in rows if row["name"] != "around"} == {None}
    assert "regions of 3 words" in CliRunner().invoke(app, ["fetch-glove", "--list"], env={"COLUMNS": "160"}).stdout


def test_fetching_does_not_take_regions_for_what_was_asked_for_nor_replace_them_unasked(tmp_path: Path) -> None:
    regions = store_regions(dim=2)
    (tmp_path / "mine.txt").write_text("good 1.0 2.0\n", encoding="utf-8")
    with pytest.raises(GloveError, match="is there already, and holds vectors of regions") as caught:
        fetch_glove("around", 2, from_file=tmp_path / "mine.txt")
    assert "--force" in str(caught.value.hint)
    assert open_vectors("around", 2).fingerprint == regions.fingerprint
    assert fetch_glove("around", 2, from_file=tmp_path / "mine.txt", force=True).info.window is None

"""Several datasets are learned from as one: each with its own columns, labels and cap."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sentrec.checks.recipe import check_recipe
from sentrec.data.splits import load_splits, load_training_rows
from sentrec.errors import DataError
from sentrec.recipe import DataConfig, read_recipe, recipe_from_dict


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def films(tmp_path: Path) -> str:
    rows = [{"text": f"film {n}", "label": ("negative", "positive")[n % 2]} for n in range(40)]
    return write(tmp_path / "films.jsonl", rows)


@pytest.fixture
def phones(tmp_path: Path) -> str:
    """Three classes by number, and one text that the films have, too, but for its punctuation."""
    rows = [{"body": f"phone {n}", "stars": n % 3} for n in range(60)]
    return write(tmp_path / "phones.jsonl", [{"body": "Film, 3!", "stars": 0}, *rows])


def mixed(films: str, phones: str, **options: Any) -> DataConfig:
    other = {"dataset": phones, "text_columns": "body", "label_column": "stars"}
    other |= {"label_map": {0: "negative", 2: "positive"}} | options
    return DataConfig.model_validate({"dataset": films, "mixed_with": [other]})


def test_rows_join_with_their_own_columns_and_labels_and_without_what_is_there(films: str, phones: str) -> None:
    rows = load_training_rows(mixed(films, phones))
    assert rows.label_names == ("negative", "positive")
    assert len(rows) == 40 + 40
    assert "Film, 3!" not in rows.texts
    assert {
        rows.label_names[label] for text, label in zip(rows.texts, rows.labels, strict=True) if text == "phone 2"
    } == {"positive"}


def test_each_class_is_capped_at_random_and_alike_each_time(films: str, phones: str) -> None:
    rows = load_training_rows(mixed(films, phones, most_per_class=5))
    assert np.bincount(rows.labels[40:]).tolist() == [5, 5]
    assert rows.texts == load_training_rows(mixed(films, phones, most_per_class=5)).texts
    assert rows.texts[40:50] != [f"phone {n}" for n in range(15) if n % 3 != 1]


def test_validation_is_held_out_of_all_and_test_of_the_first(films: str, phones: str, tmp_path: Path) -> None:
    test = write(tmp_path / "test.jsonl", [{"text": f"other {n}", "label": "positive"} for n in range(4)])
    data = mixed(films, phones).model_copy(update={"test": test, "validation": 0.25})
    splits = load_splits(data)
    assert len(splits.train) + len(splits.validation) == 80
    assert any(text.startswith("phone") for text in splits.validation.texts)
    assert all(text.startswith("other") for text in splits.test.texts)


def test_other_classes_are_refused_with_the_way_out(films: str, phones: str) -> None:
    with pytest.raises(DataError, match="labels that train lacks") as caught:
        load_training_rows(mixed(films, phones, label_map=None))
    assert caught.value.hint == "Say what they mean, e.g. label_map: {0: negative}"


def test_names_of_classes_may_hold_braces(phones: str, tmp_path: Path) -> None:
    rows = [{"text": f"film {n}", "label": ("{bad}", "good")[n % 2]} for n in range(4)]
    with pytest.raises(DataError, match="labels that train lacks") as caught:
        load_training_rows(mixed(write(tmp_path / "braces.jsonl", rows), phones, label_map=None))
    assert caught.value.hint == "Say what they mean, e.g. label_map: {0: good}"


def test_stars_are_not_learned_from_a_mixture(films: str, phones: str) -> None:
    rated = write(Path(films), [{"text": f"film {n}", "label": n % 2, "stars": n % 5} for n in range(20)])
    data = mixed(rated, phones, label_map={0: "0", 2: "1"}).model_copy(update={"rating_column": "stars"})
    with pytest.raises(DataError, match="cannot be used with data"):
        load_training_rows(data)


def test_a_cap_of_nothing_is_refused(films: str, phones: str) -> None:
    with pytest.raises(ValidationError, match="most_per_class"):
        mixed(films, phones, most_per_class=0)


def test_a_check_names_what_is_missing_before_anything_is_read(films: str) -> None:
    data = {"dataset": films, "mixed_with": [{"dataset": "no_such_set"}]}
    recipe = recipe_from_dict({"encoder": {"name": "swem"}, "data": data})
    finding = next(one for one in check_recipe(recipe) if one.topic == "mixed with")
    assert finding.state == "missing"
    assert "no_such_set" in finding.detail


def test_files_are_found_beside_the_recipe(films: str, phones: str, tmp_path: Path) -> None:
    recipe = tmp_path / "mix.yaml"
    other = "{dataset: phones.jsonl, text_columns: body}"
    recipe.write_text(f"encoder: {{name: swem}}\ndata: {{dataset: films.jsonl, mixed_with: [{other}]}}\n")
    assert read_recipe(recipe).data.mixed_with[0].dataset == phones

"""Recipes that go on from a model, and what they learn from."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from sentrec.recipe import Recipe, recipe_from_dict
from sentrec.runs.directory import Run
from sentrec.training.recipe import with_source


def write_lines(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def going_on(source: Run, rows: Path, unlabelled: Path | None = None, **more: object) -> Recipe:
    """A recipe that goes on from `source` with the rows of a JSONL file of `text` and `label`."""
    data = {"dataset": str(rows), "text_columns": "text", "label_column": "label", "validation": 0.2, "test": 0.2}
    data |= {"unlabelled": str(unlabelled)} if unlabelled else {}
    tree = {"name": "mine", "init": str(source.path), "data": data, "training": {"device": "cpu"}} | more
    return recipe_from_dict(with_source(tree))

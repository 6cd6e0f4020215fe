"""A transfer study that takes a few seconds: one corpus of two classes to another."""

from pathlib import Path

import yaml
from small_runs import small_overrides, write_corpus

from sentrec.recipe.loading import read_overrides
from sentrec.transfer.loading import transfer_from_dict
from sentrec.transfer.schema import TransferRecipe


def study_tree(folder: Path, **changes: object) -> dict[str, object]:
    """The sections of a study from one small corpus to another in `folder`."""
    sides = {}
    for side in ("source", "target"):
        corpus = folder / side
        if not corpus.is_dir():
            write_corpus(corpus)
        sides[side] = {"name": side, "recipe": "quickstart", "set": read_overrides(small_overrides(corpus))}
    # The target's validation rows come out of its training rows, so that a budget holds them.
    sides["target"]["set"]["data"]["validation"] = 0.2  # type: ignore[index]
    study = {"name": "small", "budgets": [24, "all"], "seeds": 2, "minimum_steps": 6, "arms": ["scratch", "full"]}
    return study | sides | changes


def small_study(folder: Path, **changes: object) -> TransferRecipe:
    """The study of `study_tree`, checked."""
    return transfer_from_dict(study_tree(folder, **changes))


def write_study(folder: Path, **changes: object) -> Path:
    """The study of `study_tree` as a file."""
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study_tree(folder, **changes)), encoding="utf-8")
    return path

"""A kind of model that a plugin brings goes through a transfer study."""

from pathlib import Path

import pytest
from corpus_study import study_tree
from toy_kind import installed

import sentrec
from sentrec.transfer.loading import transfer_from_dict

pytestmark = pytest.mark.usefixtures("warm_cache")


def test_it_transfers(tmp_path: Path) -> None:
    arms = ["scratch", "full", "probe", "gradual", "zero-shot"]
    tree = study_tree(tmp_path, arms=arms, budgets=[24], seeds=1, minimum_steps=8)
    for side in ("source", "target"):
        tree[side]["set"]["encoder"] = {"name": "characters", "buckets": 256}  # type: ignore[index]
    with installed():
        sentrec.transfer(transfer_from_dict(tree), tmp_path / "study")
    assert (tmp_path / "study" / "report.md").is_file()

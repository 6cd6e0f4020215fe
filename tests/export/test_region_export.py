"""A model with region embeddings is made small like any other: their table shrinks with the words'."""

from pathlib import Path

import numpy as np

import sentrec
from sentrec.export.export import export_model
from sentrec.runs.directory import Run

TEXTS = ["the film was lovely and superb, row 3", "the film was dull and tedious", "", "nothing known here"]


def test_it_says_what_its_original_says_and_needs_no_store(region_run: Run, tmp_path: Path) -> None:
    small = export_model(region_run, tmp_path / "model")
    before, after = sentrec.load(region_run, "cpu"), sentrec.load(small.run.path, "cpu")
    np.testing.assert_allclose(after.predict_proba(TEXTS), before.predict_proba(TEXTS), atol=0.02)
    assert small.agreement.equal_labels == 1.0
    assert small.run.metrics["test"]["accuracy"] == region_run.metrics["test"]["accuracy"]

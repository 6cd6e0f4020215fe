"""The whole path on CUDA; runs where there is a CUDA device, which continuous integration has not."""

from pathlib import Path

import numpy as np
import pytest
import torch
from small_runs import small_recipe

import sentrec

TEXTS = ["the film was lovely and superb", "the film was dull and awful", "strange"]
ENCODERS = ("encoder.name=bilstm", "encoder={name: gru, hidden: 8}", "encoder={name: textcnn, filters: 8}")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_a_run_made_on_cuda_says_the_same_on_the_processor(
    reviews: Path, tmp_path: Path, encoder: str, precision: str
) -> None:
    changes = (encoder, "training.device=auto", f"training.precision={precision}", "model.wide.table_bits=10")
    run = sentrec.train(small_recipe(reviews, *changes), tmp_path / "run")
    assert run.metrics["test"]["accuracy"] > 0.9
    there, here = (sentrec.load(run.path, device=device).predict_proba(TEXTS) for device in ("cuda", "cpu"))
    assert np.allclose(there, here, atol=1e-4)

"""What a test needs of the processor; apart from `small_runs` because it takes torch to know."""

import pytest
import torch

from sentrec.models.device import has_bfloat16

IN_BFLOAT16 = pytest.mark.skipif(
    not has_bfloat16(torch.device("cpu")), reason="this processor has no bfloat16 instructions"
)
"""Marks what sentrec refuses to compute without them."""

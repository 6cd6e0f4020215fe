"""The built-in encoders keep the contract, in every mode they offer, and refuse impossible options."""

import pytest
from pydantic import ValidationError
from sentrec_plugins.bilstm import BiLSTM
from sentrec_plugins.gru import GRU
from sentrec_plugins.swem import SWEM
from sentrec_plugins.textcnn import TextCNN

from sentrec import Encoder
from sentrec.testing import EncoderConformance

MODES = {
    "BiLSTM": (BiLSTM, {"hidden": 8}),
    "StackedBiLSTM": (BiLSTM, {"hidden": 8, "layers": 3, "dropout": 0.1}),
    "BiLSTMWithMeanPooling": (BiLSTM, {"hidden": 8, "pooling": "mean"}),
    "BiLSTMWithMaxPooling": (BiLSTM, {"hidden": 8, "pooling": "max"}),
    "BiLSTMWithLastState": (BiLSTM, {"hidden": 8, "pooling": "last"}),
    "GRU": (GRU, {"hidden": 8}),
    "StackedGRU": (GRU, {"hidden": 8, "layers": 2, "pooling": "last"}),
    "TextCNN": (TextCNN, {"filters": 8}),
    "TextCNNOfOneWideKernel": (TextCNN, {"filters": 16, "kernel_sizes": [20]}),
    "SWEM": (SWEM, {}),
    "SWEMWithSeveralHeads": (SWEM, {"heads": 3, "pooling": ["attention"]}),
    "SWEMOfMeanAndMaximum": (SWEM, {"pooling": ["mean", "max"]}),
    "DeepAveragingNetwork": (SWEM, {"pooling": ["mean"], "hidden": 16}),
}
for mode, (kind, options) in MODES.items():
    # pytest collects a class of checks for each mode.
    globals()[f"Test{mode}"] = type(f"Test{mode}", (EncoderConformance,), {"encoder": kind, "config": options})


@pytest.mark.parametrize(
    ("encoder", "options"),
    [
        *(
            (TextCNN, options)
            for options in ({"kernel_sizes": []}, {"kernel_sizes": [0]}, {"filters": 0}, {"width": 3})
        ),
        *((SWEM, {"pooling": pooling}) for pooling in ([], ["sum"], "mean")),
        *((SWEM, options) for options in ({"heads": 0}, {"hidden": -1}, {"width": 3})),
    ],
)
def test_impossible_options_are_refused(encoder: type[Encoder], options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        encoder.Config(**options)

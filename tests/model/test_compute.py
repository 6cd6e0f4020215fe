"""Memory that runs out is the user's to mend; float32 is exact; CUDA gets page-locked tensors."""

from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sentrec.errors import SentrecError
from sentrec.model.classifier import TextClassifier
from sentrec.model.compute import exact_float32, memory_errors, to_device
from sentrec.model.embeddings import TokenEmbedding
from sentrec.model.inference import predict_logits
from sentrec.text.encoding import EncodedTexts

CUDA = torch.device("cuda")


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.\nmore"),
        RuntimeError("MPS backend out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError("Unable to allocate 9 GiB for an array"),
    ],
)
def test_a_lack_of_memory_is_said_with_a_hint(error: Exception) -> None:
    with pytest.raises(SentrecError, match="there is not enough memory: ") as caught, memory_errors("Buy some."):
        raise error
    assert caught.value.hint == "Buy some."
    assert "\n" not in caught.value.message


def test_a_true_allocation_that_fails_is_recognized() -> None:
    with pytest.raises(SentrecError, match="not enough memory"), memory_errors("Buy some."):
        torch.empty(2**58, dtype=torch.uint8)


@pytest.mark.parametrize("error", [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("no")])
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)), memory_errors("Buy some."):
        raise error


def test_prediction_says_when_memory_is_short() -> None:
    class Greedy(nn.Module):
        output_size = 4

        def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
            return torch.empty(2**58, dtype=torch.uint8)

    model = TextClassifier(TokenEmbedding(9, 4, 0.0, 0.0), Greedy(), 2, 0.0)  # type: ignore[arg-type]
    encoded = EncodedTexts(np.array([2, 3], dtype=np.int32), np.array([0, 2]))
    with pytest.raises(SentrecError, match="not enough memory"):
        predict_logits(model, encoded)


def test_cuda_gets_page_locked_tensors_that_nobody_waits_for() -> None:
    tensor = Mock(device=torch.device("cpu"))
    to_device(tensor, CUDA)
    tensor.pin_memory.return_value.to.assert_called_once_with(CUDA, non_blocking=True)
    here = torch.ones(2)
    assert to_device(here, torch.device("cpu")) is here


def test_float32_on_cuda_is_not_rounded_to_tf32_and_the_settings_come_back() -> None:
    settings = (torch.backends.cudnn.rnn, torch.backends.cudnn.conv, torch.backends.cuda.matmul)

    def precisions() -> list[str]:
        return [setting.fp32_precision for setting in settings]

    before = precisions(), torch.backends.cudnn.allow_tf32
    assert "tf32" in before[0]
    inside = []

    def fail() -> None:
        inside.extend(precisions())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), exact_float32(CUDA):
        fail()
    assert set(inside) == {"ieee"}
    with exact_float32(torch.device("cpu")):
        assert precisions() == before[0]
    assert (precisions(), torch.backends.cudnn.allow_tf32) == before

"""Memory that runs out is the user's to mend; float32 is exact; copies to CUDA do not wait; one text, one thread."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from small_models import tokenizer_of
from torch import Tensor, nn

from sentrec.data.batches import to_device
from sentrec.errors import SentrecError
from sentrec.models.compute import exact_float32, memory_errors, one_thread, predict_logits
from sentrec.models.embedding import EmbeddingModel
from sentrec.models.embeddings import TokenEmbedding
from sentrec.models.reader import TokenReader
from sentrec.text.encoding import EncodedTexts

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


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

    reader = TokenReader(tokenizer_of(9), 9, "head")
    model = EmbeddingModel(TokenEmbedding(9, 4, 0.0, 0.0), Greedy(), 2, 0.0, reader)  # type: ignore[arg-type]
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


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("three_threads")
def test_one_thread_is_this_threads_own_and_for_a_while() -> None:
    with ThreadPoolExecutor(1) as pool:
        with one_thread(CPU):
            assert torch.get_num_threads() == 1
            assert pool.submit(torch.get_num_threads).result() == 3
        assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_one_thread_holds_in_a_thread_that_computes_for_the_first_time() -> None:
    def inside_and_after() -> tuple[int, int]:
        with one_thread(CPU):
            inside = torch.get_num_threads()
        return inside, torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(inside_and_after).result() == (1, 3)


@pytest.mark.usefixtures("three_threads")
def test_one_thread_comes_back_after_an_error_and_is_the_cpus_alone() -> None:
    with pytest.raises(ValueError, match="stop"), one_thread(CPU):
        raise ValueError("stop")
    assert torch.get_num_threads() == 3
    with one_thread(CUDA):
        assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_a_text_alone_is_scored_in_one_thread_and_several_in_all() -> None:
    class Witness(nn.Module):
        output_size = 4

        def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
            threads.append(torch.get_num_threads())
            return embedded[:, 0]

    threads: list[int] = []
    reader = TokenReader(tokenizer_of(9), 9, "head")
    model = EmbeddingModel(TokenEmbedding(9, 4, 0.0, 0.0), Witness(), 2, 0.0, reader)  # type: ignore[arg-type]
    predict_logits(model, EncodedTexts(np.array([2, 3], dtype=np.int32), np.array([0, 2])))
    predict_logits(model, EncodedTexts(np.array([2, 3], dtype=np.int32), np.array([0, 1, 2])))
    assert threads == [1, 3]

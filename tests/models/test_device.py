"""Devices that a user names; memory that runs out; exact float32; copies to CUDA; one text, one thread."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import Mock

import pytest
import torch
from small_models import encoded, tokenizer_of
from torch import Tensor, nn

import sentrec
from sentrec.data.batches import to_device
from sentrec.errors import SentrecError
from sentrec.models.base import predict_logits
from sentrec.models.device import best_device, device_name, exact_float32, find_device, memory_errors, one_thread
from sentrec.models.embedding import EmbeddingModel
from sentrec.models.words import TokenEmbedding, TokenReader

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


def model_with(read: Callable[[Tensor], Tensor]) -> EmbeddingModel:
    """A model whose encoder is a function of the embedded tokens, of width 4."""

    class Reading(nn.Module):
        output_size = 4

        def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
            return read(embedded)

    reader = TokenReader(tokenizer_of(9), 9, "head")
    return EmbeddingModel(TokenEmbedding(9, 4, 0.0, 0.0), Reading(), 2, 0.0, reader)  # type: ignore[arg-type]


def test_prediction_says_when_memory_is_short() -> None:
    model = model_with(lambda embedded: torch.empty(2**58, dtype=torch.uint8))
    with pytest.raises(SentrecError, match="not enough memory"):
        predict_logits(model, encoded([[2, 3]]))


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
    threads: list[int] = []

    def read(embedded: Tensor) -> Tensor:
        threads.append(torch.get_num_threads())
        return embedded[:, 0]

    predict_logits(model_with(read), encoded([[2, 3]]))
    predict_logits(model_with(read), encoded([[2], [3]]))
    assert threads == [1, 3]


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "foo", "", "meta", "cuda:x"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(SentrecError, match=f"'{name}' is not a device") as caught:
        find_device(name)
    assert caught.value.hint == "There is: cpu."


@pytest.mark.usefixtures("two_gpus")
def test_every_gpu_has_its_name() -> None:
    assert find_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(SentrecError) as caught:
        find_device("cuda:2")
    assert "cpu, cuda, cuda:0, cuda:1" in str(caught.value.hint)


def test_no_name_takes_the_best_device() -> None:
    assert find_device(None) == best_device()
    assert find_device("cpu") == torch.device("cpu")


def test_a_model_is_not_even_looked_for_on_a_device_that_is_not_there() -> None:
    with pytest.raises(SentrecError, match="'foo' is not a device"):
        sentrec.load("no-such-run", device="foo")


@pytest.mark.parametrize(("threads", "words"), [(1, ", 1 thread"), (2, ", 2 threads")])
def test_the_name_of_a_processor_counts_its_threads(monkeypatch: pytest.MonkeyPatch, threads: int, words: str) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert device_name(torch.device("cpu")).endswith(words)

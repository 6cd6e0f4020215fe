"""A device that a user names is one of this machine, or the mistake is said with what there is."""

import pytest
import torch

import sentrec
from sentrec.errors import SentrecError
from sentrec.models.device import best_device, device_name, find_device


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

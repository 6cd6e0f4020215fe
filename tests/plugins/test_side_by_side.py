"""Two networks at the same time give what they give one after the other, to the last bit."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch
from sentrec_plugins.side_by_side import read_side_by_side
from torch import Tensor, nn

from sentrec.testing import bfloat16_autocast

Pair = tuple[nn.Module, nn.Module]
CELLS = (nn.LSTM, nn.GRU)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def pair(cell: type[nn.LSTM] | type[nn.GRU]) -> tuple[Pair, tuple[Tensor, Tensor]]:
    torch.manual_seed(3)
    networks = (cell(6, 5, batch_first=True), cell(6, 5, batch_first=True))
    return networks, (torch.randn(4, 9, 6, requires_grad=True), torch.randn(4, 9, 6, requires_grad=True))


def one_after_the_other(networks: Pair, sequences: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return networks[0](sequences[0])[0], networks[1](sequences[1])[0]


def gradients(states: tuple[Tensor, Tensor], networks: Pair, sequences: tuple[Tensor, Tensor]) -> list[Tensor]:
    wanted = [*sequences, *networks[0].parameters(), *networks[1].parameters()]
    loss = states[0].float().square().sum() + states[1].float().sin().sum()
    return list(torch.autograd.grad(loss, wanted))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("short", [False, True], ids=["float32", "bfloat16"])
def test_states_and_gradients_are_the_same(cell: type[nn.LSTM] | type[nn.GRU], short: bool) -> None:
    networks, sequences = pair(cell)
    with bfloat16_autocast() if short else nullcontext():
        together = read_side_by_side(networks, sequences)
        apart = one_after_the_other(networks, sequences)
    assert all(torch.equal(first, second) for first, second in zip(together, apart, strict=True))
    assert together[0].dtype == apart[0].dtype
    pairs = zip(gradients(together, networks, sequences), gradients(apart, networks, sequences), strict=True)
    assert all(torch.equal(first, second) for first, second in pairs)


def test_without_gradients_it_keeps_no_graph() -> None:
    networks, sequences = pair(nn.LSTM)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            together, apart = read_side_by_side(networks, sequences), one_after_the_other(networks, sequences)
        assert all(torch.equal(first, second) for first, second in zip(together, apart, strict=True))
        assert not any(states.requires_grad for states in together)


def test_what_is_frozen_gets_no_gradient() -> None:
    networks, (first, second) = pair(nn.LSTM)
    networks[0].requires_grad_(False)
    networks[1].get_parameter("weight_hh_l0").requires_grad_(False)
    ahead, back = read_side_by_side(networks, (first.detach(), second))
    (ahead.sum() + back.sum()).backward()
    assert first.grad is None
    assert second.grad is not None
    assert all(parameter.grad is None for parameter in networks[0].parameters())
    learned = {name for name, parameter in networks[1].named_parameters() if parameter.grad is not None}
    assert learned == {"weight_ih_l0", "bias_ih_l0", "bias_hh_l0"}


def test_only_one_direction_may_be_used() -> None:
    networks, sequences = pair(nn.GRU)
    ahead, _ = read_side_by_side(networks, sequences)
    ahead.sum().backward()
    assert sequences[0].grad is not None
    assert sequences[1].grad is None or not sequences[1].grad.any()


@pytest.mark.parametrize("broken", [0, 1])
def test_an_error_in_either_comes_out_and_leaves_the_threads_as_they_were(broken: int) -> None:
    networks, sequences = pair(nn.LSTM)
    narrow = list(sequences)
    narrow[broken] = torch.randn(4, 9, 3)
    with pytest.raises(RuntimeError):
        read_side_by_side(networks, (narrow[0], narrow[1]))
    assert torch.get_num_threads() == 2
    assert read_side_by_side(networks, sequences)[0].shape == (4, 9, 5)

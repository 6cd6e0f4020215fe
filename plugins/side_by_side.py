"""Two recurrent networks at the same time, each with half of the processor's threads.

A recurrent network takes one small matrix product after the other. Threads that share each of these spend most of
their time waiting for one another: on two cores, two networks side by side need about half the time that they need one
after the other with both cores.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

T = TypeVar("T")


def read_side_by_side(networks: tuple[nn.Module, nn.Module], sequences: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The states of two networks, each for its own sequence, with gradients.

    Args:
        networks: Two recurrent networks with ``batch_first=True``.
        sequences: What each reads, shape ``(batch, tokens, width)``.

    Returns:
        The states of each, shape ``(batch, tokens, hidden)``.
    """
    alone = sequences[0].device.type != "cpu" or torch.get_num_threads() < 2
    if alone or torch.compiler.is_exporting():
        return networks[0](sequences[0])[0], networks[1](sequences[1])[0]
    if not torch.is_grad_enabled():
        return _both(lambda place: networks[place](sequences[place])[0])
    first, second = (tuple(network.parameters()) for network in networks)
    states: tuple[Tensor, Tensor] = _SideBySide.apply(networks, *sequences, *first, *second)  # type: ignore[no-untyped-call]
    return states


class _SideBySide(torch.autograd.Function):
    """Keeps a graph of its own for each network, so that backward can walk both at the same time."""

    @staticmethod
    def forward(ctx: Any, networks: tuple[nn.Module, nn.Module], *tensors: Tensor) -> tuple[Tensor, Tensor]:
        ctx.leaves = [sequence.detach().requires_grad_(sequence.requires_grad) for sequence in tensors[:2]]

        def read(place: int) -> Tensor:
            with torch.enable_grad():
                states: Tensor = networks[place](ctx.leaves[place])[0]
                return states

        ctx.networks = networks
        ctx.states = _both(read)
        return ctx.states[0].detach(), ctx.states[1].detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        def differentiate(place: int) -> list[Tensor | None]:
            inputs = [ctx.leaves[place], *ctx.networks[place].parameters()]
            wanted = [tensor for tensor in inputs if tensor.requires_grad]
            if not wanted:
                return [None] * len(inputs)
            found = iter(torch.autograd.grad(ctx.states[place], wanted, gradients[place], retain_graph=True))
            return [next(found) if tensor.requires_grad else None for tensor in inputs]

        first, second = _both(differentiate)
        return None, first[0], second[0], *first[1:], *second[1:]


def _both(work: Callable[[int], T]) -> tuple[T, T]:
    """Does work 1 in another thread while this one does work 0, each with half of the threads."""
    threads = torch.get_num_threads()
    half = threads // 2
    dtype = torch.get_autocast_dtype("cpu")
    autocast, cached = torch.is_autocast_enabled("cpu"), torch.is_autocast_cache_enabled()
    grad, inference = torch.is_grad_enabled(), torch.is_inference_mode_enabled()

    def elsewhere() -> T:
        # What torch is to do is known to each thread by itself.
        torch.set_num_threads(half)
        with (
            torch.inference_mode(inference),
            torch.set_grad_enabled(grad),
            torch.autocast("cpu", dtype, enabled=autocast, cache_enabled=cached),
        ):
            return work(1)

    try:
        torch.set_num_threads(half)
        second = _helper().submit(elsewhere)
        try:
            first = work(0)
        finally:
            second.exception()  # waits: nothing may still be at work when this returns
    finally:
        torch.set_num_threads(threads)
    return first, second.result()


@cache
def _helper() -> ThreadPoolExecutor:
    # All threads share the cache of weights in short formats. A thread that leaves its outermost autocast empties it,
    # while the other may still read: so this one never leaves its outermost.
    initialize = torch.autocast_increment_nesting
    return ThreadPoolExecutor(1, thread_name_prefix="sentrec-side-by-side", initializer=initialize)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helper.cache_clear)  # a forked process has none of its parent's threads

"""The learning rate's schedule and the gradient's length, as properties."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sentrec.training.optimizer import clip_gradients, schedule_factor

SCHEDULES = st.sampled_from(["cosine", "linear", "constant"])


@given(total=st.integers(1, 3000), warmup=st.floats(0, 1), schedule=SCHEDULES)
def test_the_rate_rises_then_never_rises_again_and_is_never_zero(total: int, warmup: float, schedule: str) -> None:
    steps = sorted({0, total // 3, total // 2, total - 1, int(warmup * total), max(0, int(warmup * total) - 1)})
    factors = {step: schedule_factor(step, total, warmup, schedule) for step in steps if step < total}
    rising = int(warmup * total)
    assert all(0 < factor <= 1 for factor in factors.values())
    before = [factor for step, factor in factors.items() if step < rising]
    after = [factor for step, factor in factors.items() if step >= rising]
    assert before == sorted(before)
    assert after == sorted(after, reverse=True)
    if before:
        assert factors[rising - 1] == 1
    if rising < total:
        assert factors[rising] == 1


@pytest.mark.parametrize(("schedule", "halfway"), [("cosine", 0.5), ("linear", 0.5), ("constant", 1.0)])
def test_the_decay_has_its_shape(schedule: str, halfway: float) -> None:
    assert schedule_factor(60, 100, 0.2, schedule) == pytest.approx(halfway)
    assert schedule_factor(9, 100, 0.2, schedule) == pytest.approx(0.5)


def test_cosine_and_line_differ_between_their_ends() -> None:
    assert schedule_factor(25, 100, 0.0, "cosine") > schedule_factor(25, 100, 0.0, "linear") == 0.75


@given(
    values=st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=8),
    clip_norm=st.floats(1e-3, 1e3),
)
def test_a_gradient_is_cut_to_length_and_keeps_its_direction(values: list[float], clip_norm: float) -> None:
    layer = nn.Linear(len(values), 1, bias=False)
    gradient = torch.tensor([values])
    layer.weight.grad = gradient.clone()
    before = clip_gradients(layer, clip_norm)
    assert float(before) == pytest.approx(float(gradient.norm()), rel=1e-5)
    if before <= clip_norm * 0.999:
        assert torch.equal(layer.weight.grad, gradient)
    else:
        assert float(layer.weight.grad.norm()) <= clip_norm * 1.001
        assert torch.allclose(layer.weight.grad * before, gradient * layer.weight.grad.norm(), rtol=1e-3, atol=1e-3)

"""The learning rate's schedule, as properties."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentrec.training.optimizer import schedule_factor

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

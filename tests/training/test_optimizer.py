"""The training loss, and whose gradients are left in the model; the schedule of the learning rate, as properties."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_models import model_of
from torch import Tensor, nn
from torch.nn import functional

from sentrec.data.batches import Batch
from sentrec.models.base import TextModel
from sentrec.models.device import has_bfloat16
from sentrec.recipe import recipe_from_dict
from sentrec.training.optimizer import Objective, Texts, schedule_factor

LENGTHS = (5, 2, 7, 1)
DROPOUT = {"word_dropout": 0.2, "embedding_dropout": 0.3, "output_dropout": 0.4}
NO_DROPOUT = dict.fromkeys(DROPOUT, 0.0)


def small(encoder: str = "bilstm", classes: int = 2, **dropout: float) -> TextModel:
    options = {"hidden": 6} if encoder == "bilstm" else {"filters": 6} if encoder == "textcnn" else {}
    sections = {
        "encoder": {"name": encoder, **options},
        "glove": None,
        "model": NO_DROPOUT | dropout | {"embedding_dim": 8},
    }
    return model_of(recipe_from_dict(sections), 30, classes).train()


def texts(targets: Tensor, lengths: tuple[int, ...] = LENGTHS) -> Texts:
    generator = torch.Generator().manual_seed(3)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    ids = torch.randint(1, 30, (len(lengths), 12), generator=generator)[:, : mask.shape[1]]
    return Batch(np.arange(len(lengths)), ids.masked_fill(~mask, 0), mask), targets


def labels(classes: int = 2) -> Tensor:
    return torch.arange(len(LENGTHS)) % classes


def gradients(model: nn.Module, backward: Callable[[], object], seed: int = 1) -> dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    torch.manual_seed(seed)
    backward()
    return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


@pytest.mark.parametrize("encoder", ["bilstm", "textcnn", "swem"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_of_labelled_texts_it_is_cross_entropy_to_the_last_bit(encoder: str, dtype: torch.dtype) -> None:
    if dtype == torch.bfloat16 and not has_bfloat16(torch.device("cpu")):
        pytest.skip("the processor has no bfloat16")
    model, batch = small(encoder, **DROPOUT), texts(labels())
    loss = torch.zeros(())

    def direct() -> None:
        nonlocal loss
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            logits = model(batch[0])
        loss = functional.cross_entropy(logits, labels(), label_smoothing=0.1)
        loss.backward()

    ours = gradients(model, lambda: Objective(0.0, 0.1, dtype).backward(model, batch))
    theirs = gradients(model, direct)
    assert ours.keys() == theirs.keys() == dict(model.named_parameters()).keys()
    assert all(torch.equal(ours[name], gradient) for name, gradient in theirs.items())
    torch.manual_seed(1)
    returned = Objective(0.0, 0.1, dtype).backward(model, batch)
    assert torch.equal(returned, loss.detach())
    assert not returned.requires_grad


@pytest.mark.parametrize("encoder", ["bilstm", "swem"])
def test_distillation_is_the_cross_entropy_against_the_teacher(encoder: str) -> None:
    model, labelled = small(encoder, 3), texts(labels(3))
    teacher = torch.rand(3, 3, generator=torch.Generator().manual_seed(5)).softmax(dim=1)
    unlabelled = texts(teacher, lengths=(3, 6, 4))
    ours = Objective(0.4, 0.2, torch.float32)

    def direct() -> None:
        logits, others = (model(part[0]) for part in (labelled, unlabelled))
        targets = 0.8 * functional.one_hot(labels(3), 3) + 0.2 / 3  # smoothing is for class numbers alone
        loss = -(targets * logits.log_softmax(dim=1)).sum(dim=1).mean()
        (loss - 0.4 * (teacher * others.log_softmax(dim=1)).sum(dim=1).mean()).backward()

    found = gradients(model, lambda: ours.backward(model, labelled, unlabelled))
    expected = gradients(model, direct)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)


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

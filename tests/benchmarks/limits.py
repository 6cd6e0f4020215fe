"""What the machine could do at most, and how far each path is from it.

The encoder's work for a token is one multiply-add for each of its weights: exactly so for recurrent and convolutional
layers, and an upper bound for those that work once per text. The limit of a path is that work over the rate at which
this processor multiplies matrices, plus the bytes that must move over its memory bandwidth, both measured here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from sentrec import load_recipe
from sentrec.models.base import TextModel, predict_logits
from sentrec.models.device import has_bfloat16
from sentrec.text.encoding import EncodedTexts
from sentrec.training.prepare import prepare

from .measure import median_seconds
from .settings import Settings
from .steps import make_loop, step_parts
from .table import Column, Section, figures
from .workplace import Workplace

_SIDE = 2048
_COPIED = 2**28
_ADAM_PASSES = 7
"""Reads of parameter, gradient and both moments, writes of parameter and both moments."""
_TEXTS = 1_000
_COLUMNS = (
    Column("path", "path"),
    Column("weights", "multiply-adds a token"),
    Column("compute", "compute, us/token", ".3f"),
    Column("memory", "memory, us/token", ".3f"),
    Column("measured", "measured, us/token", ".3f"),
    Column("factor", "times the limit", ".1f"),
)


@dataclass(frozen=True)
class Rates:
    """What the machine reached."""

    multiply_adds: dict[torch.dtype, float]
    bandwidth: float


def measure_limits(place: Workplace, settings: Settings) -> list[Section]:
    """The machine's rates, and each recipe's training and scoring beside them."""
    rates = machine_rates(settings.repetitions)
    rows = [
        (f"matrix product, {_name(dtype)}", f"{_SIDE} x {_SIDE}", rate / 1e9, "{:,.0f} G multiply-adds/s")
        for dtype, rate in rates.multiply_adds.items()
    ]
    rows.append(("memory, read and written", f"copy of {_COPIED // 2**20} MiB", rates.bandwidth / 1e9, "{:,.1f} GB/s"))
    paths = [row for name in settings.recipes for row in _paths(name, rates, settings)]
    notes = [
        "Training: the multiply-adds of a forward pass and of a backward one of twice its work, and an update of all "
        "weights by AdamW in each step. Scoring: from token ids, tokenizing not included.",
    ]
    return [figures("What this machine can do", rows), Section("Paths and their limits", _COLUMNS, paths, notes)]


def machine_rates(repetitions: int) -> Rates:
    """Measures matrix products and memory on all cores."""
    dtypes = [torch.float32] + [torch.bfloat16] * has_bfloat16(torch.device("cpu"))
    source = torch.ones(_COPIED, dtype=torch.uint8)
    target = torch.empty_like(source)
    copying = median_seconds(lambda: target.copy_(source), repetitions + 2)
    return Rates({dtype: matrix_rate(dtype, repetitions) for dtype in dtypes}, 2 * _COPIED / copying)


def matrix_rate(dtype: torch.dtype, repetitions: int, side: int = _SIDE) -> float:
    """Multiply-adds a second in the product of two square matrices."""
    left, right = torch.randn(side, side).to(dtype), torch.randn(side, side).to(dtype)
    torch.mm(left, right)
    return float(side**3 / median_seconds(lambda: torch.mm(left, right), repetitions + 2))


def multiply_adds(module: nn.Module) -> int:
    """Multiply-adds for a token: the weights of every layer but those that only look up."""
    looked_up = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding)}
    return sum(weight.numel() for weight in module.parameters() if weight.ndim > 1 and id(weight) not in looked_up)


def _paths(name: str, rates: Rates, settings: Settings) -> Iterator[dict[str, object]]:
    recipe = load_recipe(name, [*settings.overrides, "training.device=cpu"])
    data = prepare(recipe)
    loop = make_loop(recipe, data)
    weights = multiply_adds(loop.model)
    parts = step_parts(recipe, data, settings.timed_steps)
    tokens_in_step = parts["tokens_per_second"] * parts["step"] / 1000
    parameters = sum(weight.numel() for weight in loop.model.parameters() if weight.requires_grad)
    vectors = loop.model.word_vectors
    width = 0 if vectors is None else vectors.shape[1] * vectors.element_size()
    yield _path(
        f"{name}: training, {_name(loop.dtype)}",
        weights,
        3 * weights / rates.multiply_adds.get(loop.dtype, rates.multiply_adds[torch.float32]),
        (_ADAM_PASSES * 4 * parameters / tokens_in_step + width) / rates.bandwidth,
        1 / parts["tokens_per_second"],
    )
    some = _first(data.test, _TEXTS)
    for dtype, rate in rates.multiply_adds.items():
        seconds = _scoring(loop.model, some, dtype, settings.repetitions) / len(some.token_ids)
        yield _path(f"{name}: scoring, {_name(dtype)}", weights, weights / rate, width / rates.bandwidth, seconds)


def _path(path: str, weights: int, compute: float, memory: float, measured: float) -> dict[str, object]:
    seconds = {"compute": compute * 1e6, "memory": memory * 1e6, "measured": measured * 1e6}
    return {"path": path, "weights": weights, **seconds, "factor": measured / (compute + memory)}


def _scoring(model: TextModel, texts: EncodedTexts, dtype: torch.dtype, repetitions: int) -> float:
    def score() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            predict_logits(model, texts)

    score()
    return median_seconds(score, repetitions)


def _first(encoded: EncodedTexts, texts: int) -> EncodedTexts:
    offsets = encoded.offsets[: texts + 1]
    return EncodedTexts(encoded.token_ids[: int(offsets[-1])], offsets)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

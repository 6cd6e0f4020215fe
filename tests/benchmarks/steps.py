"""Where the time of a training step goes: data, forward, backward, optimizer."""

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from sentrec import load_recipe
from sentrec.data.batches import make_batch
from sentrec.models.kinds import build_model
from sentrec.recipe.schema import Recipe
from sentrec.text.padding import plan_batches
from sentrec.training.loop import TrainingLoop, make_accelerator
from sentrec.training.prepare import PreparedData, prepare

from .measure import seconds_of
from .settings import Settings
from .table import Column, Section
from .workplace import Workplace

_WARM_UP = 2
_PARTS = ("forward", "backward", "optimizer")
_COLUMNS = (
    Column("recipe", "recipe"),
    Column("step", "step, ms", ".1f"),
    Column("data", "data", ".1%"),
    *(Column(part, part, ".1%") for part in _PARTS),
    Column("rest", "the rest", ".1%"),
    Column("tokens_per_second", "tokens/s"),
)


def measure_steps(place: Workplace, settings: Settings) -> list[Section]:
    """Takes some training steps of every recipe apart, on the CPU."""
    rows = []
    for name in settings.recipes:
        recipe = load_recipe(name, [*settings.overrides, "training.device=cpu"])
        rows.append({"recipe": name} | step_parts(recipe, prepare(recipe), settings.timed_steps))
    notes = [
        f"Mean of {settings.timed_steps} steps after {_WARM_UP}. data: making the batches, timed by itself. The rest: "
        "clipping, the seed of the step, bookkeeping."
    ]
    return [Section("A training step", _COLUMNS, rows, notes)]


def step_parts(recipe: Recipe, data: PreparedData, steps: int) -> dict[str, Any]:
    """Milliseconds of a mean step and the share of each of its parts."""
    plan = _first_plan(recipe, data)
    plan = plan[_WARM_UP : min(_WARM_UP + steps, len(plan) - 1)]
    loop = make_loop(recipe, data)
    spent = _watch(loop)
    progress = loop.run()
    for _ in range(_WARM_UP):
        next(progress)
    spent.clear()
    total = seconds_of(lambda: [next(progress) for _ in plan])
    spent["data"] = seconds_of(lambda: sum(len(make_batch(data.train, rows).rows) for rows in plan))
    shares = {part: spent[part] / total for part in ("data", *_PARTS)}
    tokens = sum(int(data.train.lengths()[rows].sum()) for rows in plan)
    rest = {"rest": max(0.0, 1.0 - sum(shares.values())), "tokens_per_second": tokens / total}
    return {"step": total / len(plan) * 1000} | shares | rest


def make_loop(recipe: Recipe, data: PreparedData) -> TrainingLoop:
    """A training that has not begun."""
    model = build_model(recipe, data.tokenizer, len(data.label_names))
    accelerator = make_accelerator(recipe.training.device)
    labels = data.splits.train.labels, data.splits.validation.labels
    return TrainingLoop(recipe, model, data.train, labels[0], data.validation, labels[1], accelerator)


def _watch(loop: TrainingLoop) -> dict[str, float]:
    """Lets a loop add up the seconds of its parts; on the CPU every part has ended when its call returns."""
    spent: dict[str, float] = defaultdict(float)

    def timed(part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            started = time.perf_counter()
            try:
                return work(*arguments, **options)
            finally:
                spent[part] += time.perf_counter() - started

        return call

    loop.model.forward = timed("forward", loop.model.forward)  # type: ignore[method-assign]
    loop.accelerator.backward = timed("backward", loop.accelerator.backward)
    loop.optimizer.step = timed("optimizer", loop.optimizer.step)  # type: ignore[method-assign, unused-ignore]
    return spent


def _first_plan(recipe: Recipe, data: PreparedData) -> list[Any]:
    training = recipe.training
    generator = np.random.default_rng([recipe.seed, 0])
    return plan_batches(data.train.lengths(), training.batch_size, training.batch_tokens, generator)

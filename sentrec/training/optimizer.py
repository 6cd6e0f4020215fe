"""One step of training: the loss, AdamW with its schedule, and which weights learn, how fast and from when on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn import functional

from sentrec.data.batches import Batch
from sentrec.models.base import EMBEDDINGS, TextModel
from sentrec.models.contracts import Rate
from sentrec.recipe.schema import Recipe
from sentrec.recipe.sections import TrainingConfig

Texts: TypeAlias = tuple[Batch, Tensor]
"""A batch on the model's device, and its targets: class numbers, int64, shape ``(batch,)``; or probabilities, float32,
shape ``(batch, classes)``, of a teacher or of labels and stars together."""


@dataclass(frozen=True)
class Objective:
    """Cross-entropy of labelled texts; distillation (Hinton et al. 2015): that of others against a teacher; stars."""

    distil: float  # weight of distillation
    label_smoothing: float  # share of the labels' target spread over all classes
    dtype: torch.dtype  # arithmetic of the forward pass
    stars: float = 0.0  # weight of the star head

    def backward(
        self, model: TextModel, labelled: Texts, unlabelled: Texts | None = None, starred: Texts | None = None
    ) -> Tensor:
        """Adds the gradient of the loss to that of the weights; gives the labelled texts' cross-entropy without one.

        `unlabelled` texts come with a teacher's probabilities, `starred` ones with what is known of their stars, 1, 0
        or NaN, shape ``(batch, 3)``.
        """
        loss = self._cross_entropy(model, *labelled)
        loss.backward()  # type: ignore[no-untyped-call]
        if unlabelled is not None:
            # Backward twice: the graphs of both batches together would take twice the memory.
            (self.distil * self._cross_entropy(model, *unlabelled)).backward()  # type: ignore[no-untyped-call]
        if starred is not None:
            (self.stars * self._star_loss(model, *starred)).backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _cross_entropy(self, model: TextModel, batch: Batch, targets: Tensor) -> Tensor:
        with torch.autocast(targets.device.type, self.dtype, enabled=self.dtype != torch.float32):
            logits = model(batch)
        smoothing = 0.0 if targets.is_floating_point() else self.label_smoothing
        return functional.cross_entropy(logits, targets, label_smoothing=smoothing)

    def _star_loss(self, model: TextModel, batch: Batch, targets: Tensor) -> Tensor:
        with torch.autocast(targets.device.type, self.dtype, enabled=self.dtype != torch.float32):
            decisions = model.with_decisions(batch)[1]
        known = ~targets.isnan()
        return functional.binary_cross_entropy_with_logits(decisions[known], targets[known])


LearningPlan = Mapping[str, Rate]
"""The rate of every weight that learns, by its name in the model; all others stay frozen, to the last bit."""


def recipe_plan(recipe: Recipe, model: TextModel) -> LearningPlan:
    """What the model's kind lets learn; the embeddings as the recipe's model and training sections say."""
    plan, rate, own = dict(model.rates()), recipe.training.learning_rate, recipe.training.embedding_learning_rate
    for name in plan.keys() & set(model.layers().get(EMBEDDINGS, ())):
        if recipe.model.embeddings == "frozen":
            del plan[name]
        else:
            begins = max(plan[name].from_epoch, recipe.model.unfreeze_epoch)
            plan[name] = Rate(own / rate if own else plan[name].factor, begins)
    return plan


def build_optimizer(model: TextModel, config: TrainingConfig, plan: LearningPlan) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) of what the plan names; weight decay acts on matrices, not on embeddings.

    Each group keeps its peak learning rate as ``peak``, which `set_learning_rate` scales.
    """
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if name in plan:
            decays = parameter.ndim > 1 and name not in model.undecayed
            key = (config.learning_rate * plan[name].factor, config.weight_decay if decays else 0.0)
            groups.setdefault(key, []).append(parameter)
    settings = [{"params": members, "peak": peak, "weight_decay": decay} for (peak, decay), members in groups.items()]
    fused = model.device.type in ("cpu", "cuda")
    # An optimizer wants a group, even where nothing learns by gradients.
    return torch.optim.AdamW(settings or [{"params": [], "peak": 0.0}], lr=config.learning_rate, fused=fused)


def set_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Sets every group to `factor` times its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def schedule_factor(
    step: int, total_steps: int, warmup: float, schedule: Literal["cosine", "linear", "constant"]
) -> float:
    """The learning rate at a step, from 0, as a share of its peak, in (0, 1]: a linear rise, then the decay.

    `warmup` is the share of the steps in which it rises; the decay is half a cosine to 0 (Loshchilov and Hutter 2017),
    a line to 0, or none.
    """
    rising = int(warmup * total_steps)
    if step < rising:
        return (step + 1) / rising
    progress = (step - rising) / max(1, total_steps - rising)
    return {"cosine": 0.5 * (1 + math.cos(math.pi * progress)), "linear": 1 - progress, "constant": 1.0}[schedule]


def average_gradients(model: nn.Module, accelerator: Accelerator) -> None:
    """Gives every process the mean of all processes' gradients, in place.

    One exchange after the last backward pass of a step: objectives that take several passes would trip over
    `DistributedDataParallel`, which expects one.
    """
    if accelerator.num_processes == 1:
        return
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    mean: Tensor = accelerator.reduce(torch.cat([one.flatten() for one in gradients]), reduction="mean")
    for gradient, averaged in zip(gradients, torch.split(mean, [one.numel() for one in gradients]), strict=True):
        gradient.copy_(averaged.view_as(gradient))

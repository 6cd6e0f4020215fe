"""The training loop: a generator that takes steps and yields what happened; the caller logs and saves."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState, is_initialized
from accelerate.utils import GradientAccumulationPlugin
from torch import Tensor

from sentrec.data.batches import to_device
from sentrec.errors import SentrecError
from sentrec.metrics.calibration import log_loss, softmax
from sentrec.models.base import TextModel, predict_logits
from sentrec.models.device import has_bfloat16, memory_errors, require_bfloat16
from sentrec.recipe.schema import Recipe
from sentrec.text.encoding import EncodedTexts
from sentrec.text.padding import plan_batches
from sentrec.training.distillation import TextStream
from sentrec.training.optimizer import (
    LearningPlan,
    Objective,
    Texts,
    average_gradients,
    build_optimizer,
    recipe_plan,
    schedule_factor,
    set_learning_rate,
)

_HISTORY_ROWS = 200


def make_accelerator(device: Literal["auto", "cpu"]) -> Accelerator:
    """Accelerate's view of the device (``auto``: CUDA, else MPS, else CPU) and of the processes that train together.

    Accelerate fixes the device for as long as a process lives; trainings that follow one another in one process
    each get the device that their recipe asks for. Arithmetic and the size of a step are the recipe's alone: what
    `accelerate launch` was configured with would otherwise wrap the model and scale the loss behind its back.
    """
    if is_initialized() and PartialState().num_processes == 1:
        AcceleratorState._reset_state(reset_partial_state=True)
    every_step = GradientAccumulationPlugin(num_steps=1)
    return Accelerator(cpu=device == "cpu", mixed_precision="no", gradient_accumulation_plugin=every_step)


def training_dtype(precision: Literal["auto", "bfloat16", "float32"], device: torch.device) -> torch.dtype:
    """The arithmetic of the forward and backward pass; weights and optimizer stay in float32.

    ``auto`` takes bfloat16 where the processor computes in it. A `SentrecError` if the recipe insists on it elsewhere.
    """
    if precision == "bfloat16":
        require_bfloat16(device, "Let it choose: --set training.precision=auto")
    wanted = precision == "bfloat16" or (precision == "auto" and has_bfloat16(device))
    return torch.bfloat16 if wanted else torch.float32


@dataclass
class LoopState:
    """Where a training stands; with the weights and the moments, all that the next step depends on."""

    step: int = 0  # steps taken
    seconds: float = 0.0  # spent in the loop, over all resumptions
    best_accuracy: float = -1.0  # of all validations so far
    best_loss: float = float("inf")  # validation log loss at that point; breaks ties
    best_step: int = 0
    worse_in_a_row: int = 0  # validations since then
    history: list[dict[str, Any]] = field(default_factory=list)  # the rows of `history.jsonl`
    recent_losses: list[Tensor | float] = field(default_factory=list)  # since the last of these; some still on a device

    def to_dict(self) -> dict[str, Any]:
        """The state in plain JSON types."""
        return vars(self) | {"recent_losses": [float(loss) for loss in self.recent_losses]}


@dataclass(frozen=True)
class Progress:
    """What one step did."""

    epoch: int  # the pass over the data that it belongs to, from 1
    epochs: int  # passes in all
    step: int  # steps taken so far
    total_steps: int  # in all, unless training stops early
    loss: float  # of the training, averaged over the last steps
    tokens_per_second: float  # padding not counted, over the last steps
    seconds_left: float  # an estimate
    validation_accuracy: float | None  # the latest one; None before the first
    validated: bool = False  # whether a validation followed this step
    improved: bool = False  # whether that was the best so far


class TrainingLoop:
    """Fits one model, which it moves to the accelerator's device.

    Every step draws from a seed of its own, made of the recipe's seed and the step's number: a resumed training is the
    uninterrupted one, whatever happened in between. On a CPU that holds to the last bit; CUDA adds some gradients up in
    no fixed order, so that there even two uninterrupted trainings differ by rounding. Targets are class numbers, or
    probabilities, float32, ``(rows, classes)``. `plan` says which weights learn, how fast and from when on; None: the
    recipe does.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: TextModel,
        train: EncodedTexts,
        train_targets: npt.NDArray[np.int64] | npt.NDArray[np.float32],
        validation: EncodedTexts,
        validation_labels: npt.NDArray[np.int64],
        accelerator: Accelerator,
        plan: LearningPlan | None = None,
    ) -> None:
        self.recipe = recipe
        self.model = model.to(accelerator.device)
        self.plan = recipe_plan(recipe, model) if plan is None else plan
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in self.plan)
        config = recipe.training
        self.optimizer = build_optimizer(self.model, config, self.plan)
        self.train = model.training_view(train)
        self.train_targets = torch.from_numpy(train_targets)
        self.validation = model.training_view(validation)
        self.validation_labels = validation_labels
        self.accelerator = accelerator
        self.dtype = training_dtype(config.precision, accelerator.device)
        self.objective = Objective(recipe.objective.distil, config.label_smoothing, self.dtype, recipe.objective.stars)
        self.unlabelled: TextStream | None = None  # for distillation
        self.starred: TextStream | None = None  # for the star head
        self.state = LoopState()
        # What has nothing to learn by gradients, as n-grams alone, takes no steps.
        epochs = config.epochs if self.plan else 0
        self.epoch_steps = [len(self._plan(epoch)) for epoch in range(epochs)]
        self.total_steps = min(sum(self.epoch_steps), config.max_steps or sum(self.epoch_steps))

    def run(self) -> Iterator[Progress]:
        """Takes the remaining steps; yields after each one."""
        state = self.state
        started = time.perf_counter() - state.seconds
        meter = _Meter(max(1, self.total_steps // _HISTORY_ROWS), state)
        first_step = 0
        for epoch, epoch_steps in enumerate(self.epoch_steps):
            skip = min(max(0, state.step - first_step), epoch_steps)
            validate_at = self._validation_steps(first_step, epoch_steps)
            for rows in self._plan(epoch)[skip:]:
                if state.step >= self.total_steps or state.worse_in_a_row >= self.recipe.training.patience:
                    return
                loss, tokens = self._step(rows, epoch)
                state.step += 1
                state.seconds = time.perf_counter() - started
                meter.add(loss, tokens, epoch)
                validated = state.step in validate_at
                improved = validated and self._validate(epoch)
                yield self._progress(epoch, meter, validated, improved)
            first_step += epoch_steps

    def _plan(self, epoch: int) -> list[npt.NDArray[np.int64]]:
        config = self.recipe.training
        generator = np.random.default_rng([self.recipe.seed, epoch])
        plan = plan_batches(self.train.lengths(), config.batch_size, config.batch_tokens, generator)
        processes = self.accelerator.num_processes
        # Every process takes as many steps; the last few batches of an odd epoch are left to the next shuffle.
        usable = max(processes, len(plan) - len(plan) % processes)
        mine: list[npt.NDArray[np.int64]] = (plan * processes)[:usable][self.accelerator.process_index :: processes]
        return mine

    def _validation_steps(self, first_step: int, epoch_steps: int) -> set[int]:
        parts = self.recipe.training.validations_per_epoch
        steps = {first_step + round(epoch_steps * part / parts) for part in range(1, parts + 1)}
        return {min(step, self.total_steps) for step in steps}

    def _step(self, rows: npt.NDArray[np.int64], epoch: int) -> tuple[Tensor, int]:
        """Takes a step; gives its loss, and how many tokens it read of texts with labels."""
        config, step = self.recipe.training, self.state.step
        batch = self.model.collate(self.train, rows)
        entropy = [self.recipe.seed, step, self.accelerator.process_index]
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        with memory_errors(self._memory_hint(batch.token_ids.numel())):
            device = self.accelerator.device
            labelled = batch.to(device), to_device(self.train_targets[rows], device)
            loss = self.objective.backward(self.model, labelled, self._next(self.unlabelled), self._next(self.starred))
        average_gradients(self.model, self.accelerator)
        for name, parameter in self.model.named_parameters():
            if name in self.plan and epoch < self.plan[name].from_epoch:
                parameter.grad = None  # AdamW passes over what has no gradient
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        set_learning_rate(self.optimizer, schedule_factor(step, self.total_steps, config.warmup, config.schedule))
        self.optimizer.step()
        return loss, batch.tokens

    def _next(self, stream: TextStream | None) -> Texts | None:
        if stream is None:
            return None
        accelerator = self.accelerator
        turn = self.state.step * accelerator.num_processes + accelerator.process_index
        rows, targets = stream.rows(turn)
        batch = self.model.collate(stream.encoded, rows)
        return batch.to(accelerator.device), to_device(targets, accelerator.device)

    def _memory_hint(self, batch_tokens: int) -> str:
        sizes = {"training.batch_tokens": batch_tokens}
        if self.unlabelled or self.starred:
            sizes["objective.unlabelled_tokens"] = self.recipe.objective.unlabelled_tokens
        smaller = " ".join(f"--set {key}={max(1, size // 2)}" for key, size in sizes.items())
        return f"Start over with smaller batches: {smaller} --force"

    def _validate(self, epoch: int) -> bool:
        """Scores the validation rows and says whether that was the best so far."""
        state = self.state
        probabilities = softmax(self.logits(self.validation))
        accuracy = float((probabilities.argmax(axis=1) == self.validation_labels).mean())
        loss = _finite(log_loss(probabilities, self.validation_labels), "validation", state.step)
        score = accuracy if self.recipe.task == "classify" else 0.0  # of ratings, the distribution counts
        improved = (score, -loss) > (state.best_accuracy, -state.best_loss)
        if improved:
            state.best_accuracy, state.best_loss, state.best_step = score, loss, state.step
        state.worse_in_a_row = 0 if improved else state.worse_in_a_row + 1
        _add_row(state, epoch, validation_accuracy=accuracy, validation_loss=loss)
        return improved

    def logits(self, encoded: EncodedTexts) -> npt.NDArray[np.float32]:
        """Scores texts with the current weights; several processes share the work."""
        accelerator = self.accelerator
        mine = predict_logits(self.model, encoded, accelerator.process_index, accelerator.num_processes)
        if accelerator.num_processes == 1:
            return mine
        joined: Tensor = accelerator.reduce(torch.from_numpy(mine).to(accelerator.device), reduction="sum")
        return joined.cpu().numpy()

    def _progress(self, epoch: int, meter: "_Meter", validated: bool, improved: bool) -> Progress:
        state = self.state
        return Progress(
            epoch=epoch + 1,
            epochs=len(self.epoch_steps),
            step=state.step,
            total_steps=self.total_steps,
            loss=meter.loss,
            tokens_per_second=meter.tokens_per_second,
            seconds_left=state.seconds / state.step * (self.total_steps - state.step),
            validation_accuracy=_latest(state, "validation_accuracy"),
            validated=validated,
            improved=improved,
        )


class _Meter:
    """Averages losses and speed between the rows of the history, and writes those rows."""

    def __init__(self, interval: int, state: LoopState) -> None:
        self.interval = interval
        self.state = state
        latest = _latest(state, "loss")
        self.loss = float("nan") if latest is None else latest
        self.tokens_per_second = 0.0
        self._tokens, self._since = 0, time.perf_counter()

    def add(self, loss: Tensor, tokens: int, epoch: int) -> None:
        state = self.state
        state.recent_losses.append(loss)
        self._tokens += tokens
        if state.step % self.interval and state.step > 1:
            return
        # Only here does a CUDA loss cross to the CPU, so that steps do not wait for one another.
        self.loss = _finite(float(np.mean([float(one) for one in state.recent_losses])), "training", state.step)
        now = time.perf_counter()
        self.tokens_per_second = self._tokens / max(1e-9, now - self._since)
        _add_row(state, epoch, loss=self.loss)
        state.recent_losses = []
        self._tokens, self._since = 0, now


def _add_row(state: LoopState, epoch: int, **values: float) -> None:
    row = {"step": state.step, "epoch": epoch + 1, "seconds": round(state.seconds, 3)}
    state.history.append(row | values)


def _latest(state: LoopState, key: str) -> float | None:
    return next((row[key] for row in reversed(state.history) if key in row), None)


def _finite(loss: float, which: str, step: int) -> float:
    if not np.isfinite(loss):
        raise SentrecError(
            f"the {which} loss is no longer finite at step {step}.",
            "Lower training.learning_rate or training.clip_norm, or set training.precision=float32.",
        )
    return loss

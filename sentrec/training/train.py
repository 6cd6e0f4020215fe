"""`train`: from a recipe to a finished run directory, resumable at any step."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch import Tensor

from sentrec.data.locate import data_from_memory
from sentrec.errors import Interrupted, RecipeError, counted
from sentrec.files.lock import sole_training
from sentrec.files.storage import disk_errors
from sentrec.files.versions import describe_versions
from sentrec.models.base import TextModel
from sentrec.models.device import device_name
from sentrec.models.kinds import build_model
from sentrec.recipe import Recipe
from sentrec.runs.directory import CHECKPOINTS, Run, is_finished, open_run, resume_command
from sentrec.runs.writing import write_history, write_start
from sentrec.training.adaptation import start_from_source
from sentrec.training.checkpoint import (
    LAST,
    load_checkpoint,
    remove_checkpoints,
    remove_leftovers,
    remove_run,
    require_apart,
    require_same_data,
    require_usable,
    save_checkpoint,
)
from sentrec.training.distillation import starred_texts, unlabelled_texts
from sentrec.training.finish import finish_run
from sentrec.training.interrupt import StopRequest, nothing_begun, stop_on_signals
from sentrec.training.loop import LoopState, Progress, TrainingLoop, make_accelerator, training_dtype
from sentrec.training.optimizer import LearningPlan
from sentrec.training.prepare import PreparedData, prepare
from sentrec.training.rating import train_rating
from sentrec.training.recipe import load_recipe
from sentrec.training.trackers import Trackers, require_trackers

_FEW_STEPS = 15
_log = logging.getLogger(__name__)

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Start:
    """What a training starts from, where something else than its recipe decides that: an arm of a transfer study."""

    model: TextModel  # with its starting weights
    plan: LearningPlan  # which of them learn, how fast and from which epoch on
    select: Literal["last", "best"] = "best"  # keep the weights of the last step, or of the best validation
    on_finish: Callable[[TrainingLoop, npt.NDArray[np.float32]], None] | None = None
    """Called at the end with the loop and the logits of the test rows."""


def train(
    recipe: Recipe | str | Path,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    on_progress: OnProgress | None = None,
    texts: Iterable[str] | None = None,
    labels: Iterable[str | int] | None = None,
) -> Run:
    """Trains one model with one seed and leaves a run directory.

    Args:
        recipe: A recipe, or the file or name of one.
        out: The run directory; ``runs/<recipe name>`` where it is not given.
        resume: Go on from the last checkpoint, or start where there is none; a finished run is just opened.
        force: Replace the run or the group of seeds that is there.
        on_progress: Called after every step.
        texts: Rows from memory instead of the recipe's dataset; they are kept in the cache folder.
        labels: Their classes: names, or numbers.

    Returns:
        The finished run, with the weights of the best validation.

    Raises:
        RunError: If the directory is taken, another training is at work there, or what it holds does not fit the
            recipe or the data.
        Interrupted: If SIGINT or SIGTERM came; from the first step on the state is saved.
        SentrecError: If the recipe, the data or the vectors cannot be used.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    if texts is not None or labels is not None:
        rows = data_from_memory(recipe.data, texts or (), labels or ())
        recipe = recipe.model_copy(update={"data": rows})
    directory = Path(out) if out is not None else Path("runs") / recipe.name
    accelerator = make_accelerator(recipe.training.device)
    with stop_on_signals() as stop, sole_training(directory, accelerator.is_main_process):
        stop.raise_at_once(nothing_begun())
        with accelerator.main_process_first():
            if accelerator.is_main_process:
                require_usable(directory, recipe, resume=resume, force=force)
            if resume and is_finished(directory):
                remove_checkpoints(directory / CHECKPOINTS)  # a process that was killed at the very end left them
                return open_run(directory)
            if recipe.data.facts is not None:
                return train_rating(recipe, directory, partial(fit_texts, accelerator, stop))
            training_dtype(recipe.training.precision, accelerator.device)  # what cannot be computed needs no data
            data = prepare(recipe)
            require_apart(directory, data)
        return fit(recipe, data, directory, accelerator, stop, resume=resume, on_progress=on_progress)


def fit(
    recipe: Recipe,
    data: PreparedData,
    directory: Path,
    accelerator: Accelerator,
    stop: StopRequest,
    *,
    resume: bool,
    on_progress: OnProgress | None,
    start: Start | None = None,
) -> Run:
    """Trains one model on prepared data, in a directory that may be used; otherwise like `train`.

    A run in the directory is replaced unless `resume` finds a checkpoint there. Once `stop` is requested, the training
    saves its state and ends. Where there is no `start`, the recipe says what to start from.
    """
    started = time.perf_counter() - data.seconds
    require_trackers(recipe.training.trackers)
    with disk_errors(directory):
        loop = _start_loop(recipe, data, directory, accelerator, stop, resume, start)
        if start is None and accelerator.is_main_process:
            _warn_of_few_steps(loop, len(data.splits.train))
        if data.unlabelled is not None and recipe.objective.distil:
            # A teacher may take minutes, and can be asked again.
            stop.raise_at_once(_interruption(loop, directory))
            loop.unlabelled = unlabelled_texts(recipe, loop.model, data, is_fitted=loop.state.step > 0)
            stop.defer()
        loop.starred = starred_texts(recipe, loop.model, data)
        # The seconds that earlier processes spent on a resumed run belong to it.
        started -= loop.state.seconds
        trackers = Trackers(recipe, directory, len(loop.state.history)) if accelerator.is_main_process else None
        _run_loop(loop, directory, stop, on_progress, trackers)
        # What follows can be done again from the last checkpoint.
        stop.raise_at_once(_interruption(loop, directory))
        best = None if start and start.select == "last" else directory / CHECKPOINTS
        run, test = finish_run(loop, data, directory, best, started)
        if trackers:
            trackers.finish(loop.state.step, run.metrics)
        if start and start.on_finish:
            start.on_finish(loop, test)
        return run


def fit_texts(accelerator: Accelerator, stop: StopRequest, recipe: Recipe, data: PreparedData, directory: Path) -> Run:
    """Trains the text model of a recipe that rates; like `fit`, from the beginning and without a word."""
    return fit(recipe, data, directory, accelerator, stop, resume=False, on_progress=None)


def _start_loop(
    recipe: Recipe,
    data: PreparedData,
    directory: Path,
    accelerator: Accelerator,
    stop: StopRequest,
    resume: bool,
    start: Start | None,
) -> TrainingLoop:
    model = start.model if start else build_model(recipe, data.tokenizer, len(data.label_names))
    if recipe.training.balance and not (model.feature_size or model.closed_form):
        raise RecipeError(f"{recipe.encoder_name} has no linear head to balance.", "Set training.balance=false")
    checkpoint = directory / CHECKPOINTS / LAST
    continues = resume and checkpoint.is_file()
    if data.source and not continues:
        start_from_source(model, data)
    # What goes on from a model learns without steps, see `sentrec.training.adaptation`.
    plan: LearningPlan | None = {} if data.source else start.plan if start else None
    targets = data.splits.train.labels if data.soft_targets is None else data.soft_targets
    loop = TrainingLoop(
        recipe, model, data.train, targets, data.validation, data.splits.validation.labels, accelerator, plan
    )
    stop.defer()  # only now: what frozen layers make of the texts may have taken minutes, and is kept
    if continues:
        require_same_data(directory, data)
        if accelerator.is_main_process:
            remove_leftovers(directory)
        loop.state = LoopState(**load_checkpoint(checkpoint, loop.model, loop.optimizer))
    elif accelerator.is_main_process:
        # Only now, when data and model are known to be good, does an older run give way.
        remove_run(directory)
        write_start(directory, recipe, data.label_names, data.tokenizer, _environment(loop, data))
    accelerator.wait_for_everyone()
    return loop


def _warn_of_few_steps(loop: TrainingLoop, texts: int) -> None:
    if 0 < loop.total_steps < _FEW_STEPS and loop.recipe.training.max_steps is None:
        _log.warning(
            "%s in all on %s: too few for a network to learn from nothing. The recipe my-reviews adapts "
            "the starter to few texts, imdb-nb-lr fits n-grams without any steps.",
            counted(loop.total_steps, "gradient step"),
            counted(texts, "text"),
        )


def _environment(loop: TrainingLoop, data: PreparedData) -> dict[str, Any]:
    """Versions, device, seed, fingerprints of the data and where the weights come from, in plain JSON types."""
    source = {"init": {"run": str(data.source.path), "name": data.source.recipe.name}} if data.source else {}
    made_with = {
        "device": device_name(loop.accelerator.device),
        "processes": loop.accelerator.num_processes,
        "training_dtype": str(loop.dtype).removeprefix("torch."),
        "parameters": sum(parameter.numel() for parameter in loop.model.parameters()),
        "seed": loop.recipe.seed,
        "glove": data.fingerprint_of_vectors,
        "data": data.fingerprints(),
    }
    return describe_versions() | source | made_with


def _run_loop(
    loop: TrainingLoop, directory: Path, stop: StopRequest, on_progress: OnProgress | None, trackers: Trackers | None
) -> None:
    """Takes all steps; saves at the best validations, from time to time, and when asked to stop."""
    main = loop.accelerator.is_main_process
    saved_at = time.perf_counter()
    for progress in loop.run():
        if on_progress is not None and main:
            on_progress(progress)
        if trackers:
            trackers.report(loop.state.history)
        stopping = _asked_anywhere(loop.accelerator, stop.requested)
        is_due = time.perf_counter() - saved_at >= loop.recipe.training.checkpoint_seconds
        if main and (progress.improved or stopping or is_due):
            folder, state = directory / CHECKPOINTS, loop.state.to_dict()
            save_checkpoint(folder, loop.model, loop.optimizer, state, is_best=progress.improved)
            write_history(directory, loop.state.history)
            saved_at = time.perf_counter()
        if stopping:
            raise _interruption(loop, directory)


def _asked_anywhere(accelerator: Accelerator, asked: bool) -> bool:
    """Whether any process was asked to stop: all must stop at the same step, or the others would wait for ever."""
    if accelerator.num_processes == 1:
        return asked
    votes: Tensor = accelerator.reduce(torch.tensor(float(asked), device=accelerator.device), reduction="sum")
    return bool(votes > 0)


def _interruption(loop: TrainingLoop, directory: Path) -> Interrupted:
    return Interrupted(
        f"stopped at step {loop.state.step} of {loop.total_steps}; everything up to there is saved.",
        f"Go on with: {resume_command(directory)}",
    )

"""`train`: from a recipe to a finished run directory, resumable at any step."""

import platform
import shutil
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from sentrec.errors import Interrupted, RunError
from sentrec.files import disk_errors
from sentrec.glove.store import GloveVectors
from sentrec.model.classifier import TextClassifier, build_classifier, start_embeddings
from sentrec.recipe import Recipe, load_recipe
from sentrec.runs import CHECKPOINTS, RECIPE, Run, is_finished, open_run, read_environment, write_history, write_start
from sentrec.text.tokenizer import words_of
from sentrec.training.checkpoint import load_checkpoint, save_checkpoint, save_weights
from sentrec.training.device import device_name
from sentrec.training.finish import finish_run
from sentrec.training.interrupt import StopRequest, stop_on_signals
from sentrec.training.loop import LoopState, Progress, TrainingLoop
from sentrec.training.prepare import PreparedData, prepare

LAST = "last.safetensors"
BEST = "best.safetensors"
_PACKAGES = ("sentrec", "torch", "numpy", "tokenizers", "accelerate", "safetensors", "pyarrow", "scikit-learn")

OnProgress = Callable[[Progress], None]


def train(
    recipe: Recipe | str | Path,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> Run:
    """Trains one model with one seed and leaves a run directory.

    Args:
        recipe: A recipe, or the file or name of one.
        out: The run directory; ``runs/<recipe name>`` where it is not given.
        resume: Go on from the last checkpoint, or start where there is none; a finished run is just opened.
        force: Replace whatever is in the run directory.
        on_progress: Called after every step.

    Returns:
        The finished run, with the weights of the best validation.

    Raises:
        RunError: If the directory is taken, or what it holds does not fit the recipe or the data.
        Interrupted: If SIGINT or SIGTERM came; the state is saved.
        SentrecError: If the recipe, the data or the vectors cannot be used.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    directory = Path(out) if out is not None else Path("runs") / recipe.name
    started = time.perf_counter()
    accelerator = Accelerator(cpu=recipe.training.device == "cpu")
    with disk_errors(directory), accelerator.main_process_first():
        if accelerator.is_main_process:
            require_free(directory, resume=resume, force=force)
        if resume and is_finished(directory):
            _require_same_recipe(directory, recipe)
            return open_run(directory)
        data = prepare(recipe)
    loop = _start_loop(recipe, data, directory, accelerator, resume)
    # The seconds that earlier processes spent on a resumed run belong to it.
    started -= loop.state.seconds
    with disk_errors(directory), stop_on_signals() as stop:
        _run_loop(loop, directory, stop, on_progress)
        return finish_run(loop, data, directory, directory / CHECKPOINTS / BEST, started)


def require_free(directory: Path, *, resume: bool, force: bool) -> None:
    """Makes sure that nothing will be overwritten that the user did not offer; removes nothing yet.

    Raises:
        RunError: If something is there and neither `resume` nor `force` was asked for, or `force` would remove
            what is no run.
    """
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    is_run = directory.is_dir() and (is_finished(directory) or (directory / RECIPE).is_file())
    if not is_run:
        raise RunError(f"{directory} exists and is no run directory.", "Choose another --out.")
    if not (force or resume):
        state = "a finished run" if is_finished(directory) else "an unfinished run"
        raise RunError(f"{directory} holds {state}.", "Go on with --resume, replace it with --force, or choose --out.")


def _start_loop(
    recipe: Recipe, data: PreparedData, directory: Path, accelerator: Accelerator, resume: bool
) -> TrainingLoop:
    words = words_of(data.tokenizer)
    dim = data.vectors.dim if data.vectors else recipe.model.embedding_dim
    model = build_classifier(recipe, len(words), len(data.label_names), dim)
    checkpoint = directory / CHECKPOINTS / LAST
    continues = resume and checkpoint.is_file()
    if not continues:
        start_embeddings(model, words, data.vectors, recipe.seed)
    splits = data.splits
    loop = TrainingLoop(
        recipe, model, data.train, splits.train.labels, data.validation, splits.validation.labels, accelerator
    )
    if continues:
        _require_same_recipe(directory, recipe)
        _require_same_data(directory, data)
        loop.state = LoopState(**load_checkpoint(checkpoint, loop.model, loop.optimizer))
    elif accelerator.is_main_process:
        # Only now, when data and model are known to be good, does an older run give way.
        shutil.rmtree(directory, ignore_errors=True)
        environment = _environment(loop, data.vectors, model) | {"data": data.fingerprints()}
        write_start(directory, recipe, data.label_names, data.tokenizer.to_str(), environment)
    accelerator.wait_for_everyone()
    return loop


def _run_loop(loop: TrainingLoop, directory: Path, stop: StopRequest, on_progress: OnProgress | None) -> None:
    """Takes all steps; saves after validations, from time to time, and when asked to stop."""
    main = loop.accelerator.is_main_process
    saved_at = time.perf_counter()
    for progress in loop.run():
        if on_progress is not None and main:
            on_progress(progress)
        if progress.improved and main:
            save_weights(directory / CHECKPOINTS / BEST, loop.model)
        is_due = time.perf_counter() - saved_at >= loop.recipe.training.checkpoint_seconds
        if main and (progress.validated or stop.requested or is_due):
            _save(loop, directory)
            saved_at = time.perf_counter()
        if stop.requested:
            raise Interrupted(
                f"stopped at step {progress.step} of {progress.total_steps}; everything up to there is saved.",
                f"Go on with: sentrec train --recipe {directory / RECIPE} --out {directory} --resume",
            )


def _save(loop: TrainingLoop, directory: Path) -> None:
    save_checkpoint(directory / CHECKPOINTS / LAST, loop.model, loop.optimizer, loop.state.to_dict())
    write_history(directory, loop.state.history)


def _environment(loop: TrainingLoop, vectors: GloveVectors | None, model: TextClassifier) -> dict[str, Any]:
    return {
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "device": device_name(loop.accelerator.device),
        "processes": loop.accelerator.num_processes,
        "threads": torch.get_num_threads(),
        "training_dtype": str(loop.dtype).removeprefix("torch."),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "seed": loop.recipe.seed,
        "glove": vectors.fingerprint if vectors else None,
    }


def _require_same_recipe(directory: Path, recipe: Recipe) -> None:
    old, new = load_recipe(directory / RECIPE).model_dump(mode="json"), recipe.model_dump(mode="json")
    changed = [key for key in new if old[key] != new[key] and key not in ("name", "description")]
    if changed:
        raise RunError(
            f"the run in {directory} was started with another recipe; these sections differ: {', '.join(changed)}.",
            f"Resume with --recipe {directory / RECIPE}, or start over with --force.",
        )


def _require_same_data(directory: Path, data: PreparedData) -> None:
    recorded, now = read_environment(directory)["data"], data.fingerprints()
    changed = [split for split in now if recorded.get(split) != now[split]]
    if changed:
        raise RunError(
            f"the data changed since the run in {directory} was started: {', '.join(changed)}.",
            "Restore the data, or start over with --force.",
        )

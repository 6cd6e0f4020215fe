"""The same recipe with several seeds: one run each, and their mean with its spread."""

import logging
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator

from sentrec.errors import Interrupted
from sentrec.files import disk_errors, write_json
from sentrec.recipe import Recipe, load_recipe
from sentrec.runs import METRICS, Run, holds_run, is_finished, open_run, resume_command, write_group_start
from sentrec.training.device import make_accelerator
from sentrec.training.interrupt import nothing_begun, stop_on_signals
from sentrec.training.lock import sole_training
from sentrec.training.prepare import PreparedData, prepare
from sentrec.training.resume import (
    remove_run,
    require_free,
    require_same_data,
    require_same_recipe,
    require_whole_group,
)
from sentrec.training.train import OnProgress, fit

_SUMMARIZED = ("accuracy", "macro_f1", "roc_auc", "log_loss", "brier", "ece")

_log = logging.getLogger(__name__)


def train_seeds(
    recipe: Recipe | str | Path,
    out: str | Path | None = None,
    *,
    seeds: int,
    resume: bool = False,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> tuple[list[Run], dict[str, Any]]:
    """Trains `seeds` runs, with the recipe's seed and those that follow it, in ``seed-N`` folders.

    Args:
        recipe: A recipe, or the file or name of one.
        out: The folder of the group; ``runs/<recipe name>`` where it is not given.
        seeds: How many; a group that is resumed may grow.
        resume: Keep finished runs, go on with an unfinished one.
        force: Replace the run or the group that is there.
        on_progress: Called after every step of every run.

    Returns:
        The runs, and the summary that is written to the group's `metrics.json`: mean and sample standard deviation
        of each test metric, the confusion matrices added up, and as `seed` the first one.

    Raises:
        RunError: If the directory is taken, another training is at work there, or what it holds does not fit the
            recipe, the data or the number of seeds.
        Interrupted: If SIGINT or SIGTERM came; from the first step on the state is saved.
        SentrecError: If the recipe, the data or the vectors cannot be used.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    directory = Path(out) if out is not None else Path("runs") / recipe.name
    accelerator = make_accelerator(recipe.training.device)
    members = {seed: directory / f"seed-{seed}" for seed in range(recipe.seed, recipe.seed + seeds)}
    with stop_on_signals() as stop, sole_training(directory, accelerator.is_main_process):
        stop.raise_at_once(nothing_begun())
        data = _prepare_group(recipe, directory, members, accelerator, resume, force)
        stop.defer()
        _begin_group(directory, recipe, list(members), accelerator, keep=resume)
        go_on = f"Go on with: {resume_command(directory, seeds)}"
        runs = []
        for position, (seed, member) in enumerate(members.items(), start=1):
            _log.info("Seed %s (%s of %s)", seed, position, seeds)
            if data is None or is_finished(member):
                runs.append(open_run(member))
                continue
            seeded = recipe.model_copy(update={"seed": seed})
            try:
                stop.raise_at_once(Interrupted("stopped before its first step.", go_on))
                with sole_training(member, accelerator.is_main_process):
                    runs.append(fit(seeded, data, member, accelerator, stop, resume=resume, on_progress=on_progress))
            except Interrupted as error:
                raise Interrupted(f"seed {seed}: {error.message}", go_on) from error
        summary = summarize(runs)
        if accelerator.is_main_process:
            write_json(directory / METRICS, summary)
    return runs, summary


def summarize(runs: list[Run]) -> dict[str, Any]:
    """Mean and sample standard deviation over runs of each test metric, with what each run reached.

    The confusion matrix is the sum of the runs', so that its entries stay counts; `n` is the rows of one test split.
    """
    values = {key: [run.metrics["test"][key] for run in runs] for key in _SUMMARIZED}
    whole = {key: column for key, column in values.items() if None not in column}
    confusion = np.sum([run.metrics["test"]["confusion_matrix"] for run in runs], axis=0).tolist()
    counts = {"confusion_matrix": confusion, "n": runs[0].metrics["test"]["n"]}
    return {
        "test": {key: statistics.fmean(column) for key, column in whole.items()} | counts,
        "test_sd": {key: statistics.stdev(column) if len(column) > 1 else None for key, column in whole.items()},
        "seed": runs[0].metrics["seed"],
        "seconds": round(sum(run.metrics["seconds"] for run in runs), 2),
        "seeds": [run.metrics["seed"] for run in runs],
        "runs": [
            {
                "directory": run.path.name,
                "seed": run.metrics["seed"],
                "test_accuracy": run.metrics["test"]["accuracy"],
                "validation_accuracy": run.metrics["validation"]["accuracy"],
                "seconds": run.metrics["seconds"],
            }
            for run in runs
        ],
    }


def _prepare_group(
    recipe: Recipe, directory: Path, members: dict[int, Path], accelerator: Accelerator, resume: bool, force: bool
) -> PreparedData | None:
    """Checks the directory and reads the data; None where every member is finished already."""
    with accelerator.main_process_first():
        if accelerator.is_main_process:
            require_free(directory, resume=resume, force=force, group=True)
            if resume and holds_run(directory):
                require_same_recipe(directory, recipe)
                require_whole_group(directory, list(members))
        if resume and all(is_finished(member) for member in members.values()):
            return None
        data = prepare(recipe)
    if resume:
        _require_same_members(members, recipe, data)
    return data


def _require_same_members(members: dict[int, Path], recipe: Recipe, data: PreparedData) -> None:
    """Makes sure, before any is trained, that the runs that are kept are of this recipe and these rows."""
    for seed, member in members.items():
        if holds_run(member):
            require_same_recipe(member, recipe.model_copy(update={"seed": seed}))
            require_same_data(member, data)


def _begin_group(directory: Path, recipe: Recipe, seeds: list[int], accelerator: Accelerator, keep: bool) -> None:
    """Marks the directory; only now, when the data is known to be good, does what is there give way."""
    if accelerator.is_main_process:
        with disk_errors(directory):
            if not keep:
                remove_run(directory)
            write_group_start(directory, recipe, seeds)
    accelerator.wait_for_everyone()

"""The same recipe with several seeds: one run each, their mean with its spread, and on demand their ensemble."""

import logging
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from sentrec.errors import Interrupted, RunError
from sentrec.files.lock import sole_training
from sentrec.files.storage import disk_errors, write_json
from sentrec.models.kinds import kind_of
from sentrec.recipe import Recipe
from sentrec.runs.directory import (
    METRICS,
    Run,
    group_seeds,
    holds_ensemble,
    holds_run,
    is_finished,
    open_run,
    resume_command,
    write_group_start,
)
from sentrec.training.checkpoint import (
    remove_run,
    require_apart,
    require_free,
    require_same_data,
    require_same_recipe,
    require_whole_group,
)
from sentrec.training.device import make_accelerator, training_dtype
from sentrec.training.ensemble import join_members
from sentrec.training.finish import summarize
from sentrec.training.interrupt import StopRequest, nothing_begun, stop_on_signals
from sentrec.training.prepare import PreparedData, prepare
from sentrec.training.recipe import load_recipe
from sentrec.training.train import OnProgress, fit

_log = logging.getLogger(__name__)


def train_seeds(
    recipe: Recipe | str | Path,
    out: str | Path | None = None,
    *,
    seeds: int,
    ensemble: bool = False,
    resume: bool = False,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> tuple[list[Run], dict[str, Any]]:
    """Trains `seeds` runs, with the recipe's seed and those that follow it, in ``seed-N`` folders.

    Args:
        recipe: A recipe, or the file or name of one.
        out: The folder of the group; ``runs/<recipe name>`` where it is not given.
        seeds: How many; a group that is resumed may grow.
        ensemble: Make the group one model, which averages its runs; a group that was begun so and is resumed stays so.
        resume: Keep finished runs, go on with an unfinished one.
        force: Replace the run or the group that is there.
        on_progress: Called after every step of every run.

    Returns:
        The runs, and what is written to the group's `metrics.json`: mean and sample standard deviation of each test
        metric, the confusion matrices added up, and as `seed` the first one. Of an ensemble, all of that is under
        `members`, beside its own figures.

    Raises:
        RunError: If the directory is taken, another training is at work there, or what it holds does not fit the
            recipe, the data or the number of seeds, or one run is to be an ensemble.
        Interrupted: If SIGINT or SIGTERM came; from the first step on the state is saved.
        SentrecError: If the recipe, the data or the vectors cannot be used.
    """
    if ensemble and seeds < 2:
        raise RunError("an ensemble needs at least two seeds.", "Train it with --seeds 3, or without --ensemble.")
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    directory = Path(out) if out is not None else Path("runs") / recipe.name
    accelerator = make_accelerator(recipe.training.device)
    members = {seed: directory / f"seed-{seed}" for seed in range(recipe.seed, recipe.seed + seeds)}
    if seeds > 1 and (recipe.init is not None or not kind_of(recipe).learns_by_gradients):
        _log.warning(
            "What takes no steps draws nothing: every seed gives the same model. Other rows: --set data.split_seed=2"
        )
    with stop_on_signals() as stop, sole_training(directory, accelerator.is_main_process):
        stop.raise_at_once(nothing_begun())
        data = _prepare_group(recipe, directory, members, accelerator, resume, force)
        if resume and holds_ensemble(directory):
            if data is None and is_finished(directory) and group_seeds(directory) == list(members):
                joined = open_run(directory)
                return list(joined.members), joined.metrics
            ensemble = True
        stop.defer()
        _begin_group(directory, recipe, list(members), accelerator, keep=resume, ensemble=ensemble)
        go_on = f"Go on with: {resume_command(directory, seeds)}"
        runs = _train_members(recipe, data, members, accelerator, stop, go_on, resume, on_progress)
        # Nothing is lost from here on: what was trained is kept.
        stop.raise_at_once(Interrupted("stopped after its last step; every run is saved.", go_on))
        return runs, _end_group(directory, recipe, runs, data, accelerator, ensemble)


def _train_members(
    recipe: Recipe,
    data: PreparedData | None,
    members: dict[int, Path],
    accelerator: Accelerator,
    stop: StopRequest,
    go_on: str,
    resume: bool,
    on_progress: OnProgress | None,
) -> list[Run]:
    """Trains the seeds that are not finished, one after the other."""
    runs = []
    for position, (seed, member) in enumerate(members.items(), start=1):
        _log.info("Seed %s (%s of %s)", seed, position, len(members))
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
    return runs


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
        training_dtype(recipe.training.precision, accelerator.device)  # what cannot be computed needs no data
        data = prepare(recipe)
        require_apart(directory, data)
    if resume:
        _require_same_members(members, recipe, data)
    return data


def _require_same_members(members: dict[int, Path], recipe: Recipe, data: PreparedData) -> None:
    """Makes sure, before any is trained, that the runs that are kept are of this recipe and these rows."""
    for seed, member in members.items():
        if holds_run(member):
            require_same_recipe(member, recipe.model_copy(update={"seed": seed}))
            require_same_data(member, data)


def _begin_group(
    directory: Path, recipe: Recipe, seeds: list[int], accelerator: Accelerator, keep: bool, ensemble: bool
) -> None:
    """Marks the directory; only now, when the data is known to be good, does what is there give way."""
    if accelerator.is_main_process:
        with disk_errors(directory):
            if not keep:
                remove_run(directory)
            write_group_start(directory, recipe, seeds, ensemble)
    accelerator.wait_for_everyone()


def _end_group(
    directory: Path,
    recipe: Recipe,
    runs: list[Run],
    data: PreparedData | None,
    accelerator: Accelerator,
    ensemble: bool,
) -> dict[str, Any]:
    """Writes what the runs reached, alone or together, and gives it."""
    summary = summarize(runs)
    if accelerator.is_main_process and ensemble:
        join_members(directory, recipe.name, runs, data.splits if data else None, str(accelerator.device))
    elif accelerator.is_main_process:
        write_json(directory / METRICS, summary)
    accelerator.wait_for_everyone()
    return open_run(directory).metrics if ensemble else summary

"""The same recipe with several seeds: one run each, their mean with its spread, and on demand their ensemble."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from sentrec.errors import Interrupted, RunError
from sentrec.files.lock import sole_training
from sentrec.files.storage import disk_errors, write_json
from sentrec.models.kinds import kind_of
from sentrec.recipe import Recipe
from sentrec.runs.directory import METRICS, Run, is_finished, look_at, open_run, resume_command
from sentrec.runs.writing import write_group_start
from sentrec.training.checkpoint import (
    remove_run,
    require_apart,
    require_same_data,
    require_same_recipe,
    require_usable,
)
from sentrec.training.ensemble import join_members
from sentrec.training.finish import summarize
from sentrec.training.interrupt import StopRequest, nothing_begun, stop_on_signals
from sentrec.training.loop import make_accelerator, training_dtype
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
        `members`, beside its own metrics.

    Raises:
        RunError: If the directory is taken, another training is at work there, or what it holds does not fit the
            recipe, the data or the number of seeds, or one run is to be an ensemble.
        Interrupted: If SIGINT or SIGTERM came; from the first step on the state is saved.
        SentrecError: If the recipe, the data or the vectors cannot be used.
    """
    if ensemble and seeds < 2:
        raise RunError("an ensemble needs at least two seeds.", "Train it with --seeds 3, or without --ensemble.")
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    if recipe.task == "rate":
        raise RunError("--seeds joins classifiers.", "Measure what rates: sentrec evaluate RUN --folds 5")
    directory = Path(out) if out is not None else Path("runs") / recipe.name
    accelerator = make_accelerator(recipe.training.device)
    members = {seed: directory / f"seed-{seed}" for seed in range(recipe.seed, recipe.seed + seeds)}
    if seeds > 1 and (recipe.init is not None or not kind_of(recipe).learns_by_gradients):
        _log.warning(
            "What takes no steps draws nothing: every seed gives the same model. Other rows: --set data.split_seed=2"
        )
    with stop_on_signals() as stop, sole_training(directory, accelerator.is_main_process):
        stop.raise_at_once(nothing_begun())
        group = _Group(recipe, directory, members, accelerator, stop, resume)
        data = group.prepare(force)
        found = look_at(directory) if resume else None
        if found and found.ensemble is not None:
            if data is None and found.is_finished and found.seeds == list(members):
                joined = open_run(directory)
                return list(joined.members), joined.metrics
            ensemble = True
        stop.defer()
        group.begin(ensemble)
        runs = group.train(data, on_progress)
        # Nothing is lost from here on: what was trained is kept.
        stop.raise_at_once(Interrupted("stopped after its last step; every run is saved.", group.go_on))
        return runs, group.end(runs, data, ensemble)


@dataclass(frozen=True)
class _Group:
    recipe: Recipe
    directory: Path
    members: dict[int, Path]
    accelerator: Accelerator
    stop: StopRequest
    resume: bool

    @property
    def go_on(self) -> str:
        """How to go on after an interruption."""
        return f"Go on with: {resume_command(self.directory, len(self.members))}"

    def prepare(self, force: bool) -> PreparedData | None:
        """Checks the directory and reads the data; None where every member is finished already."""
        seeds = list(self.members)
        with self.accelerator.main_process_first():
            if self.accelerator.is_main_process:
                require_usable(self.directory, self.recipe, resume=self.resume, force=force, seeds=seeds)
            if self.resume and all(is_finished(member) for member in self.members.values()):
                return None
            # What cannot be computed needs no data.
            training_dtype(self.recipe.training.precision, self.accelerator.device)
            data = prepare(self.recipe)
            require_apart(self.directory, data)
        # Before any is trained, the runs that are kept must be known to be of this recipe and these rows.
        for seed, member in self.members.items():
            if self.resume and look_at(member):
                require_same_recipe(member, self.recipe.model_copy(update={"seed": seed}))
                require_same_data(member, data)
        return data

    def begin(self, ensemble: bool) -> None:
        """Marks the directory; only now, when the data is known to be good, does what is there give way."""
        if self.accelerator.is_main_process:
            with disk_errors(self.directory):
                if not self.resume:
                    remove_run(self.directory)
                write_group_start(self.directory, self.recipe, list(self.members), ensemble)
        self.accelerator.wait_for_everyone()

    def train(self, data: PreparedData | None, on_progress: OnProgress | None) -> list[Run]:
        """Trains the seeds that are not finished, one after the other."""
        runs = []
        for position, (seed, member) in enumerate(self.members.items(), start=1):
            _log.info("Seed %s (%s of %s)", seed, position, len(self.members))
            if data is None or is_finished(member):
                runs.append(open_run(member))
                continue
            seeded = self.recipe.model_copy(update={"seed": seed})
            accelerator, stop = self.accelerator, self.stop
            try:
                stop.raise_at_once(Interrupted("stopped before its first step.", self.go_on))
                with sole_training(member, accelerator.is_main_process):
                    run = fit(seeded, data, member, accelerator, stop, resume=self.resume, on_progress=on_progress)
            except Interrupted as error:
                raise Interrupted(f"seed {seed}: {error.message}", self.go_on) from error
            runs.append(run)
        return runs

    def end(self, runs: list[Run], data: PreparedData | None, ensemble: bool) -> dict[str, Any]:
        """Writes what the runs reached, alone or together, and gives it."""
        summary = summarize(runs)
        if self.accelerator.is_main_process and ensemble:
            splits = data.splits if data else None
            join_members(self.directory, self.recipe.name, runs, splits, str(self.accelerator.device))
        elif self.accelerator.is_main_process:
            write_json(self.directory / METRICS, summary)
        self.accelerator.wait_for_everyone()
        return open_run(self.directory).metrics if ensemble else summary

"""`transfer`: a whole study, from its recipe to the report; finished cells and sources are never measured twice."""

import json
import shlex
import shutil
from pathlib import Path

from accelerate import Accelerator

from sentrec.errors import Interrupted, RunError, SentrecError
from sentrec.files import disk_errors, write_json, write_text
from sentrec.model.device import device_name
from sentrec.training.device import make_accelerator
from sentrec.training.environment import describe_versions
from sentrec.training.interrupt import StopRequest, nothing_begun, stop_on_signals
from sentrec.training.lock import sole_training
from sentrec.transfer.grid import OnProgress
from sentrec.transfer.loading import (
    NamedSource,
    NamedTarget,
    load_sources,
    load_targets,
    load_transfer,
    transfer_to_yaml,
)
from sentrec.transfer.origins import Origin, require_alike
from sentrec.transfer.report import write_report
from sentrec.transfer.results import Study, Target
from sentrec.transfer.runner import StudyRunner
from sentrec.transfer.schema import TransferRecipe
from sentrec.transfer.target import load_target

MARKER = "study.json"
"""Marks a directory as that of a study; tells versions, device and the data."""
RECIPE = "recipe.yaml"
CELLS = "cells"


def transfer(
    recipe: TransferRecipe | str | Path,
    out: str | Path | None = None,
    *,
    seeds: int | None = None,
    resume: bool = False,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> Study:
    """Measures what moves from sources to targets, and writes tables, plots and a verdict.

    Args:
        recipe: A transfer recipe, or the file or name of one.
        out: The study's directory; ``runs/<recipe name>`` where it is not given.
        seeds: How often every cell is repeated; None: as the recipe says.
        resume: Keep the finished cells of the study that is there, as far as what they depend on is the same.
        force: Replace the study that is there.
        on_progress: Called after every step and every cell.

    Returns:
        The finished study; its directory holds ``report.md``.

    Raises:
        RecipeError: If a recipe is wrong, or source and target have different encoders, vectors or token rules.
        DataError: If a budget is too large or lacks a class, or the labels rule out what is asked for.
        RunError: If the directory is taken, or a source's run is broken.
        Interrupted: If SIGINT or SIGTERM came; finished cells are saved.
    """
    recipe = recipe if isinstance(recipe, TransferRecipe) else load_transfer(recipe)
    if seeds is not None:
        recipe = recipe.model_copy(update={"seeds": seeds})
    directory = Path(out) if out is not None else Path("runs") / recipe.name
    sources, targets = load_sources(recipe), load_targets(recipe)
    for source in sources:
        for target in targets:
            require_alike(source, target)
    _require_free(directory, resume, force)
    accelerator = make_accelerator(targets[0].recipe.training.device)
    if accelerator.num_processes > 1:
        raise SentrecError("a transfer study runs in one process.", "Start it as: sentrec transfer ...")
    with stop_on_signals() as stop, sole_training(directory), disk_errors(directory):
        return _measure(recipe, directory, sources, targets, accelerator, stop, force, on_progress)


def _measure(
    recipe: TransferRecipe,
    directory: Path,
    sources: list[NamedSource],
    targets: list[NamedTarget],
    accelerator: Accelerator,
    stop: StopRequest,
    force: bool,
    on_progress: OnProgress | None,
) -> Study:
    stop.raise_at_once(nothing_begun())
    runner = StudyRunner(
        recipe, directory, [Origin(one) for one in sources], [load_target(one) for one in targets], accelerator, stop
    )
    runner.check()
    stop.defer()
    if force:
        _remove_study(directory)
    _write_start(recipe, directory, sources, targets, runner, accelerator)
    try:
        results = runner.run(on_progress)
    except Interrupted as error:
        raise Interrupted(error.message, f"Go on with: {_command(directory)} --resume") from error
    study = Study(
        path=directory,
        name=recipe.name,
        description=recipe.description,
        command=_command(directory),
        targets=tuple(
            Target(one.name, one.pool.label_names, one.test.texts, one.test.labels, one.available)
            for one in runner.targets.values()
        ),
        results=tuple(results),
        recipe_yaml=transfer_to_yaml(recipe),
    )
    write_report(study)
    return study


def _command(directory: Path) -> str:
    words = ["sentrec", "transfer", "--recipe", str(directory / RECIPE), "--out", str(directory)]
    return shlex.join(words)


def _require_free(directory: Path, resume: bool, force: bool) -> None:
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    if not (directory / MARKER).is_file():
        raise RunError(f"{directory} exists and holds no transfer study.", "Choose another --out.")
    if not (resume or force):
        raise RunError(
            f"{directory} holds a transfer study.", "Go on with --resume, replace it with --force, or choose --out."
        )


def _remove_study(directory: Path) -> None:
    """Removes the cells; the report's files are written anew."""
    shutil.rmtree(directory / CELLS, ignore_errors=True)


def _write_start(
    recipe: TransferRecipe,
    directory: Path,
    sources: list[NamedSource],
    targets: list[NamedTarget],
    runner: StudyRunner,
    accelerator: Accelerator,
) -> None:
    facts = {
        "device": device_name(accelerator.device),
        "sources": {
            one.name: str(one.run.path) if one.run else json.loads(one.recipe.model_dump_json()) for one in sources
        },
        "targets": {one.name: json.loads(one.recipe.model_dump_json()) for one in targets},
        "data": {name: rows.fingerprint for name, rows in runner.targets.items()},
    }
    write_json(directory / MARKER, describe_versions() | facts)
    write_text(directory / RECIPE, transfer_to_yaml(recipe))

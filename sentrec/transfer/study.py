"""`transfer`: a whole study, from its recipe to the report; finished cells and sources are never measured twice."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator

from sentrec.errors import Interrupted, RunError, SentrecError
from sentrec.files.lock import sole_training
from sentrec.files.storage import disk_errors, write_json, write_text
from sentrec.models.device import device_name
from sentrec.recipe.loading import to_yaml
from sentrec.training.device import make_accelerator
from sentrec.training.environment import describe_versions
from sentrec.training.interrupt import StopRequest, nothing_begun, stop_on_signals
from sentrec.transfer.analysis import table
from sentrec.transfer.feasibility import load_sides
from sentrec.transfer.grid import OnProgress
from sentrec.transfer.loading import NamedSource, NamedTarget, load_transfer, transfer_from_dict
from sentrec.transfer.notes import Noticed
from sentrec.transfer.origins import Origin
from sentrec.transfer.report import REPORT, RESULTS, TABLE, write_report
from sentrec.transfer.results import Study, Target
from sentrec.transfer.runner import StudyRunner
from sentrec.transfer.schema import TransferRecipe
from sentrec.transfer.store import remove_cells, remove_leftovers
from sentrec.transfer.target import load_target
from sentrec.transfer.verdict import verdicts

MARKER = "study.json"
"""Marks a directory as that of a study; tells versions, device and the data."""
RECIPE = "recipe.yaml"
_REPORTED = (REPORT, TABLE, RESULTS, "label-efficiency*.png", "convergence*.png", "matrix-*.png")
"""What the report writes, as patterns."""


@dataclass(frozen=True)
class _Asked:
    """A study, ready to be measured.

    Attributes:
        recipe: What to measure.
        directory: Where.
        sources: Its sources.
        targets: Its targets.
        force: Whether a study that is there gives way.
        on_progress: Who is told.
    """

    recipe: TransferRecipe
    directory: Path
    sources: list[NamedSource]
    targets: list[NamedTarget]
    force: bool
    on_progress: OnProgress | None


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
        recipe = transfer_from_dict(recipe.model_dump() | {"seeds": seeds})
    directory = Path(out) if out is not None else Path("runs") / recipe.name
    sources, targets = load_sides(recipe)
    _require_free(directory, resume, force)
    accelerator = make_accelerator(targets[0].recipe.training.device)
    if accelerator.num_processes > 1:
        raise SentrecError("a transfer study runs in one process.", "Start it as: sentrec transfer ...")
    with stop_on_signals() as stop, sole_training(directory), disk_errors(directory):
        return _measure(_Asked(recipe, directory, sources, targets, force, on_progress), accelerator, stop)


def _measure(asked: _Asked, accelerator: Accelerator, stop: StopRequest) -> Study:
    stop.raise_at_once(nothing_begun())
    recipe, directory = asked.recipe, asked.directory
    origins, targets = [Origin(one) for one in asked.sources], [load_target(one) for one in asked.targets]
    runner = StudyRunner(recipe, directory, origins, targets, accelerator, stop)
    noticed = runner.check()
    stop.defer()
    remove_leftovers(directory)
    if asked.force:
        _remove_study(directory)
    _write_start(asked, runner, noticed, accelerator)
    try:
        results = runner.run(asked.on_progress)
    except Interrupted as error:
        raise Interrupted(error.message, f"Go on with: {_command(directory)} --resume") from error
    tested = tuple(
        Target(one.name, one.pool.label_names, one.test.texts, one.test.labels, len(one.pool))
        for one in runner.targets.values()
    )
    rows, shared = table(tested, results), tuple(one.name for one in asked.sources if one.run)
    study = Study(
        path=directory,
        name=recipe.name,
        description=recipe.description,
        command=_command(directory),
        targets=tested,
        results=tuple(results),
        rows=tuple(rows),
        verdict=tuple(verdicts(rows, shared)),
        recipe_yaml=to_yaml(recipe),
        notes=noticed.sentences,
        shared_sources=shared,
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
    """Removes the cells and the report; the marker and the recipe are written anew."""
    remove_cells(directory)
    for pattern in _REPORTED:
        for path in directory.glob(pattern):
            path.unlink()


def _write_start(asked: _Asked, runner: StudyRunner, noticed: Noticed, accelerator: Accelerator) -> None:
    facts = {
        "device": device_name(accelerator.device),
        "sources": {
            one.name: str(one.run.path) if one.run else json.loads(one.recipe.model_dump_json())
            for one in asked.sources
        },
        "targets": {one.name: json.loads(one.recipe.model_dump_json()) for one in asked.targets},
        "data": {name: rows.fingerprint for name, rows in runner.targets.items()},
        "overlap": noticed.counts,
        "notes": list(noticed.sentences),
    }
    write_json(asked.directory / MARKER, describe_versions() | facts)
    write_text(asked.directory / RECIPE, to_yaml(asked.recipe))

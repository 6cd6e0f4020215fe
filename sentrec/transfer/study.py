"""`transfer`: a whole study, from its recipe to the report; finished cells and sources are never measured twice."""

import itertools
import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from sentrec.data.contamination import SeenTexts
from sentrec.data.labels import matching_classes
from sentrec.errors import Interrupted, RunError, SentrecError
from sentrec.files.lock import sole_training
from sentrec.files.storage import disk_errors, write_json, write_text
from sentrec.files.versions import describe_versions
from sentrec.models.device import device_name
from sentrec.recipe.loading import to_yaml
from sentrec.training.interrupt import nothing_begun, stop_on_signals
from sentrec.training.loop import make_accelerator
from sentrec.transfer.analysis import table
from sentrec.transfer.cell import remove_cells
from sentrec.transfer.loading import load_sides, load_transfer, transfer_from_dict
from sentrec.transfer.report import REPORT, RESULTS, TABLE, write_report
from sentrec.transfer.results import CellResult, Study, Target
from sentrec.transfer.runner import OnProgress, StudyRunner
from sentrec.transfer.schema import TransferRecipe
from sentrec.transfer.source import Source, require_labels
from sentrec.transfer.target import TargetData
from sentrec.transfer.verdict import verdicts

MARKER = "study.json"
"""Marks a directory as that of a study; tells versions, device and the data."""
RECIPE = "recipe.yaml"
_log = logging.getLogger(__name__)
_REPORTED = (REPORT, TABLE, RESULTS, "label-efficiency*.png", "convergence*.png", "matrix-*.png")
"""What the report writes, as patterns."""


def transfer(
    recipe: TransferRecipe | Mapping[str, Any] | str | Path,
    out: str | Path | None = None,
    *,
    seeds: int | None = None,
    resume: bool = False,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> Study:
    """Measures what moves from sources to targets, and writes tables, plots and a verdict.

    Args:
        recipe: A transfer recipe, its sections as plain values, or the file or name of one.
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
    if isinstance(recipe, Mapping):
        recipe = transfer_from_dict(recipe)
    elif not isinstance(recipe, TransferRecipe):
        recipe = load_transfer(recipe)
    if seeds is not None:
        recipe = transfer_from_dict(recipe.model_dump() | {"seeds": seeds})
    directory = Path(out) if out is not None else Path("runs") / recipe.name
    sources, targets = load_sides(recipe)
    _require_free(directory, resume, force)
    accelerator = make_accelerator(targets[0].recipe.training.device)
    if accelerator.num_processes > 1:
        raise SentrecError("a transfer study runs in one process.", "Start it as: sentrec transfer ...")
    with stop_on_signals() as stop, sole_training(directory), disk_errors(directory):
        stop.raise_at_once(nothing_begun())
        runner = StudyRunner(recipe, directory, sources, targets, accelerator, stop)
        for source, target in itertools.product(sources, targets):
            require_labels(recipe, source, target)
        runner.check_plans()
        counts, notes = _look_at_rows(sources, targets, recipe)
        stop.defer()
        if force:
            remove_cells(directory)
            for path in (path for pattern in _REPORTED for path in directory.glob(pattern)):
                path.unlink()
        _write_start(runner, counts, notes, accelerator)
        try:
            results = runner.run(on_progress)
        except Interrupted as error:
            raise Interrupted(error.message, f"Go on with: {_command(directory)} --resume") from error
        study = _study(runner, results, notes)
        write_report(study)
        return study


def _study(runner: StudyRunner, results: Sequence[CellResult], notes: Sequence[str]) -> Study:
    recipe = runner.study
    tested = runner.targets.values()
    targets = [Target(one.name, one.pool.label_names, one.test.texts, one.test.labels, len(one.pool)) for one in tested]
    rows, shared = table(targets, results), tuple(name for name, one in runner.sources.items() if one.run)
    return Study(
        path=runner.directory,
        name=recipe.name,
        description=recipe.description,
        command=_command(runner.directory),
        targets=tuple(targets),
        results=tuple(results),
        rows=tuple(rows),
        verdict=tuple(verdicts(rows, shared)),
        recipe_yaml=to_yaml(recipe),
        notes=tuple(notes),
        shared_sources=shared,
    )


def _command(directory: Path) -> str:
    return shlex.join(["sentrec", "transfer", "--recipe", str(directory / RECIPE), "--out", str(directory)])


def _require_free(directory: Path, resume: bool, force: bool) -> None:
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    if not (directory / MARKER).is_file():
        raise RunError(f"{directory} exists and holds no transfer study.", "Choose another --out.")
    if not (resume or force):
        hint = "Go on with --resume, replace it with --force, or choose --out."
        raise RunError(f"{directory} holds a transfer study.", hint)


def _write_start(
    runner: StudyRunner, overlap: Mapping[str, Any], notes: Sequence[str], accelerator: Accelerator
) -> None:
    sources = runner.sources.items()
    facts = {
        "device": device_name(accelerator.device),
        "sources": {
            name: str(one.run.path) if one.run else one.recipe.model_dump(mode="json") for name, one in sources
        },
        "targets": {name: one.recipe.model_dump(mode="json") for name, one in runner.targets.items()},
        "data": {name: rows.fingerprint for name, rows in runner.targets.items()},
        "overlap": overlap,
        "notes": list(notes),
    }
    write_json(runner.directory / MARKER, describe_versions() | facts)
    write_text(runner.directory / RECIPE, to_yaml(runner.study))


def _look_at_rows(
    sources: Sequence[Source], targets: Sequence[TargetData], study: TransferRecipe
) -> tuple[dict[str, Any], list[str]]:
    """Counts texts that a model has met with their labels before it is judged on them, by their letters and digits.

    Gives the counts in plain JSON types, and what of them a reader should know, which is logged, too.
    """
    within, between, notes = {}, [], []
    for target in targets:
        splits = target.splits
        within[target.name] = {
            "test_rows": len(target.test),
            "train_duplicates": splits.duplicates,
            "test_texts_in_train": splits.overlap,
            "validation_texts_in_train": splits.validation_overlap,
        }
        if splits.overlap:
            share = f"{splits.overlap:,} of {len(target.test):,}"
            notes.append(f"Test texts of {target.name} that also occur in its training rows: {share}.")
        for source in sources:
            between.append(shared := _between(source, target))
            parts = [
                f"{shared[f'{part}_texts_in_source']:,} of {shared[f'{part}_rows']:,} {where}"
                for part, where in (("test", "in test"), ("pool", "to train on"))
                if shared.get(f"{part}_texts_in_source")
            ]
            if parts:
                labelled = f"the labelled rows of {source.name}"
                notes.append(f"Texts of {target.name} that also occur among {labelled}: {', '.join(parts)}.")
            match = matching_classes(source.label_names(), target.names_for_sources, study.moves.head)
            if match and match.note:
                notes.append(f"From {source.name} to {target.name}: {match.note}")
    for note in notes:
        _log.warning("%s", note)
    return {"within_targets": within, "from_sources": between}, notes


def _between(source: Source, target: TargetData) -> dict[str, Any]:
    counts: dict[str, Any] = {"source": source.name, "target": target.name}
    texts = source.labelled_texts()
    if texts is None:
        _log.info("Whether %s has learned from texts of %s is not known", source.name, target.name)
        return counts
    known = SeenTexts(texts)
    for part, rows in (("test", target.test.texts), ("pool", target.pool.texts)):
        counts |= {f"{part}_rows": len(rows), f"{part}_texts_in_source": known.count(rows)}
    return counts

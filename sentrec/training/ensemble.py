"""Several finished runs as one model: the seeds of a recipe, or runs of any architectures on the same rows."""

import logging
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sentrec.data.splits import Splits, load_splits
from sentrec.errors import DataError, RunError
from sentrec.files.storage import atomic_directory
from sentrec.inference.predictor import load
from sentrec.runs.directory import ENVIRONMENT, RECORDED, Run, find_model, look_at, open_run
from sentrec.runs.writing import write_ensemble
from sentrec.training.finish import calibrated_metrics, summarize

_log = logging.getLogger(__name__)
_PARTS = ("train", "validation", "test")


def ensemble(
    runs: Iterable[str | Path | Run], out: str | Path, *, name: str | None = None, device: str | None = None
) -> Run:
    """Joins finished runs into one model that averages them; the runs are copied into its directory.

    The members may have different recipes, encoders and tokenizers, but must know the same classes and have been
    trained, selected and tested on the same rows: the temperature is fitted on the validation rows, which none of
    them may have learned from.

    Args:
        runs: At least two runs, or their directories. A group of seeds stands for all its runs.
        out: The directory of the ensemble, which must not hold anything yet.
        name: What to call it in reports; by default as its directory.
        device: Where to compute its metrics; by default CUDA, else MPS, else the CPU.

    Returns:
        The ensemble.

    Raises:
        RunError: If a run is missing, unfinished or altered, if the runs do not fit together, or `out` is taken.
        DataError: If the rows of the runs cannot be read any more.
    """
    directory = Path(out)
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise RunError(f"{directory} exists.", "Choose a new folder as --out.")
    given = [one for run in runs for one in ([run] if isinstance(run, Run) else _opened(run))]
    _require_joinable(given)
    splits = _read_splits(given[0])
    with atomic_directory(directory) as temporary:
        members = [_copied(run, temporary / f"member-{number}") for number, run in enumerate(given, start=1)]
        join_members(temporary, name or directory.resolve().name, members, splits, device)
    return open_run(directory)


def join_members(
    directory: Path, name: str, members: Sequence[Run], splits: Splits | None = None, device: str | None = None
) -> None:
    """Makes the finished runs in folders of a directory one model: calibrates it, measures it and writes it down.

    Where `splits` are not given, they are read again from the data of the first member; a `DataError` if they changed.
    """
    started, first = time.perf_counter(), members[0]
    splits = splits or _read_splits(first)
    _log.info("Joining %s runs in %s", len(members), directory)
    # Logits are what the temperature is fitted on, so that they do not depend on it.
    unfitted = {"calibration": {"temperature": 1.0}}
    predictor = load(Run(directory, first.recipe, first.label_names, unfitted, tuple(members)), device)
    validation, test = (predictor.logits(one.texts) for one in (splits.validation, splits.test))
    facts = first.metrics["data"]
    metrics: dict[str, Any] = calibrated_metrics(splits.validation, validation, splits.test, test) | {
        "seed": first.metrics["seed"],
        "parameters": sum(member.metrics["parameters"] for member in members),
        "data": {key: value for key, value in facts.items() if key.endswith("_rows") or "_texts_in_" in key},
        "seconds": sum(member.metrics["seconds"] for member in members),
        "members": summarize(members),
    }
    metrics["seconds"] = round(metrics["seconds"] + time.perf_counter() - started, 2)
    write_ensemble(directory, name, members, metrics)


def _opened(run: str | Path) -> list[Run]:
    """The run in a directory, or all runs of a group of seeds."""
    directory = find_model(run)
    found = look_at(directory)
    return [open_run(directory / f"seed-{seed}") for seed in found.seeds] if found and found.seeds else [open_run(run)]


def _require_joinable(runs: Sequence[Run]) -> None:
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise RunError(
            "a run is named twice: it would count double.", "Name each run once; a group stands for its runs."
        )
    if len(runs) < 2:
        raise RunError("an ensemble needs at least two runs.", "Name more runs, or a group of seeds.")
    first = runs[0]
    for run in runs:
        if run.members:
            raise RunError(
                f"{run.path} is an ensemble: the members of an ensemble are runs.", "Name its members instead."
            )
        if run.label_names != first.label_names:
            raise RunError(
                f"the runs do not know the same classes: {first.path}: {', '.join(first.label_names)}, but {run.path}: "
                f"{', '.join(run.label_names)}.",
                "Join runs that were trained on the same data.",
            )
        differing = [part for part in _PARTS if first.fingerprints.get(part) != run.fingerprints.get(part)]
        if differing:
            raise RunError(
                f"{first.path} and {run.path} do not have the same {' and '.join(differing)} rows.",
                "Rows that one member learned from cannot calibrate the others: join runs of the same data section.",
            )


def _read_splits(run: Run) -> Splits:
    """The rows of a run, read again; makes sure that they are the same."""
    splits = load_splits(run.recipe.data)
    for part in _PARTS:
        if run.fingerprints.get(part) != getattr(splits, part).fingerprint():
            raise DataError(
                f"the {part} rows of {run.recipe.data.dataset} are no longer those of {run.path}.",
                "Restore the data: an ensemble is calibrated on its members' validation rows.",
            )
    return splits


def _copied(run: Run, target: Path) -> Run:
    """Copies a run without its checkpoints and evaluations; opens the copy."""
    target.mkdir()
    for file in (*RECORDED, ENVIRONMENT):
        if (run.path / file).is_file():
            shutil.copyfile(run.path / file, target / file)
    return open_run(target)

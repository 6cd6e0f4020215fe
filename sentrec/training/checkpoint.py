"""Checkpoints, and what a training directory must be to start or resume in it.

A checkpoint is one safetensors file, replaced in one move, so that a killed process leaves the last one whole.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sentrec.errors import RunError, SentrecError
from sentrec.files.parse import parsing
from sentrec.models.weights import TRAIN_AGAIN, load_weights, read_tensors, write_tensors
from sentrec.recipe import Recipe, read_recipe
from sentrec.runs.directory import (
    CHECKPOINTS,
    ENVIRONMENT,
    EVALUATIONS,
    RECIPE,
    RECORDED,
    TRACKED,
    look_at,
    read_environment,
)
from sentrec.training.prepare import PreparedData

LAST = "last.safetensors"
"""Where training stands."""
BEST = "best.safetensors"
"""Where it stood at the best validation so far."""
_MODEL = "model."
_OPTIMIZER = "optimizer."
_STATE = "state"
_LISTED = 8


def save_checkpoint(
    folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any], *, is_best: bool = False
) -> None:
    """Saves everything that the next step depends on: weights, moments, and a state in plain JSON types.

    One that is the best so far is written once, and is both `BEST` and `LAST`.
    """
    tensors = {_MODEL + name: value for name, value in model.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{index}.{name}": value for name, value in values.items()}
    write_tensors(folder / (BEST if is_best else LAST), tensors, {_STATE: json.dumps(state)})
    if is_best:
        twin = folder / f".{LAST}.twin.part"
        twin.unlink(missing_ok=True)
        try:
            twin.hardlink_to(folder / BEST)
        except OSError:  # not every file system has links
            shutil.copyfile(folder / BEST, twin)
        twin.replace(folder / LAST)


def load_best(folder: Path, model: nn.Module) -> None:
    """Puts the weights of the best validation in place; a `RunError` if the file is broken or of another model."""
    tensors, _ = read_tensors(folder / BEST)
    load_weights(model, _weights(tensors), folder / BEST)


def _weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(_MODEL): value for name, value in tensors.items() if name.startswith(_MODEL)}


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Puts a checkpoint's weights and moments in place; its state, or a `RunError` if it is broken or another's."""
    tensors, metadata = read_tensors(path)
    if _STATE not in metadata:
        raise RunError(f"{path} is no checkpoint: it holds no state.", TRAIN_AGAIN)
    load_weights(model, _weights(tensors), path)
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith(_OPTIMIZER):
            index, _, key = name.removeprefix(_OPTIMIZER).partition(".")
            moments.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    with parsing(path, RunError, TRAIN_AGAIN):
        state: dict[str, Any] = json.loads(metadata[_STATE])  # the best loss is infinite before the first validation
    return state


def remove_checkpoints(folder: Path) -> None:
    """Removes the checkpoints in a folder, half-written ones of a killed process too, and the folder if it is empty."""
    for name in (LAST, BEST):
        (folder / name).unlink(missing_ok=True)
        _remove_half_written(folder / name)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def require_usable(
    directory: Path, recipe: Recipe, *, resume: bool, force: bool, seeds: list[int] | None = None
) -> None:
    """Raises a `RunError` if something would be overwritten that the user did not offer; removes nothing yet.

    `resume` and `force` say that what is there may be gone on with, or replaced; `seeds` are those to be trained, None:
    a single run. `force` removes nothing that is no run; `resume` goes on with nothing that was begun as something
    else: of another recipe, as a group of more seeds, as a single run, or as an ensemble.
    """
    # A process that was killed before it had written its first file left at most a part of that.
    if not directory.exists() or (
        directory.is_dir() and all(path.match(f".{ENVIRONMENT}.*.part") for path in directory.iterdir())
    ):
        return
    found = look_at(directory)
    if found is None:
        raise RunError(f"{directory} exists and is no run directory.", "Choose another --out.")
    if not (force or resume):
        state = "a finished run" if found.is_finished else "an unfinished run"
        raise RunError(f"{directory} holds {state}.", "Go on with --resume, replace it with --force, or choose --out.")
    if not resume:
        return
    if found.ensemble is not None and not found.seeds:
        raise RunError(f"{directory} holds an ensemble of runs made earlier.", "Choose another --out.")
    group = f"{directory} holds a group of {len(found.seeds)} seeds"
    if found.seeds and seeds is None:
        raise RunError(f"{group}.", f"Go on with: {found.resume_command}")
    if seeds and not found.seeds:
        raise RunError(
            f"{directory} holds a single run, not a group of seeds.", "Resume it without --seeds, or choose --out."
        )
    require_same_recipe(directory, recipe)
    if left_out := [str(seed) for seed in found.seeds if seed not in (seeds or ())]:
        raise RunError(f"{group}; this would leave out {', '.join(left_out)}.", f"Go on with: {found.resume_command}")


def require_same_recipe(directory: Path, recipe: Recipe) -> None:
    """Raises a `RunError` that says what differs if a run was begun with another recipe, but for name, description."""
    hint = "or start over with --force."
    try:
        begun = read_recipe(directory / RECIPE)
    except SentrecError as error:
        raise RunError(f"the recipe of {directory} does not load: {error.message}", f"Correct it, {hint}") from error
    old, new = (one.model_dump(mode="json", exclude={"name", "description"}) for one in (begun, recipe))
    changes = list(_changes(old, new))
    if changes:
        listed = "; ".join(changes[:_LISTED]) + ("; ..." if len(changes) > _LISTED else "")
        raise RunError(
            f"the run in {directory} was started with another recipe: {listed}.",
            f"Resume with --recipe {directory / RECIPE}, {hint}",
        )


def require_same_data(directory: Path, data: PreparedData) -> None:
    """Makes sure that a run was begun with these rows; a `RunError` if any text or label is another one."""
    environment, now = read_environment(directory), data.fingerprints()
    recorded = environment.get("data", {})
    changed = [split for split in now if recorded.get(split) != now[split]]
    if environment.get("glove") != data.fingerprint_of_vectors:
        changed.append("the word vectors")
    if changed:
        raise RunError(
            f"the data changed since the run in {directory} was started: {', '.join(changed)}.",
            "Restore the data, or start over with --force.",
        )


def require_apart(directory: Path, data: PreparedData) -> None:
    """Raises a `RunError` if a training would replace the model that it learns from."""
    for setting, run in (("init", data.source), ("objective.teacher", data.teacher)):
        if run is not None and run.path.resolve().is_relative_to(directory.resolve()):
            raise RunError(f"{directory} holds the model that {setting} names.", "Choose another --out.")


def remove_run(directory: Path) -> None:
    """Removes a run, a group or an ensemble: what sentrec writes and nothing else, so that notes beside it stay.

    What marks the directory as sentrec's goes last, so that a killed process can be started again.
    """
    for member in (*directory.glob("seed-*"), *directory.glob("member-*")):
        if member.name.partition("-")[2].isdecimal() and look_at(member):
            if member.is_symlink():
                member.unlink()
                continue
            remove_run(member)
            if not any(member.iterdir()):
                member.rmdir()
    remove_leftovers(directory)
    remove_checkpoints(directory / CHECKPOINTS)
    for folder in (directory / EVALUATIONS, directory / TRACKED):
        if folder.is_symlink():
            folder.unlink()
        elif folder.is_dir():
            shutil.rmtree(folder)
    for name in (*RECORDED, ENVIRONMENT):
        (directory / name).unlink(missing_ok=True)


def remove_leftovers(directory: Path) -> None:
    """Removes the half-written files of a process that was killed."""
    for name in (*RECORDED, ENVIRONMENT, f"{CHECKPOINTS}/{LAST}", f"{CHECKPOINTS}/{BEST}"):
        _remove_half_written(directory / name)


def _remove_half_written(path: Path) -> None:
    # safetensors writes to a file of its own first, beside ours.
    for pattern in (f".{path.name}.*.part", ".tmp" + 6 * "[0-9A-Za-z]"):
        for leftover in path.parent.glob(pattern):
            leftover.unlink(missing_ok=True)


def _changes(old: dict[str, Any], new: dict[str, Any], path: str = "") -> Iterator[str]:
    for key in old | new:
        before, now = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _changes(before, now, f"{path}{key}.")
        elif before != now:
            was, is_now = (
                "a section" if isinstance(one, dict) else json.dumps(one, ensure_ascii=False) for one in (before, now)
            )
            yield f"{path}{key} was {was} and is now {is_now}"

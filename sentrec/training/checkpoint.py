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
    group_seeds,
    holds_ensemble,
    holds_group,
    holds_run,
    is_finished,
    read_environment,
    resume_command,
)
from sentrec.training.prepare import PreparedData

LAST = "last.safetensors"
"""Where training stands."""
BEST = "best.safetensors"
"""The weights of the best validation so far."""
_MODEL = "model."
_OPTIMIZER = "optimizer."
_STATE = "state"


def save_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Saves everything that the next step depends on.

    Args:
        path: The file.
        model: Its weights are kept.
        optimizer: Its moments are kept.
        state: Counters and history, in plain JSON types.
    """
    tensors = {_MODEL + name: value for name, value in model.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"{_OPTIMIZER}{index}.{name}": value for name, value in values.items()}
    write_tensors(path, tensors, {_STATE: json.dumps(state)})


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Puts a checkpoint's weights and moments in place and returns its state.

    Raises:
        RunError: If the file is broken or of another model.
    """
    tensors, metadata = read_tensors(path)
    if _STATE not in metadata:
        raise RunError(f"{path} is no checkpoint: it holds no state.", TRAIN_AGAIN)
    weights = {name.removeprefix(_MODEL): value for name, value in tensors.items() if name.startswith(_MODEL)}
    load_weights(model, weights, path)
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
        remove_half_written(folder / name)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def remove_half_written(path: Path) -> None:
    """Removes what a killed process had written of a file before it was put in its place."""
    # safetensors writes to a file of its own first, beside ours.
    for pattern in (f".{path.name}.*.part", ".tmp" + 6 * "[0-9A-Za-z]"):
        for leftover in path.parent.glob(pattern):
            leftover.unlink(missing_ok=True)


_LISTED = 8


def require_free(directory: Path, *, resume: bool, force: bool, group: bool) -> None:
    """Makes sure that nothing will be overwritten that the user did not offer; removes nothing yet.

    Args:
        directory: Where to train.
        resume: Whether what is there may be gone on with.
        force: Whether what is there may be replaced.
        group: Whether several seeds are to be trained there.

    Raises:
        RunError: If something is there and neither `resume` nor `force` was asked for, `force` would remove what
            is no run, or `resume` would go on with a group as with a single run.
    """
    if not directory.exists() or (directory.is_dir() and _is_blank(directory)):
        return
    if not holds_run(directory):
        raise RunError(f"{directory} exists and is no run directory.", "Choose another --out.")
    if not (force or resume):
        state = "a finished run" if is_finished(directory) else "an unfinished run"
        raise RunError(f"{directory} holds {state}.", "Go on with --resume, replace it with --force, or choose --out.")
    if resume and holds_ensemble(directory) and not holds_group(directory):
        raise RunError(f"{directory} holds an ensemble of runs made earlier.", "Choose another --out.")
    if resume and holds_group(directory) and not group:
        seeds = len(group_seeds(directory))
        raise RunError(
            f"{directory} holds a group of {seeds} seeds.", f"Go on with: {resume_command(directory, seeds)}"
        )
    if resume and group and not holds_group(directory):
        raise RunError(
            f"{directory} holds a single run, not a group of seeds.", "Resume it without --seeds, or choose --out."
        )


def require_same_recipe(directory: Path, recipe: Recipe) -> None:
    """Makes sure that a run was begun with this recipe; its name and description do not matter.

    Raises:
        RunError: If it was another one; the message says what differs.
    """
    hint = "or start over with --force."
    try:
        begun = read_recipe(directory / RECIPE)
    except SentrecError as error:
        raise RunError(f"the recipe of {directory} does not load: {error.message}", f"Mend it, {hint}") from error
    old, new = (one.model_dump(mode="json", exclude={"name", "description"}) for one in (begun, recipe))
    changes = list(_changes(old, new))
    if changes:
        listed = "; ".join(changes[:_LISTED]) + ("; ..." if len(changes) > _LISTED else "")
        raise RunError(
            f"the run in {directory} was started with another recipe: {listed}.",
            f"Resume with --recipe {directory / RECIPE}, {hint}",
        )


def require_whole_group(directory: Path, seeds: list[int]) -> None:
    """Makes sure that no seed that a group was begun with is left out.

    Raises:
        RunError: If one is.
    """
    begun = group_seeds(directory)
    left_out = [str(seed) for seed in begun if seed not in seeds]
    if left_out:
        raise RunError(
            f"{directory} holds a group of {len(begun)} seeds; this would leave out {', '.join(left_out)}.",
            f"Go on with: {resume_command(directory, len(begun))}",
        )


def require_same_data(directory: Path, data: PreparedData) -> None:
    """Makes sure that a run was begun with these rows.

    Raises:
        RunError: If any text or label is another one.
    """
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
    """Makes sure that a training does not replace the model that it learns from.

    Raises:
        RunError: If that model lies in the directory.
    """
    for setting, run in (("init", data.source), ("objective.teacher", data.teacher)):
        if run is not None and run.path.resolve().is_relative_to(directory.resolve()):
            raise RunError(f"{directory} holds the model that {setting} names.", "Choose another --out.")


def remove_run(directory: Path) -> None:
    """Removes a run, a group or an ensemble: what sentrec writes and nothing else, so that notes beside it stay.

    What marks the directory as sentrec's goes last, so that a killed process can be started again.
    """
    for member in (*directory.glob("seed-*"), *directory.glob("member-*")):
        if member.name.partition("-")[2].isdecimal() and holds_run(member):
            _remove_member(member)
    remove_leftovers(directory)
    remove_checkpoints(directory / CHECKPOINTS)
    evaluations = directory / EVALUATIONS
    if evaluations.is_symlink():
        evaluations.unlink()
    elif evaluations.is_dir():
        shutil.rmtree(evaluations)
    for name in (*RECORDED, ENVIRONMENT):
        (directory / name).unlink(missing_ok=True)


def remove_leftovers(directory: Path) -> None:
    """Removes the half-written files of a process that was killed."""
    for name in (*RECORDED, ENVIRONMENT, f"{CHECKPOINTS}/{LAST}", f"{CHECKPOINTS}/{BEST}"):
        remove_half_written(directory / name)


def _remove_member(member: Path) -> None:
    if member.is_symlink():
        member.unlink()
        return
    remove_run(member)
    if not any(member.iterdir()):
        member.rmdir()


def _is_blank(directory: Path) -> bool:
    # A process that was killed before it had written its first file left at most a part of that.
    return all(path.match(f".{ENVIRONMENT}.*.part") for path in directory.iterdir())


def _changes(old: dict[str, Any], new: dict[str, Any], path: str = "") -> Iterator[str]:
    for key in old | new:
        before, now = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from _changes(before, now, f"{path}{key}.")
        elif before != now:
            yield f"{path}{key} was {_short(before)} and is now {_short(now)}"


def _short(value: Any) -> str:
    return "a section" if isinstance(value, dict) else json.dumps(value, ensure_ascii=False)

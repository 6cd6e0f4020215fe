"""The run directory: what a training leaves behind, written whole and checked when read.

Only safetensors, JSON and YAML: opening a run never executes anything that it holds.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from sentrec.errors import RunError, SentrecError
from sentrec.files.parse import parse_json, read_text, user_path
from sentrec.files.storage import atomic_path, write_json, write_text
from sentrec.recipe import Recipe, read_recipe, to_yaml
from sentrec.runs.files import INCOMPLETE, read_names, read_object, sha256_of, verify_files

RECIPE = "recipe.yaml"
MODEL = "model.safetensors"
TOKENIZER = "tokenizer.json"
LABELS = "labels.json"
METRICS = "metrics.json"
HISTORY = "history.jsonl"
ENVIRONMENT = "environment.json"
CHECKPOINTS = "checkpoints"
EVALUATIONS = "evaluation"
RUNS = "runs"
RECORDED = (MODEL, TOKENIZER, LABELS, RECIPE, HISTORY, METRICS)
"""The files of a run whose checksums its environment records: all but the environment itself."""
STARTER = "starter"
"""The name of the model that comes with sentrec."""
BUILTIN_MODELS = {STARTER: Path(__file__).parents[1] / "starter"}
"""The models that come with sentrec, by name; a checkout from which none was exported yet lacks the folder."""
_SEEDS = "seeds"
_ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Run:
    """A finished run, or an ensemble of runs: one model, wherever a run can be named.

    Attributes:
        path: Its directory.
        recipe: The fully expanded recipe that made it; of an ensemble, that of its first member under the ensemble's
            name, since the data is what all members share.
        label_names: Names of the classes in the order of their numbers.
        metrics: What `metrics.json` holds.
        members: The runs that an ensemble averages, each in a folder of its own within `path`; empty for a single run.
    """

    path: Path
    recipe: Recipe
    label_names: tuple[str, ...]
    metrics: dict[str, Any]
    members: tuple["Run", ...] = ()

    @property
    def temperature(self) -> float:
        """What the logits are divided by before the softmax; fitted on the validation rows."""
        return float(self.metrics["calibration"]["temperature"])

    @property
    def builtin_name(self) -> str | None:
        """The name of a model that comes with sentrec; None for every other run."""
        places = {place.resolve(): name for name, place in BUILTIN_MODELS.items()}
        return places.get(self.path.resolve())

    @property
    def place(self) -> str:
        """How a user names it: by the name of a model that comes with sentrec, else by its directory."""
        return self.builtin_name or str(self.path)

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """The rows of `history.jsonl`: losses while training, and each validation. An ensemble has none.

        Raises:
            RunError: If the file is missing, cut off or altered.
        """
        path = self.path / HISTORY
        lines = read_text(path, RunError, INCOMPLETE).splitlines()
        return [parse_json(line, path, RunError, INCOMPLETE) for line in lines if line.strip()]


def find_model(name: str | Path) -> Path:
    """The directory of a model that is named on a command line, in a recipe or from Python.

    A string that names a model that comes with sentrec always means that model, whatever lies in the working folder, so
    that the same command gives the same figures everywhere; a folder of that name is ``./starter``, or a `Path`.

    Args:
        name: A run directory, the name of one in the folder ``runs``, or ``starter``.

    Returns:
        The directory; that of a run need not exist.

    Raises:
        RunError: If this installation of sentrec came without the model.
    """
    if isinstance(name, Path) or name not in BUILTIN_MODELS:
        place, in_runs = user_path(name, RunError), Path(RUNS, name)
        return in_runs if not place.is_dir() and (in_runs / ENVIRONMENT).is_file() else place
    directory = BUILTIN_MODELS[name]
    if not (directory / ENVIRONMENT).is_file():
        raise RunError(
            f"this installation of sentrec came without the {name} model.",
            f"Name a run of your own (`sentrec train --recipe quickstart.yaml` makes one), or in a checkout make the "
            f"{name} from a run: sentrec export RUN --starter",
        )
    return directory


def open_run(path: str | Path) -> Run:
    """Opens a finished run or an ensemble; of a group of seeds that is no ensemble, the one that validated best.

    Args:
        path: What `find_model` takes.

    Raises:
        RunError: If there is no run, it is not finished, or a file of it is missing, cut off or altered.
    """
    directory = find_model(path)
    if not directory.is_dir():
        raise RunError(f"there is no run at {directory}.", "Train one: sentrec train --recipe imdb.yaml --out DIR")
    metrics = _finished_metrics(directory)
    if holds_ensemble(directory):
        return _open_ensemble(directory, metrics)
    if holds_group(directory):
        return open_run(directory / _best_member(metrics, directory))
    _verify(directory)
    try:
        recipe = read_recipe(directory / RECIPE)
    except SentrecError as error:
        raise RunError(f"the recipe of {directory} does not load: {error.message}", error.hint) from error
    return Run(directory, recipe, read_names(directory / LABELS), metrics)


def holds_run(directory: Path) -> bool:
    """Whether sentrec made this directory, a run or a group of seeds: its environment names the version of sentrec."""
    try:
        return _is_ours(read_environment(directory))
    except RunError:
        return False


def holds_group(directory: Path) -> bool:
    """Whether sentrec made this directory for a group of seeds."""
    return holds_run(directory) and _SEEDS in read_environment(directory)


def holds_ensemble(directory: Path) -> bool:
    """Whether the runs in this directory are one model, or are to become one when all are trained."""
    return holds_run(directory) and _ENSEMBLE in read_environment(directory)


def ensemble_name(directory: Path) -> str:
    """The name of the finished ensemble in this directory."""
    return str(read_environment(directory)[_ENSEMBLE]["name"])


def group_seeds(directory: Path) -> list[int]:
    """The seeds that a group was begun with; a `RunError` if its environment is missing or broken."""
    return list(read_environment(directory)[_SEEDS])


def is_finished(directory: Path) -> bool:
    """Whether a run (or a group of seeds) in this directory ended; `metrics.json` is written last."""
    return holds_run(directory) and (directory / METRICS).is_file()


def resume_command(directory: Path, seeds: int | None = None) -> str:
    """The command that goes on with what was begun in this directory: a run, or a group of so many seeds."""
    words = ["sentrec", "train", "--recipe", str(directory / RECIPE), "--out", str(directory)]
    return shlex.join(words + ([] if seeds is None else ["--seeds", str(seeds)]) + ["--resume"])


def write_start(
    directory: Path, recipe: Recipe, label_names: tuple[str, ...], tokenizer_json: str, environment: dict[str, Any]
) -> None:
    """Writes what is known before the first step; first the environment, which marks the directory as sentrec's."""
    write_json(directory / ENVIRONMENT, environment)
    write_text(directory / RECIPE, to_yaml(recipe))
    write_json(directory / LABELS, list(label_names))
    write_text(directory / TOKENIZER, tokenizer_json)


def write_group_start(directory: Path, recipe: Recipe, seeds: list[int], ensemble: bool = False) -> None:
    """Marks a directory as a group of these seeds, unfinished until `metrics.json` is there."""
    versions = {"sentrec": metadata.version("sentrec")}
    write_json(directory / ENVIRONMENT, {"versions": versions, _SEEDS: seeds} | ({_ENSEMBLE: {}} if ensemble else {}))
    write_text(directory / RECIPE, to_yaml(recipe))
    (directory / METRICS).unlink(missing_ok=True)


def write_end(directory: Path, history: list[dict[str, Any]], metrics: dict[str, Any]) -> None:
    """Writes what is known after the last step; the model must be there. The metrics, which mark the end, come last."""
    write_history(directory, history)
    checksums = {name: sha256_of(directory / name) for name in RECORDED if name != METRICS}
    with atomic_path(directory / METRICS) as temporary:
        write_json(temporary, metrics)
        checksums[METRICS] = sha256_of(temporary)
        write_json(directory / ENVIRONMENT, read_environment(directory) | {"sha256": checksums})


def write_ensemble(directory: Path, name: str, members: Sequence[Run], metrics: dict[str, Any]) -> None:
    """Makes the finished runs in folders of a directory one model; the metrics, which mark the end, come last.

    Args:
        directory: The ensemble's directory; a group of seeds stays one.
        name: What to call the ensemble.
        members: The runs, in folders within `directory`.
        metrics: The ensemble's figures.
    """
    begun = read_environment(directory) if holds_run(directory) else {}
    environment = {"versions": {"sentrec": metadata.version("sentrec")}} | begun
    environment["data"] = read_environment(members[0].path)["data"]
    names = [member.path.name for member in members]
    checksums = {f"{folder}/{ENVIRONMENT}": sha256_of(directory / folder / ENVIRONMENT) for folder in names}
    with atomic_path(directory / METRICS) as temporary:
        write_json(temporary, metrics)
        checksums[METRICS] = sha256_of(temporary)
        environment[_ENSEMBLE] = {"name": name, "members": names, "sha256": checksums}
        write_json(directory / ENVIRONMENT, environment)


def write_history(directory: Path, history: list[dict[str, Any]]) -> None:
    """Writes `history.jsonl`, a row a line."""
    write_text(directory / HISTORY, "".join(json.dumps(row) + "\n" for row in history))


def read_environment(directory: Path) -> dict[str, Any]:
    """What `environment.json` of a run holds.

    Raises:
        RunError: If it is missing or broken.
    """
    environment = read_object(directory / ENVIRONMENT)
    seeds = environment.get(_SEEDS, [0])
    are_seeds = isinstance(seeds, list) and bool(seeds) and all(type(seed) is int for seed in seeds)
    if not are_seeds or not isinstance(environment.get("data", {}), dict):
        raise RunError(f"{directory / ENVIRONMENT} was altered: it is not as sentrec writes it.", INCOMPLETE)
    return environment


def _finished_metrics(directory: Path) -> dict[str, Any]:
    hint = "Name the folder that `train` wrote."
    if not (directory / ENVIRONMENT).is_file():
        raise RunError(f"{directory} is not a run directory: it has no {ENVIRONMENT}.", hint)
    environment = read_environment(directory)
    if not _is_ours(environment):
        raise RunError(f"{directory} is not a run directory: its {ENVIRONMENT} is not sentrec's.", hint)
    if not is_finished(directory):
        if "sha256" in environment and not (directory / CHECKPOINTS).is_dir():
            raise RunError(f"{directory} has no {METRICS}.", INCOMPLETE)
        seeds = len(environment[_SEEDS]) if _SEEDS in environment else None
        raise RunError(f"the run in {directory} is not finished.", f"Go on with: {resume_command(directory, seeds)}")
    return read_object(directory / METRICS)


def _open_ensemble(directory: Path, metrics: dict[str, Any]) -> Run:
    recorded = read_environment(directory)[_ENSEMBLE]
    altered = RunError(f"{directory / ENVIRONMENT} was altered: it lists no members with checksums.", INCOMPLETE)
    try:
        name, folders, checksums = str(recorded["name"]), list(recorded["members"]), dict(recorded["sha256"])
    except (KeyError, TypeError, ValueError) as error:
        raise altered from error
    if not folders or {f"{folder}/{ENVIRONMENT}" for folder in folders} - checksums.keys():
        raise altered
    # A member's environment records the checksums of all its files, so that no member can be exchanged unnoticed.
    verify_files(directory, checksums)
    members = tuple(open_run(directory / folder) for folder in folders)
    if any(member.members for member in members):
        raise RunError(
            f"{directory} is an ensemble of ensembles, which was removed.", "Join the runs anew: sentrec ensemble"
        )
    recipe = members[0].recipe.model_copy(update={"name": name})
    return Run(directory, recipe, members[0].label_names, metrics, members)


def _is_ours(environment: dict[str, Any]) -> bool:
    versions = environment.get("versions")
    return isinstance(versions, dict) and "sentrec" in versions


def _best_member(metrics: dict[str, Any], directory: Path) -> str:
    try:
        best = max(metrics["runs"], key=lambda one: float(one["validation_accuracy"]))
        return str(best["directory"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{directory / METRICS} was altered: it lists no runs.", INCOMPLETE) from error


def _verify(directory: Path) -> None:
    recorded = read_environment(directory).get("sha256")
    if not isinstance(recorded, dict) or set(RECORDED) - recorded.keys():
        raise RunError(f"{directory / ENVIRONMENT} was altered: it lacks checksums.", INCOMPLETE)
    verify_files(directory, {name: recorded[name] for name in RECORDED})

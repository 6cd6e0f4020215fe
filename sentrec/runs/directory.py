"""The run directory: what a training leaves behind, written whole and checked when read.

Only safetensors, JSON and YAML: opening a run never executes anything that it holds.
"""

import shlex
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from sentrec.errors import RunError, SentrecError
from sentrec.files.parse import parse_json, read_text, user_path
from sentrec.recipe import Recipe, read_recipe
from sentrec.runs.files import INCOMPLETE, read_names, read_object, verify_files

RECIPE = "recipe.yaml"
MODEL = "model.safetensors"
TOKENIZER = "tokenizer.json"
LABELS = "labels.json"
METRICS = "metrics.json"
HISTORY = "history.jsonl"
ENVIRONMENT = "environment.json"
CHECKPOINTS = "checkpoints"
EVALUATIONS = "evaluation"
TRACKED = "trackers"
RUNS = "runs"
RECORDED = (MODEL, TOKENIZER, LABELS, RECIPE, HISTORY, METRICS)
"""The files of a run whose checksums its environment records: all but the environment itself."""
STARTER = "starter"
"""The name of the model that comes with sentrec."""
BUILTIN_MODELS = {STARTER: Path(__file__).parents[1] / "starter"}
"""The models that come with sentrec, by name; a checkout from which none was exported yet lacks the folder."""
SEEDS = "seeds"
ENSEMBLE = "ensemble"
"""Keys of the environment of a group of seeds, and of an ensemble."""


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
        environment: What `environment.json` held when the run was opened.
    """

    path: Path
    recipe: Recipe
    label_names: tuple[str, ...]
    metrics: dict[str, Any]
    members: tuple["Run", ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)

    @property
    def temperature(self) -> float:
        """What the logits are divided by before the softmax; fitted on the validation rows."""
        return float(self.metrics["calibration"]["temperature"])

    @property
    def fingerprints(self) -> dict[str, str]:
        """What `environment.json` recorded of each part of the data, by its name."""
        return dict(self.environment.get("data", {}))

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
        """The rows of `history.jsonl`: losses while training, and each validation. An ensemble has none."""
        path = self.path / HISTORY
        lines = read_text(path, RunError, INCOMPLETE).splitlines()
        return [parse_json(line, path, RunError, INCOMPLETE) for line in lines if line.strip()]


@dataclass(frozen=True)
class RunDirectory:
    """A directory that sentrec made for a run, a group of seeds or an ensemble, finished or not."""

    path: Path
    environment: dict[str, Any]

    @property
    def seeds(self) -> list[int]:
        """The seeds that a group was begun with; none for a single run."""
        return list(self.environment.get(SEEDS, ()))

    @property
    def ensemble(self) -> Any:
        """What is recorded of an ensemble: empty until its members are joined; None where the runs are no ensemble."""
        return self.environment.get(ENSEMBLE)

    @property
    def is_finished(self) -> bool:
        """Whether it ended; `metrics.json` is written last."""
        return (self.path / METRICS).is_file()

    @property
    def resume_command(self) -> str:
        """The command that goes on with what was begun here."""
        return resume_command(self.path, len(self.seeds) or None)


def find_model(name: str | Path) -> Path:
    """The directory, which need not exist, of a run, of one in the folder ``runs``, or of ``starter``.

    A string that names a model that comes with sentrec always means that model, whatever lies in the working folder, so
    that the same command gives the same metrics everywhere; a folder of that name is ``./starter``, or a `Path`. Raises
    a `RunError` if this installation came without the model.
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
    """Opens what `find_model` finds: a run or an ensemble; of a group of seeds that is none, the best by validation.

    Raises a `RunError` if there is no run, it is not finished, or a file of it is missing, cut off or altered.
    """
    directory = find_model(path)
    if directory.suffix == ".onnx":
        raise RunError(f"{directory} is an ONNX file, which only predicts.", f"sentrec predict --model {directory}")
    if not directory.is_dir():
        raise RunError(f"there is no run at {directory}.", "Train one: sentrec train --recipe imdb.yaml --out DIR")
    found = _finished(directory)
    metrics, environment = read_object(directory / METRICS), found.environment
    if found.ensemble is not None:
        return _open_ensemble(found, metrics)
    if found.seeds:
        return open_run(directory / _best_member(metrics, directory))
    recorded = environment.get("sha256")
    if not isinstance(recorded, dict) or set(RECORDED) - recorded.keys():
        raise RunError(f"{directory / ENVIRONMENT} was altered: it lacks checksums.", INCOMPLETE)
    verify_files(directory, {name: recorded[name] for name in RECORDED})
    try:
        recipe = read_recipe(directory / RECIPE)
    except SentrecError as error:
        raise RunError(f"the recipe of {directory} does not load: {error.message}", error.hint) from error
    return Run(directory, recipe, read_names(directory / LABELS), metrics, environment=environment)


def look_at(directory: Path) -> RunDirectory | None:
    """What sentrec made in a directory; None where it made none, or where the environment is missing or broken."""
    try:
        environment = read_environment(directory)
    except RunError:
        return None
    return RunDirectory(directory, environment) if _is_ours(environment) else None


def is_finished(directory: Path) -> bool:
    """Whether there is a run, a group of seeds or an ensemble in this directory, and it ended."""
    found = look_at(directory)
    return found is not None and found.is_finished


def resume_command(directory: Path, seeds: int | None = None) -> str:
    """The command that goes on with what was begun in this directory: a run, or a group of so many seeds."""
    words = ["sentrec", "train", "--recipe", str(directory / RECIPE), "--out", str(directory)]
    return shlex.join(words + ([] if seeds is None else ["--seeds", str(seeds)]) + ["--resume"])


def read_environment(directory: Path) -> dict[str, Any]:
    """What `environment.json` of a run holds; a `RunError` if it is missing or broken."""
    environment = read_object(directory / ENVIRONMENT)
    seeds = environment.get(SEEDS, [0])
    are_seeds = isinstance(seeds, list) and bool(seeds) and all(type(seed) is int for seed in seeds)
    if not are_seeds or not isinstance(environment.get("data", {}), dict):
        raise RunError(f"{directory / ENVIRONMENT} was altered: it is not as sentrec writes it.", INCOMPLETE)
    return environment


def _finished(directory: Path) -> RunDirectory:
    hint = "Name the folder that `train` wrote."
    if not (directory / ENVIRONMENT).is_file():
        raise RunError(f"{directory} is not a run directory: it has no {ENVIRONMENT}.", hint)
    found = RunDirectory(directory, read_environment(directory))
    if not _is_ours(found.environment):
        raise RunError(f"{directory} is not a run directory: its {ENVIRONMENT} is not sentrec's.", hint)
    if not found.is_finished:
        if "sha256" in found.environment and not (directory / CHECKPOINTS).is_dir():
            raise RunError(f"{directory} has no {METRICS}.", INCOMPLETE)
        raise RunError(f"the run in {directory} is not finished.", f"Go on with: {found.resume_command}")
    return found


def _open_ensemble(found: RunDirectory, metrics: dict[str, Any]) -> Run:
    directory, recorded = found.path, found.ensemble
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
    return Run(directory, recipe, members[0].label_names, metrics, members, found.environment)


def _is_ours(environment: dict[str, Any]) -> bool:
    versions = environment.get("versions")
    return isinstance(versions, dict) and "sentrec" in versions


def _best_member(metrics: dict[str, Any], directory: Path) -> str:
    try:
        best = max(metrics["runs"], key=lambda one: float(one["validation_accuracy"]))
        return str(best["directory"])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{directory / METRICS} was altered: it lists no runs.", INCOMPLETE) from error

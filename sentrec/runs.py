"""The run directory: what a training leaves behind, written whole and checked when read.

Only safetensors, JSON and YAML: opening a run never executes anything that it holds.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from sentrec.errors import RunError, SentrecError
from sentrec.files import write_json, write_text
from sentrec.recipe import Recipe, load_recipe, to_yaml

RECIPE = "recipe.yaml"
MODEL = "model.safetensors"
TOKENIZER = "tokenizer.json"
LABELS = "labels.json"
METRICS = "metrics.json"
HISTORY = "history.jsonl"
ENVIRONMENT = "environment.json"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: Its directory.
        recipe: The fully expanded recipe that made it.
        label_names: Names of the classes in the order of their numbers.
        metrics: What `metrics.json` holds.
    """

    path: Path
    recipe: Recipe
    label_names: tuple[str, ...]
    metrics: dict[str, Any]

    @property
    def temperature(self) -> float:
        """What the logits are divided by before the softmax; fitted on the validation rows."""
        return float(self.metrics["calibration"]["temperature"])

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """The rows of `history.jsonl`: losses while training, and each validation."""
        lines = _read(self.path / HISTORY).splitlines()
        return [json.loads(line) for line in lines if line.strip()]


def open_run(path: str | Path) -> Run:
    """Opens a finished run; of a directory of several seeds, the one that validated best.

    Raises:
        RunError: If there is no run, it is not finished, or a file of it is missing, cut off or altered.
    """
    directory = Path(path)
    if not directory.is_dir():
        raise RunError(f"there is no run at {directory}.", "Train one: sentrec train --recipe imdb.yaml --out DIR")
    metrics = _finished_metrics(directory)
    if "runs" in metrics:
        best = max(metrics["runs"], key=lambda one: float(one["validation_accuracy"]))
        return open_run(directory / best["directory"])
    _verify(directory)
    try:
        recipe = load_recipe(directory / RECIPE)
    except SentrecError as error:
        raise RunError(f"the recipe of {directory} does not load: {error.message}", error.hint) from error
    return Run(directory, recipe, tuple(_read_json(directory / LABELS)), metrics)


def is_finished(directory: Path) -> bool:
    """Whether a run (or a group of seeds) in this directory ended; `metrics.json` is written last."""
    return (directory / METRICS).is_file()


def write_start(
    directory: Path, recipe: Recipe, label_names: tuple[str, ...], tokenizer_json: str, environment: dict[str, Any]
) -> None:
    """Writes what is known before the first step."""
    write_text(directory / RECIPE, to_yaml(recipe))
    write_json(directory / LABELS, list(label_names))
    write_text(directory / TOKENIZER, tokenizer_json)
    write_json(directory / ENVIRONMENT, environment)


def write_end(directory: Path, history: list[dict[str, Any]], metrics: dict[str, Any]) -> None:
    """Writes what is known after the last step; the model must be there. The metrics, which mark the end, come last."""
    write_history(directory, history)
    environment = _read_json(directory / ENVIRONMENT)
    environment["sha256"] = {name: _sha256(directory / name) for name in (MODEL, TOKENIZER, LABELS, RECIPE)}
    write_json(directory / ENVIRONMENT, environment)
    write_json(directory / METRICS, metrics)


def write_history(directory: Path, history: list[dict[str, Any]]) -> None:
    """Writes `history.jsonl`, a row a line."""
    write_text(directory / HISTORY, "".join(json.dumps(row) + "\n" for row in history))


def read_environment(directory: Path) -> dict[str, Any]:
    """What `environment.json` of a run holds.

    Raises:
        RunError: If it is missing or broken.
    """
    environment: dict[str, Any] = _read_json(directory / ENVIRONMENT)
    return environment


def _finished_metrics(directory: Path) -> dict[str, Any]:
    if is_finished(directory):
        metrics: dict[str, Any] = _read_json(directory / METRICS)
        return metrics
    if (directory / RECIPE).is_file():
        raise RunError(
            f"the run in {directory} is not finished.",
            f"Go on with: sentrec train --recipe {directory / RECIPE} --out {directory} --resume",
        )
    raise RunError(f"{directory} is not a run directory: it has no {METRICS}.", "Name the folder that `train` wrote.")


def _verify(directory: Path) -> None:
    for name, expected in read_environment(directory).get("sha256", {MODEL: "", RECIPE: ""}).items():
        path = directory / name
        if not path.is_file():
            raise RunError(f"{directory} has no {name}.", "The run is incomplete: copy it again, or train again.")
        if _sha256(path) != expected:
            raise RunError(
                f"{path} was cut off or altered: its checksum is not the one recorded at training.",
                "Copy the run again from where it was made, or train again with --force.",
            )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> Any:
    try:
        return json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise RunError(f"{path} is not valid JSON: {error}.", "It was cut off or altered; train again.") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path} cannot be read: {error}.", "The run is incomplete: copy it again.") from error

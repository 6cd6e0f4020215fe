"""Writing a run directory: whole files, in an order that tells a killed process from a finished one."""

import json
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from sentrec.files.storage import atomic_path, write_json, write_text
from sentrec.recipe import Recipe, to_yaml
from sentrec.runs.directory import (
    ENSEMBLE,
    ENVIRONMENT,
    HISTORY,
    LABELS,
    METRICS,
    RECIPE,
    RECORDED,
    SEEDS,
    TOKENIZER,
    Run,
    look_at,
    read_environment,
)
from sentrec.runs.files import sha256_of


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
    write_json(directory / ENVIRONMENT, _versions() | {SEEDS: seeds} | ({ENSEMBLE: {}} if ensemble else {}))
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
    """Makes the finished runs in folders of a directory, such as a group of seeds, one model; metrics come last."""
    begun = look_at(directory)
    names = [member.path.name for member in members]
    checksums = {f"{folder}/{ENVIRONMENT}": sha256_of(directory / folder / ENVIRONMENT) for folder in names}
    with atomic_path(directory / METRICS) as temporary:
        write_json(temporary, metrics)
        checksums[METRICS] = sha256_of(temporary)
        recorded = {ENSEMBLE: {"name": name, "members": names, "sha256": checksums}, "data": members[0].fingerprints}
        write_json(directory / ENVIRONMENT, _versions() | (begun.environment if begun else {}) | recorded)


def write_history(directory: Path, history: list[dict[str, Any]]) -> None:
    """Writes `history.jsonl`, a row a line."""
    write_text(directory / HISTORY, "".join(json.dumps(row) + "\n" for row in history))


def _versions() -> dict[str, Any]:
    return {"versions": {"sentrec": metadata.version("sentrec")}}

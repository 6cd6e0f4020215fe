"""Experiment trackers that a training also reports to, such as TensorBoard or MLflow, through Accelerate's.

A run's own `history.jsonl` stays what counts; none of them is a dependency.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelerate import tracking

from sentrec.errors import RecipeError, did_you_mean
from sentrec.recipe import Recipe
from sentrec.recipe.reading import flattened
from sentrec.runs.directory import TRACKED


class Trackers:
    """The trackers that ``training.trackers`` names; without any, nothing happens.

    What they keep on this machine lies in a folder of the run's `directory`; `known` rows of the history were reported
    by an earlier process.
    """

    def __init__(self, recipe: Recipe, directory: Path, known: int) -> None:
        self._reported = known
        self._trackers = [_started(name, recipe.name, directory / TRACKED) for name in recipe.training.trackers]
        for tracker in self._trackers:
            stated = flattened(recipe.model_dump(mode="json"))
            tracker.store_init_configuration({key: _plain(value) for key, value in stated.items()})

    def report(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Reports the rows of the history that are new."""
        for row in history[self._reported :] if self._trackers else ():
            values = {key: value for key, value in row.items() if key != "step"}
            for tracker in self._trackers:
                tracker.log(values, step=row["step"])
        self._reported = len(history)

    def finish(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Reports the finished run's metrics on validation and test rows, and closes the trackers."""
        values = {f"{part}_{key}": value for part in ("validation", "test") for key, value in metrics[part].items()}
        for tracker in self._trackers:
            tracker.log({f"final_{key}": value for key, value in values.items() if type(value) is float}, step=step)
            tracker.finish()


def require_trackers(names: Sequence[str]) -> None:
    """Raises a `RecipeError` if a tracker is not known, or its library is not installed."""
    for name in names:
        if name not in tracking.LOGGER_TYPE_TO_CLASS:
            hint = did_you_mean(name, tracking.LOGGER_TYPE_TO_CLASS)
            raise RecipeError(f"training.trackers: '{name}' is not a known tracker.", hint)
        is_builtin = tracking.LOGGER_TYPE_TO_CLASS[name].__module__ == tracking.__name__
        if is_builtin and find_spec(name) is None:  # where a module of its name is, Accelerate finds it
            raise RecipeError(f"training.trackers: {name} is not installed.", f"pip install {name}")


def _started(name: str, run_name: str, folder: Path) -> Any:
    kind = tracking.LOGGER_TYPE_TO_CLASS[name]
    tracker = kind(run_name, logging_dir=str(folder)) if kind.requires_logging_directory else kind(run_name)
    tracker.start()
    return tracker


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str) else str(value)

"""What a search finds: its finished trials and the best of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Metric = Literal["accuracy", "macro_f1", "log_loss"]


@dataclass(frozen=True)
class Trial:
    """A finished trial: its number, its values by key, what it validated at, and whether it was ended early."""

    number: int
    values: dict[str, Any]
    score: float | None
    state: str
    seconds: float


@dataclass(frozen=True)
class Search:
    """A search so far.

    Attributes:
        path: Its folder.
        metric: What trials are judged by.
        trials: The finished ones, in their order.
        best: The best of them.
        own: The one with the recipe's own values, if these lie within the space.
    """

    path: Path
    metric: Metric
    trials: tuple[Trial, ...]
    best: Trial
    own: Trial | None


def finished_trial(trial: Any) -> Trial | None:
    """What Optuna knows of a trial; None where it is not finished, or failed."""
    if trial.state.name not in ("COMPLETE", "PRUNED"):
        return None
    values = {key: json.loads(value) if isinstance(value, str) else value for key, value in trial.params.items()}
    score = trial.value if trial.state.name == "COMPLETE" else None
    return Trial(trial.number, values, score, trial.state.name.lower(), round(trial.duration.total_seconds(), 1))

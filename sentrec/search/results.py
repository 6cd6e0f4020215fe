"""What a search finds: finished trials, the best of them, and plots of how they validated and which keys mattered."""

import json
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from sentrec.evaluation.plots import label_axes, new_figure, save_png

Metric = Literal["accuracy", "macro_f1", "log_loss"]
HISTORY, IMPORTANCE = "history.png", "importance.png"
_FEWEST_FOR_IMPORTANCE = 5


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


def write_plots(study: Any, found: Search) -> None:
    """Writes both into the search's folder; importance takes a handful of trials with different scores."""
    scored = [(one.number, one.score) for one in found.trials if one.score is not None]
    numbers, scores = zip(*scored, strict=True)
    figure = new_figure(6.5, 3.8)
    axes = figure.subplots()
    axes.plot(numbers, scores, "o", markersize=4, label="trial")
    axes.plot(numbers, list(accumulate(scores, min if found.metric == "log_loss" else max)), label="best so far")
    if found.own is not None:
        axes.axhline(found.own.score or 0.0, linestyle=":", color="grey", label="the recipe as it is")
    axes.legend(frameon=False)
    label_axes(axes, "Trials", "", "trial", f"validation {found.metric}".replace("_", " "))
    save_png(figure, found.path / HISTORY)
    if len(scores) < _FEWEST_FOR_IMPORTANCE or len(set(scores)) == 1:
        return
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    importance = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    keys = list(reversed(importance))
    figure = new_figure(6.5, 1.2 + 0.35 * len(keys))
    axes = figure.subplots()
    axes.barh(keys, [importance[key] for key in keys])
    label_axes(axes, "Importance", "", "share of the variance of scores (fANOVA, Hutter et al. 2014)", "")
    save_png(figure, found.path / IMPORTANCE)

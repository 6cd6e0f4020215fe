"""The plots of a search: how trials validated, and which keys mattered."""

from itertools import accumulate
from typing import Any

from sentrec.evaluation.plots import label_axes, new_figure, save_png
from sentrec.search.results import Search

HISTORY, IMPORTANCE = "history.png", "importance.png"
_FEWEST_FOR_IMPORTANCE = 5


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

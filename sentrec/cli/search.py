"""`sentrec search`: the values of a recipe's keys that validate best."""

import logging
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sentrec.cli import options
from sentrec.cli.display.console import err, print_json, show_log
from sentrec.cli.display.console import out as stdout
from sentrec.cli.display.progress import duration, training_progress

if TYPE_CHECKING:
    from sentrec.search.results import Search, Trial

_SPACE = r"YAML file: key: \[values], or key: {low: 1e-4, high: 1e-2, log: true} (or step: N)."
_METRIC = "What a trial is judged by on the validation rows; test rows are never scored."


class MetricName(StrEnum):
    """What trials are judged by."""

    ACCURACY = "accuracy"
    MACRO_F1 = "macro_f1"
    LOG_LOSS = "log_loss"


def search(
    space: Annotated[Path, typer.Option(help=_SPACE)],
    recipe: options.RecipeArgument = None,
    recipe_option: options.RecipeOption = None,
    trials: Annotated[int, typer.Option(min=1, help="Finished trials in all.")] = 30,
    overrides: options.Overrides = None,
    metric: Annotated[MetricName, typer.Option(help=_METRIC)] = MetricName.ACCURACY,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of a trial, averaged.")] = 1,
    out: Annotated[Path | None, options.output_folder(help="The search's folder; by default runs/NAME-search.")] = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Search for the values of a recipe's keys that validate best.

    The same command goes on after an interruption, and several of them at the same time share the work.
    """
    recipe = options.one_recipe(recipe, recipe_option, False, False)
    options.require_extra("search", "optuna")
    show_log(logging.WARNING)
    from sentrec.search.search import search as run_search
    from sentrec.training.recipe import load_recipe

    folder = out or options.default_folder(f"{load_recipe(recipe, overrides or ()).name}-search")
    with training_progress(True) as on_progress:
        found = run_search(
            recipe,
            space,
            folder,
            trials=trials,
            overrides=overrides or (),
            metric=metric.value,
            seeds=seeds,
            on_progress=on_progress,
            on_trial=None if quiet else _say,
        )
    if as_json:
        print_json(asdict(found) | {"path": str(found.path)})
    else:
        _show(found)


def _say(trial: "Trial") -> None:
    score = "ended early" if trial.score is None else f"{trial.score:.4f}"
    values = ", ".join(f"{key}={_shown(value)}" for key, value in trial.values.items())
    err.print(f"trial {trial.number}: {score} ({duration(trial.seconds)}) {escape(values)}", soft_wrap=True)


def _show(found: "Search") -> None:
    table = Table("key", "best", *(["recipe"] if found.own else []), box=None, header_style="bold", pad_edge=False)
    for key, value in found.best.values.items():
        table.add_row(escape(key), _shown(value), *([_shown(found.own.values[key])] if found.own else []))
    score = f"validation {found.metric}".replace("_", " ")
    table.add_row(score, f"{found.best.score:.4f}", *([f"{found.own.score:.4f}"] if found.own else []), style="bold")
    stdout.print(table)
    pruned = sum(one.score is None for one in found.trials)
    ended = f"{len(found.trials)} trials, {pruned} of them ended early; none scored test rows."
    stdout.print(f"\n{ended} The best as a recipe:", soft_wrap=True)
    stdout.print(f"  sentrec train --recipe {escape(str(found.path / 'best.yaml'))}", soft_wrap=True)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))

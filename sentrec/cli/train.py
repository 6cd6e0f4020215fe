"""`sentrec train`: from a recipe to a run directory."""

import logging
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from sentrec.cli.display.console import out as stdout
from sentrec.cli.display.console import print_json, show_log
from sentrec.cli.display.training_progress import duration, training_progress
from sentrec.cli.options import (
    AsJson,
    Force,
    Labels,
    Overrides,
    Quiet,
    RecipeArgument,
    RecipeOption,
    Resume,
    default_folder,
    one_recipe,
    output_folder,
    resume_or_force,
    with_labels,
)
from sentrec.errors import counted

if TYPE_CHECKING:
    from sentrec.recipe import Recipe
    from sentrec.runs.directory import Run


def train(
    recipe: RecipeArgument = None,
    recipe_option: RecipeOption = None,
    overrides: Overrides = None,
    labels: Labels = None,
    out: Annotated[Path | None, output_folder(help="Run directory; by default runs/NAME.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Train so many seeds; report mean and spread.")] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Combine the seeds into one model, which averages them.")
    ] = False,
    resume: Resume = False,
    force: Force = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Train a model as a recipe says."""
    recipe = one_recipe(recipe, recipe_option)
    resume_or_force(resume, force)
    overrides = with_labels(overrides, labels)
    if ensemble and (seeds or 0) < 2:
        raise typer.BadParameter("--ensemble joins several seeds: add --seeds 3, say.")
    speaks = _is_first_process()
    if quiet or not speaks:
        show_log(logging.WARNING if speaks else logging.ERROR)
    from sentrec.training.recipe import load_recipe

    loaded = load_recipe(recipe, overrides)
    directory = out or default_folder(loaded.name)
    with training_progress(quiet or not speaks) as on_progress:
        runs, summary = _train(loaded, directory, seeds, ensemble, resume=resume, force=force, on_progress=on_progress)
    if not speaks:
        return
    if as_json:
        print_json((summary or runs[0].metrics) | {"run": str(directory)})
        return
    if summary is None:
        _show_run(runs[0])
    else:
        _show_seeds(runs, summary)
    _show_next(directory)


def _train(
    recipe: "Recipe", directory: Path, seeds: int | None, ensemble: bool, **options: Any
) -> "tuple[list[Run], dict[str, Any] | None]":
    """Trains one run, or as many as there are seeds; then there is a summary."""
    if seeds is None:
        from sentrec.training.train import train as train_run

        return [train_run(recipe, directory, **options)], None
    from sentrec.training.seeds import train_seeds

    return train_seeds(recipe, directory, seeds=seeds, ensemble=ensemble, **options)


def _is_first_process() -> bool:
    """Whether this process speaks for those that `accelerate launch` or `torchrun` started together."""
    return os.environ.get("RANK", "0") == "0"


def _show_run(run: "Run") -> None:
    test, data = run.metrics["test"], run.metrics["data"]
    low, high = test["accuracy_interval"]
    stdout.print(
        f"\n[bold]{escape(run.recipe.name)}[/]: test accuracy [bold]{test['accuracy']:.4f}[/] "
        f"(95 % interval {low:.4f} to {high:.4f}, {counted(test['n'], 'text')})"
    )
    stdout.print(
        f"macro F1 {test['macro_f1']:.4f}, log loss {test['log_loss']:.4f}, calibration error {test['ece']:.4f} "
        f"(by chance alone {test['ece_if_calibrated']:.4f})",
        soft_wrap=True,
    )
    init = run.recipe.init
    if init is not None and (before := run.metrics["init"].get("test_accuracy_before")) is not None:
        stdout.print(f"{escape(init.run)} as it is, before it saw your texts: {before:.4f}", soft_wrap=True)
    calibration, rows = run.metrics["calibration"], "validation" if init is None else "rows held out in turn"
    # Mixing weights that were fitted on the validation rows leave nothing for a temperature there.
    if init is not None or f"{calibration['temperature']:.2f}" != "1.00":
        stdout.print(_calibration_line(calibration, rows), soft_wrap=True)
    stdout.print(
        f"{data['train_rows']:,} training texts, {run.metrics['parameters']:,} parameters, seed {run.metrics['seed']}, "
        f"{duration(run.metrics['seconds'])} in all"
    )
    if data["test_texts_in_train"]:
        stdout.print(f"{data['test_texts_in_train']:,} test texts also occur in train")
    if unlabelled := data.get("test_texts_in_unlabelled"):  # runs from before these were counted have no such number
        stdout.print(f"{unlabelled:,} test texts are also among the unlabelled ones, and were left out there")


def _calibration_line(calibration: dict[str, Any], rows: str) -> str:
    loss, error = calibration["validation_log_loss"], calibration["validation_ece"]
    return (
        f"calibrated on {rows} with temperature {calibration['temperature']:.2f}: log loss {loss['before']:.4f} to "
        f"{loss['after']:.4f}, calibration error {error['before']:.4f} to {error['after']:.4f}"
    )


def _show_seeds(runs: "list[Run]", summary: dict[str, Any]) -> None:
    """The runs one by one, their mean, and where they were joined what they reach together."""
    if "members" in summary:
        _show_seeds(runs, summary["members"])
        show_ensemble(summary)
        return
    table = Table(title=f"{escape(runs[0].recipe.name)}: {len(runs)} seeds", title_justify="left")
    for heading in ("seed", "test accuracy", "validation accuracy", "time"):
        table.add_column(heading, justify="right")
    for one in summary["runs"]:
        figures = (f"{one['test_accuracy']:.4f}", f"{one['validation_accuracy']:.4f}", duration(one["seconds"]))
        table.add_row(str(one["seed"]), *figures)
    stdout.print(table)
    spread = summary["test_sd"]["accuracy"]
    deviation = "" if spread is None else f" ± {spread:.4f} (standard deviation)"
    stdout.print(f"test accuracy [bold]{summary['test']['accuracy']:.4f}[/]{deviation}, {summary['test']['n']:,} texts")


def show_ensemble(metrics: dict[str, Any]) -> None:
    """Prints what an ensemble reached."""
    test = metrics["test"]
    low, high = test["accuracy_interval"]
    stdout.print(
        f"their ensemble: test accuracy [bold]{test['accuracy']:.4f}[/] (95 % interval {low:.4f} to {high:.4f}), "
        f"log loss {test['log_loss']:.4f}, calibration error {test['ece']:.4f}",
        soft_wrap=True,
    )


def _show_next(directory: Path) -> None:
    where = escape(shlex.quote(str(directory)))
    stdout.print(
        f"\nThe run is in {escape(str(directory))}; measured against a linear model on the same rows:", soft_wrap=True
    )
    stdout.print(f"  sentrec evaluate {where} --baseline nb-lr", soft_wrap=True)

"""`sentrec train` and `sentrec ensemble`: from a recipe to a run directory, and from several runs to one model."""

import logging
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from sentrec.cli import options
from sentrec.cli.display.console import out as stdout
from sentrec.cli.display.console import print_json, show_log
from sentrec.cli.display.progress import duration, training_progress
from sentrec.cli.evaluate import show_ratings
from sentrec.errors import counted

if TYPE_CHECKING:
    from sentrec.runs.directory import Run


def train(
    recipe: options.RecipeArgument = None,
    recipe_option: options.RecipeOption = None,
    overrides: options.Overrides = None,
    labels: options.Labels = None,
    text_field: options.TextField = None,
    label_field: options.LabelField = None,
    out: Annotated[Path | None, options.output_folder(help="Run directory; by default runs/NAME.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Train so many seeds; report mean and spread.")] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Combine the seeds into one model, which averages them.")
    ] = False,
    resume: options.Resume = False,
    force: options.Force = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Train a model as a recipe says."""
    recipe = options.one_recipe(recipe, recipe_option, resume, force)
    overrides = options.with_columns(overrides, labels, text_field, label_field)
    if ensemble and (seeds or 0) < 2:
        raise typer.BadParameter("--ensemble joins several seeds: add --seeds 3, say.")
    # Of the processes that `accelerate launch` or `torchrun` started together only the first one speaks.
    speaks = os.environ.get("RANK", "0") == "0"
    if not speaks:
        show_log(logging.ERROR)
    from sentrec.training.recipe import load_recipe
    from sentrec.training.seeds import train_seeds
    from sentrec.training.train import train as train_run

    loaded = load_recipe(recipe, overrides)
    directory = out or options.default_folder(loaded.name)
    with training_progress(quiet or not speaks) as on_progress:
        how: dict[str, Any] = {"resume": resume, "force": force, "on_progress": on_progress}
        if seeds is None:
            runs, summary = [train_run(loaded, directory, **how)], None
        else:
            runs, summary = train_seeds(loaded, directory, seeds=seeds, ensemble=ensemble, **how)
    if not speaks:
        return
    if as_json:
        print_json((summary or runs[0].metrics) | {"run": str(directory)})
        return
    if summary is None:
        _show_run(runs[0])
    else:
        _show_seeds(runs, summary)
    if loaded.task == "rate":
        stdout.print(f"The run is in {escape(str(directory))}:", soft_wrap=True)
        stdout.print(f"  sentrec rate {escape(shlex.quote(str(directory)))} FILE", soft_wrap=True)
        return
    where = f"The run is in {escape(str(directory))}; measured against a linear model on the same rows:"
    _show_next(where, directory)


def ensemble(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Run directories; a group of seeds stands for all its runs.",
            autocompletion=options.model_names,
        ),
    ],
    out: Annotated[
        Path, options.output_folder("--out", help="Directory of the ensemble; the runs are copied into it.")
    ],
    name: Annotated[str | None, typer.Option(help="What to call it; by default as its directory.")] = None,
    device: options.Device = None,
    as_json: options.AsJson = False,
) -> None:
    """Join runs that were trained on the same rows, with any encoders, into one model that averages them."""
    from sentrec.training.ensemble import ensemble as join

    joined = join(runs, out, name=name, device=device)
    if as_json:
        print_json(joined.metrics | {"run": str(out)})
        return
    table = Table(title=f"{escape(joined.recipe.name)}: {len(joined.members)} runs", title_justify="left")
    table.add_column("recipe", overflow="fold")
    for heading in ("seed", "test accuracy", "validation accuracy"):
        table.add_column(heading, justify="right")
    for one in joined.metrics["members"]["runs"]:
        table.add_row(escape(one["recipe"]), *_accuracies(one))
    stdout.print(table)
    _show_ensemble(joined.metrics)
    _show_next(f"The ensemble is in {escape(str(out))}, a model like any run:", out)


def _show_run(run: "Run") -> None:
    if run.recipe.task == "rate":
        show_ratings({run.recipe.name: run.metrics["rating"]})
        out = f"{counted(run.metrics['data']['train_rows'], 'row')} of training, seed {run.metrics['seed']}"
        stdout.print(f"\n{out}, {duration(run.metrics['seconds'])} in all; ratings of rows that were held out")
        return
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
    name, count = max(((name, one["support"]) for name, one in test["per_class"].items()), key=lambda one: one[1])
    if count / test["n"] >= low:
        answer = f"always '{escape(name)}' is right on {count / test['n']:.4f}"
        stdout.print(
            f"[yellow]No better than a constant answer, as far as so few texts tell:[/] {answer}", soft_wrap=True
        )
    init = run.recipe.init
    if init is not None and (before := run.metrics["init"].get("test_accuracy_before")) is not None:
        stdout.print(f"{escape(init.run)} as it is, before it saw your texts: {before:.4f}", soft_wrap=True)
    calibration, rows = run.metrics["calibration"], "validation" if init is None else "rows held out in turn"
    if balance := run.metrics.get("balance"):
        f1, accuracy = balance["macro_f1"], balance["accuracy"]
        stdout.print(
            f"balanced on {rows}: macro F1 {f1['before']:.4f} to {f1['after']:.4f}, accuracy {accuracy['before']:.4f} "
            f"to {accuracy['after']:.4f}; probabilities are those of more equal classes",
            soft_wrap=True,
        )
    # Mixing weights that were fitted on the validation rows leave nothing for a temperature there.
    elif init is not None or f"{calibration['temperature']:.2f}" != "1.00":
        loss, error = calibration["validation_log_loss"], calibration["validation_ece"]
        stdout.print(
            f"calibrated on {rows} with temperature {calibration['temperature']:.2f}: log loss {loss['before']:.4f} to "
            f"{loss['after']:.4f}, calibration error {error['before']:.4f} to {error['after']:.4f}",
            soft_wrap=True,
        )
    stdout.print(
        f"{data['train_rows']:,} training texts, {run.metrics['parameters']:,} parameters, seed {run.metrics['seed']}, "
        f"{duration(run.metrics['seconds'])} in all"
    )
    if data["test_texts_in_train"]:
        stdout.print(f"{data['test_texts_in_train']:,} test texts also occur in train")
    if unlabelled := data.get("test_texts_in_unlabelled"):  # runs from before these were counted have no such number
        stdout.print(f"{unlabelled:,} test texts are also among the unlabelled ones, and were left out there")


def _show_seeds(runs: "list[Run]", summary: dict[str, Any]) -> None:
    """The runs one by one, their mean, and where they were joined what they reach together."""
    if "members" in summary:
        _show_seeds(runs, summary["members"])
        _show_ensemble(summary)
        return
    table = Table(title=f"{escape(runs[0].recipe.name)}: {len(runs)} seeds", title_justify="left")
    for heading in ("seed", "test accuracy", "validation accuracy", "time"):
        table.add_column(heading, justify="right")
    for one in summary["runs"]:
        table.add_row(*_accuracies(one), duration(one["seconds"]))
    stdout.print(table)
    spread = summary["test_sd"]["accuracy"]
    deviation = "" if spread is None else f" ± {spread:.4f} (standard deviation)"
    stdout.print(f"test accuracy [bold]{summary['test']['accuracy']:.4f}[/]{deviation}, {summary['test']['n']:,} texts")


def _accuracies(one: dict[str, Any]) -> tuple[str, str, str]:
    return str(one["seed"]), f"{one['test_accuracy']:.4f}", f"{one['validation_accuracy']:.4f}"


def _show_ensemble(metrics: dict[str, Any]) -> None:
    test = metrics["test"]
    low, high = test["accuracy_interval"]
    stdout.print(
        f"their ensemble: test accuracy [bold]{test['accuracy']:.4f}[/] (95 % interval {low:.4f} to {high:.4f}), "
        f"log loss {test['log_loss']:.4f}, calibration error {test['ece']:.4f}",
        soft_wrap=True,
    )


def _show_next(where: str, directory: Path) -> None:
    stdout.print(f"\n{where}", soft_wrap=True)
    stdout.print(f"  sentrec evaluate {escape(shlex.quote(str(directory)))} --baseline nb-lr", soft_wrap=True)

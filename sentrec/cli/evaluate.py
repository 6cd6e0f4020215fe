"""`sentrec evaluate`: how good a run is, how sure that is, and how it compares."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape
from rich.table import Table

from sentrec.cli import options
from sentrec.cli.display.console import err, out, print_json
from sentrec.errors import counted

if TYPE_CHECKING:
    from sentrec.evaluation.evaluate import Evaluation
    from sentrec.evaluation.ratings import RatingEvaluation
    from sentrec.evaluation.samples import SamplePrediction
    from sentrec.metrics.comparison import Comparison

_MOST_CLASSES_IN_MATRIX = 12


_Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="How to read --data: data.text_columns, label_column, label_names, label_map, encoding or bad_rows; "
        "with --folds, anything of the recipe.",
        metavar="KEY=VALUE",
    ),
]
_Folds = Annotated[
    int | None,
    typer.Option(min=2, help="Of task: rate: train a run's recipe (or the recipe RUN) anew on so many parts."),
]
_SplitBy = Annotated[
    Literal["rows", "time"] | None,
    typer.Option(help="With folds; time: rate later rows by earlier ones, see data.test_from."),
]


def evaluate(
    run: options.NamedRun,
    data: Annotated[
        str | None,
        typer.Option(help="A named dataset, or a file: CSV, JSON, Parquet, .xlsx; by default the run's own."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the data; a file has only one.")] = "test",
    overrides: _Overrides = None,
    labels: options.Labels = None,
    text_field: options.TextField = None,
    label_field: options.LabelField = None,
    against: Annotated[
        str | None, typer.Option(help="Another run, to compare with on the same rows.", show_default=False)
    ] = None,
    baseline: Annotated[
        options.BaselineName | None,
        typer.Option(help="A linear n-gram model to train on the run's rows and compare with.", show_default=False),
    ] = None,
    out_directory: Annotated[
        Path | None,
        options.output_folder("--out", help="Where to write; else RUN/evaluation/DATA-SPLIT (of the starter in runs)."),
    ] = None,
    predictions: Annotated[
        Path | None,
        options.output_file("--predictions", help="Write the answer to each row: .csv, .jsonl, .parquet or .xlsx."),
    ] = None,
    plots: Annotated[bool, typer.Option("--plots/--no-plots", help="Draw the plots.")] = True,
    explanations: Annotated[
        int, typer.Option(min=0, help="Measure on so many rows whether `sentrec explain` tells the truth.")
    ] = 0,
    classes: Annotated[
        Literal["2", "3", "5"] | None, typer.Option(help="Measure in 3 classes, with neutral, or in one to five stars.")
    ] = None,
    folds: _Folds = None,
    split_by: _SplitBy = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
) -> None:
    """Measure a run (or starter) on labelled data or stars, and compare it with another run or a baseline."""
    overrides = options.with_columns(overrides, labels, text_field, label_field)
    if folds or split_by:
        if any((data, split != "test", baseline, out_directory, explanations, classes)):
            raise typer.BadParameter("--folds divides the recipe's own rows: it takes --set, --against, --predictions.")
        rated = _by_parts(run, folds or 5, split_by or "rows", overrides, against, predictions, quiet or as_json)
        print_json(rated.to_dict()) if as_json else _show_ratings(rated)
        return
    from sentrec.evaluation.evaluate import evaluate as evaluate_run

    others = (against, baseline, plots, out_directory, overrides, predictions, explanations)
    result = evaluate_run(run, data, split, *others, int(classes) if classes else None)
    if as_json:
        print_json(result.to_dict())
    else:
        _show(result)


def _by_parts(
    name: str,
    folds: int,
    split_by: Literal["rows", "time"],
    overrides: Sequence[str],
    against: str | None,
    predictions: Path | None,
    quiet: bool,
) -> "RatingEvaluation":
    from sentrec.evaluation.ratings import evaluate_ratings, recipe_of

    def on_part(recipe: str, number: int, parts: int) -> None:
        err.print(f"[dim]{escape(recipe)}: part {number} of {parts} is rated[/]", soft_wrap=True)

    recipe, rival = recipe_of(name, overrides), None if against is None else recipe_of(against)
    return evaluate_ratings(recipe, folds, split_by, rival, predictions, None if quiet else on_part)


def _show_ratings(result: "RatingEvaluation") -> None:
    out.print(f"[bold]{escape(result.name)}[/] on {escape(result.data)}, {escape(result.division)}\n", soft_wrap=True)
    show_ratings(result.metrics)
    for other, groups in result.differences.items():
        gains = (f"{group}: {gain:+.3f} ({low:+.3f} to {high:+.3f})" for group, (gain, low, high) in groups.items())
        out.print(f"R² less that of {escape(other)}, paired: {'; '.join(gains)}", highlight=False, soft_wrap=True)


def _show(result: "Evaluation") -> None:
    what = f"[bold]{escape(result.name)}[/] on {escape(result.data)} {escape(result.split)}"
    out.print(f"{what}, {counted(result.metrics['n'], 'row')}\n", soft_wrap=True)
    _show_metrics(result.metrics)
    _show_classes(result.metrics["per_class"])
    _show_confusion(result.metrics["confusion_matrix"], result.label_names)
    _show_texts("Sample predictions", result.samples)
    _show_texts("Most confident mistakes", result.mistakes)
    for comparison in result.comparisons:
        _show_comparison(comparison)
    if result.explanations is not None:
        _show_explanations(result.explanations)
    for note in result.notes:
        out.print(f"[yellow]Note:[/] {escape(note)}", soft_wrap=True)
    out.print("\nWritten:")
    for name in ("evaluation.json", *result.plots):
        out.print(f"  {escape(str(Path(result.directory) / name))}", soft_wrap=True)


def _show_metrics(metrics: dict[str, Any]) -> None:
    low, high = map(_percent, metrics["accuracy_interval"])
    area = metrics["roc_auc"]
    table = Table(show_header=False, box=None, padding=(0, 1))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    table.add_row("accuracy", _percent(metrics["accuracy"]), f"95 % interval {low} to {high}")
    table.add_row("macro F1", _percent(metrics["macro_f1"]), "")
    if "stars_mae" in metrics:
        table.add_row(
            "stars' mean absolute error",
            f"{metrics['stars_mae']:.3f}",
            f"of the expected stars; of their median {metrics['median_stars_mae']:.3f}",
        )
    table.add_row("ROC-AUC", "n/a" if area is None else f"{area:.4f}", "")
    table.add_row("log loss", f"{metrics['log_loss']:.4f}", "nats")
    table.add_row("Brier score", f"{metrics['brier']:.4f}", "")
    expected = f"{metrics['ece_if_calibrated']:.4f} by chance alone in so many rows"
    table.add_row("calibration error", f"{metrics['ece']:.4f}", f"confidence against accuracy, 15 bins; {expected}")
    out.print(table)


def _show_classes(per_class: dict[str, dict[str, Any]]) -> None:
    table = _titled("Per class", "class", "precision", "recall", "F1", "rows")
    for name, values in per_class.items():
        percentages = (_percent(values[key]) for key in ("precision", "recall", "f1"))
        table.add_row(escape(name), *percentages, f"{values['support']:,}")
    out.print(table)


def _show_confusion(matrix: Sequence[Sequence[int]], label_names: Sequence[str]) -> None:
    if len(label_names) > _MOST_CLASSES_IN_MATRIX:
        return  # wider than a terminal; the plot and the JSON have it
    table = _titled("Confusion matrix", "true \\ predicted", *map(escape, label_names))
    for place, (name, counts) in enumerate(zip(label_names, matrix, strict=True)):
        cells = (f"[bold]{count:,}[/]" if place == column else f"{count:,}" for column, count in enumerate(counts))
        table.add_row(escape(name), *cells)
    out.print(table)


def _show_texts(title: str, texts: Iterable["SamplePrediction"]) -> None:
    table = _titled(title)
    table.add_column("row", justify="right")
    table.add_column("predicted")
    table.add_column("confidence", justify="right")
    table.add_column("true")
    table.add_column("text", ratio=1)
    for one in texts:
        style = "green" if one.label == one.predicted else "red"
        predicted = f"[{style}]{escape(one.predicted)}[/]"
        table.add_row(f"{one.row:,}", predicted, f"{one.confidence:.1%}", escape(one.label), escape(one.text))
    if table.row_count:
        out.print(table)


def _show_explanations(measured: dict[str, Any]) -> None:
    """The probability that labels lose: without the words that explanations name, with these alone, and at random."""
    table = _titled(f"Explanations of {counted(measured['texts'], 'text')}: probability lost", "", *measured["random"])
    rows = {
        "without the named words": "comprehensiveness",
        "without random words": "random",
        "named words alone": "sufficiency",
        "random words alone": "random_sufficiency",
    }
    for title, name in rows.items():
        table.add_row(title, *(f"{value:.3f}" for value in measured[name].values()))
    out.print(table)


def _show_comparison(comparison: "Comparison") -> None:
    out.print(f"\n[bold]Against {escape(comparison.second)}[/], on the same rows")
    out.print(f"  {escape(comparison.verdict)}", soft_wrap=True)
    first, second = _percent(comparison.first_accuracy), _percent(comparison.second_accuracy)
    only = f"right where the other is wrong: {comparison.only_first_right:,} and {comparison.only_second_right:,} rows"
    out.print(f"  accuracy {first} and {second}; {only}", soft_wrap=True)
    out.print(f"  McNemar: p = {comparison.mcnemar_exact:.2g} exact, {comparison.mcnemar_midp:.2g} mid-p")
    out.print("  [dim]The interval covers the choice of test rows, not that of the training seed.[/]", soft_wrap=True)


def _titled(title: str, first: str = "", *numbers: str) -> Table:
    """A table with a column of names, if there are such, and columns of numbers."""
    table = Table(title=f"\n[bold]{title}[/]", title_justify="left", title_style="", box=None, padding=(0, 1))
    if first:
        table.add_column(first, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


_METRICS = {"mae": "MAE", "rmse": "RMSE", "r2": "R²", "spearman": "Spearman"}


def show_ratings(measured: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
    """Prints how good predicted ratings are: a table for each model, a line for each group of rows."""
    for name, groups in measured.items():
        table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", pad_edge=False)
        table.add_column("rows", no_wrap=True)
        for heading in ("n", *_METRICS.values(), "in 90 %\ninterval"):
            table.add_column(heading, justify="right", no_wrap=True)
        for group, metrics in groups.items():
            values = (_with_interval(metrics[key], metrics[f"{key}_interval"]) for key in _METRICS)
            covered = f"{metrics['coverage']:.1%}\n[dim]± {metrics['interval_width'] / 2:.2f}[/]"
            table.add_row(escape(group), f"{metrics['n']:,}", *values, covered)
        out.print(f"[bold]{escape(name)}[/]", soft_wrap=True)
        out.print(table)
    out.print("[dim]95 % intervals by bootstrap over rows.[/]", highlight=False)


def _with_interval(value: float | None, interval: list[float] | None) -> str:
    if value is None or interval is None:
        return "n/a"
    return f"{value:.3f}\n[dim]{interval[0]:.3f}-{interval[1]:.3f}[/]"

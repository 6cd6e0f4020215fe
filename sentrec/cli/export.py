"""`sentrec export`: a run's model with quantized weights, and the starter model."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sentrec.cli.display.console import out as stdout
from sentrec.cli.display.console import print_json
from sentrec.cli.options import AsJson, NamedRun
from sentrec.files.storage import require_writable

if TYPE_CHECKING:
    from sentrec.export.export import Export

_ONNX = (
    "Write the model with its tokenizer as one ONNX file (extra onnx): `sentrec predict --model FILE` runs it without "
    "torch, examples/browser in a browser."
)


def export(
    run: NamedRun,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where to write: a folder, with --onnx a file, by default NAME.onnx; with --starter by default the "
            "starter's place in a checkout of sentrec.",
            show_default=False,
        ),
    ] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help=_ONNX)] = False,
    starter: Annotated[bool, typer.Option("--starter", help="With a model card, measured now.")] = False,
    max_megabytes: Annotated[float, typer.Option(min=0.1, help="Most that it may take on disk (10^6 bytes).")] = 8.0,
    min_agreement: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Least share of texts with the original's label.")
    ] = 0.995,
    max_mean_difference: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Largest mean difference from the original's probabilities.")
    ] = 0.005,
    max_difference: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Largest difference of a single probability.")
    ] = 0.1,
    as_json: AsJson = False,
) -> None:
    """Quantize a run's model to int8 and float16, and refuse it if its predictions change; or write it as ONNX."""
    if out is not None:
        require_writable(out, folder=not onnx)
    if onnx:
        if starter:
            raise typer.BadParameter("--onnx writes a file, --starter a run directory: choose one.")
        _export_onnx(run, out, as_json)
        return
    if out is None and not starter:
        raise typer.BadParameter("--out DIR is needed, unless it is the --starter.")
    from sentrec.export.export import export_model, starter_directory
    from sentrec.export.measure import Bound

    bound = Bound(min_agreement, max_mean_difference, max_difference)
    result = export_model(run, out or starter_directory(), max_megabytes, bound, with_card=starter)
    if as_json:
        sizes = {"run": str(result.run.path), "megabytes": result.megabytes, "bytes": result.bytes}
        print_json(sizes | result.run.metrics["export"])
    else:
        _show(result)


def _export_onnx(name: str, out: Path | None, as_json: bool) -> None:
    from sentrec.export.onnx import export_onnx
    from sentrec.runs.directory import open_run

    run = open_run(name)
    result = export_onnx(run, out or Path(f"{run.builtin_name or run.path.resolve().name}.onnx"))
    if as_json:
        print_json(asdict(result) | {"path": str(result.path)})
        return
    size, place = result.bytes / 1e6, escape(str(result.path))
    difference = f"its probabilities differ from the run's by {result.largest_difference:.0e} at most"
    stdout.print(f"[bold]{place}[/]: {size:.2f} MB; {difference}", soft_wrap=True)
    stdout.print(f"\nUse it: sentrec predict --model {place} TEXT", soft_wrap=True)


def _show(result: "Export") -> None:
    metrics, agreement = result.run.metrics, result.agreement
    large = [f"{name} {size / 1e6:.2f}" for name, size in result.bytes.items() if size >= 50_000]
    table = Table(show_header=False, box=None, padding=(0, 1))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    table.add_column()
    table.add_row("size", f"{result.megabytes:.2f} MB", ", ".join(large))
    table.add_row("equal labels", f"{100 * agreement.equal_labels:.2f} %", f"on {agreement.texts:,} of its texts")
    table.add_row("probabilities differ by", f"{agreement.mean_difference:.4f}", "on average")
    table.add_row("", f"{agreement.largest_difference:.4f}", "at most")
    before = f"of the original {metrics['export']['test_accuracy_of_original']:.4f}"
    table.add_row("test accuracy", f"{metrics['test']['accuracy']:.4f}", before)
    stdout.print(table)
    stdout.print(f"\nThe model is in {escape(str(result.run.path))}", soft_wrap=True)
    if result.card is not None:
        stdout.print(f"with its card: sentrec models show {escape(str(result.run.path))}", soft_wrap=True)

"""`sentrec transfer`: what really moves from a source to a target, at several label budgets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from sentrec.cli import options
from sentrec.cli.display.console import out as stdout
from sentrec.cli.display.console import printable
from sentrec.cli.display.progress import study_progress
from sentrec.cli.display.tables import show_study

if TYPE_CHECKING:
    from sentrec.transfer.results import Study


def transfer(
    recipe: options.RecipeArgument = None,
    recipe_option: options.RecipeOption = None,
    overrides: options.Overrides = None,
    out: Annotated[Path | None, options.output_folder(help="Study directory; by default runs/NAME.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Repeat every cell with so many seeds.")] = None,
    resume: options.Resume = False,
    force: options.Force = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Measure what a source gives to a target, against training on the target alone."""
    recipe = options.one_recipe(recipe, recipe_option, resume, force)
    from sentrec.transfer.loading import load_transfer
    from sentrec.transfer.study import transfer as run_study

    loaded = load_transfer(recipe, overrides or ())
    with study_progress(quiet) as on_progress:
        study = run_study(loaded, out, seeds=seeds, resume=resume, force=force, on_progress=on_progress)
    if as_json:
        typer.echo((study.path / "results.json").read_text(encoding="utf-8"), nl=False)
    else:
        _show(study)


def _show(study: "Study") -> None:
    show_study(study.targets, study.rows)
    for sentence in [*study.verdict, *(f"Note: {note}" for note in study.notes)]:
        stdout.print(f"\n{escape(printable(sentence))}")
    stdout.print("\nThe report, with its plots:")
    stdout.print(f"  {escape(str(study.path / 'report.md'))}", soft_wrap=True)
    seeds = len({result.cell.seed for result in study.results})
    stdout.print("More seeds make the intervals narrower; finished cells are kept:")
    stdout.print(f"  {escape(study.command)} --seeds {2 * seeds} --resume", soft_wrap=True)

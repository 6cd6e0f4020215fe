"""Options and arguments that several commands share, each with its help, its check and what Tab completes it with."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sentrec.cli.display.console import err
from sentrec.files.storage import require_writable

MODEL_HELP = "A run directory, the name of a run in runs, or starter: the model that comes with sentrec (the default)."
NAMED_RUN_HELP = (
    "A run directory, the name of a run in runs, or starter: the model that comes with sentrec (a folder of that name: "
    "./starter)."
)
RECIPE_HELP = "A recipe file, or the name of a built-in recipe."


def recipe_names(incomplete: str) -> list[str]:
    """What Tab completes a recipe with: built-in names, and YAML files."""
    from sentrec.recipe.reading import builtin_files

    return _starting_with(incomplete, [*builtin_files(), *(str(path) for path in _beside(incomplete, "*.y*ml"))])


def model_names(incomplete: str) -> list[str]:
    """What Tab completes a model with: the starter, runs in the folder runs, and other run directories."""
    from sentrec.runs.directory import BUILTIN_MODELS, ENVIRONMENT, RUNS

    runs = [path.parent.name for path in Path(RUNS).glob(f"*/{ENVIRONMENT}")]
    return _starting_with(incomplete, [*BUILTIN_MODELS, *runs, *(f"{path}/" for path in _beside(incomplete, "*/"))])


def encoder_names(incomplete: str) -> list[str]:
    """What Tab completes an encoder with: the registered names."""
    from sentrec.plugins import registry

    return _starting_with(incomplete, list(registry().encoders))


def _starting_with(incomplete: str, names: list[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _beside(incomplete: str, pattern: str) -> list[Path]:
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    return list(folder.glob(pattern)) if folder.is_dir() else []


def writable_file(path: Path | None) -> Path | None:
    """The callback of an option that names a file to write: refuses one that cannot be written, before any work."""
    if path is not None and str(path) != "-":
        require_writable(path)
    return path


def _writable_folder(path: Path | None) -> Path | None:
    if path is not None:
        require_writable(path, folder=True)
    return path


def output_file(*names: str, help: str) -> Any:
    """An option that names a file to write; one that cannot be written is refused before any work."""
    return typer.Option(*names, help=help, callback=writable_file, show_default=False)


def output_folder(*names: str, help: str) -> Any:
    """An option that names a folder to write; one that cannot be written is refused before any work."""
    return typer.Option(*names, help=help, callback=_writable_folder, show_default=False)


RecipeArgument = Annotated[
    str | None,
    typer.Argument(help=RECIPE_HELP, autocompletion=recipe_names, show_default=False),
]
RecipeOption = Annotated[
    str | None, typer.Option("--recipe", help="The same, as an option.", autocompletion=recipe_names)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value, e.g. training.epochs=2.", show_default=False),
]
Labels = Annotated[
    str | None,
    typer.Option(help="What labels mean: 1=bad,5=good (others are left out), or stars.", show_default=False),
]
NamedRun = Annotated[str, typer.Argument(help=NAMED_RUN_HELP, autocompletion=model_names, show_default=False)]
ModelOption = Annotated[
    str | None, typer.Option("--model", "-m", metavar="RUN", help=MODEL_HELP, autocompletion=model_names)
]
Device = Annotated[str | None, typer.Option(help="Where to compute, e.g. cpu or cuda.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but results, warnings and errors.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


def one_recipe(argument: str | None, option: str | None) -> str:
    """The recipe that a command line names, as an argument or as ``--recipe``.

    Raises:
        BadParameter: If it names none, or two.
    """
    if argument is not None and option is not None and argument != option:
        raise typer.BadParameter(f"two recipes are named: {argument} and --recipe {option}.")
    recipe = option if argument is None else argument
    if recipe is None:
        raise typer.BadParameter(
            "which one? `sentrec recipes list` shows the built-in ones.", param_hint="RECIPE or --recipe"
        )
    return recipe


def with_labels(overrides: list[str] | None, labels: str | None) -> list[str]:
    """The values of ``--set`` with what ``--labels`` says as one of them.

    Raises:
        BadParameter: If it is neither ``stars`` nor pairs such as ``1=bad``.
    """
    if labels is None:
        return overrides or []
    if labels.strip().casefold() == "stars":
        return [*(overrides or ()), "data.label_map=stars"]
    pairs = [[part.strip() for part in pair.rpartition("=")] for pair in labels.split(",")]
    if not all(label and meaning for label, _, meaning in pairs):
        raise typer.BadParameter(f"'{labels}': write pairs such as 1=bad,5=good, or stars.", param_hint="--labels")
    meanings = json.dumps({label: meaning for label, _, meaning in pairs})
    return [*(overrides or ()), f"data.label_map={meanings}"]


def default_folder(name: str) -> Path:
    """Where a recipe's results go if no folder is named: in ``runs``, whatever the recipe calls itself.

    Raises:
        SentrecError: If that cannot be written.
    """
    plain = "".join(mark if mark.isprintable() and mark not in "/\\" else "-" for mark in name).strip(" .")
    folder = Path("runs") / (plain or "unnamed")
    require_writable(folder, folder=True)
    return folder


def resume_or_force(resume: bool, force: bool) -> None:
    """Refuses both at once.

    Raises:
        BadParameter: If both are given.
    """
    if resume and force:
        raise typer.BadParameter("--resume keeps what is there and --force replaces it: choose one.")


def chosen_model(model: str | None, quiet: bool = False) -> str:
    """The model that a user names, else the starter, with a line on standard error that says so.

    Args:
        model: What ``--model`` says.
        quiet: Whether to leave that line out.

    Raises:
        RunError: If none is named and this installation of sentrec came without the starter.
    """
    if model is not None:
        return model
    from sentrec.runs.directory import STARTER, find_model

    find_model(STARTER)
    if not quiet:
        err.print(f"[dim]Model: {STARTER}, which comes with sentrec (--model RUN takes another one)[/]", soft_wrap=True)
    return STARTER

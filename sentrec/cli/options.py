"""Options and arguments that several commands share, each with its help, its check and what Tab completes it with."""

import json
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sentrec.cli.display.console import err, show_log
from sentrec.files.storage import require_writable

if TYPE_CHECKING:
    from sentrec.inference.shards import Engine

MODEL_HELP = "A run directory, the name of a run in runs, or starter: the model that comes with sentrec (the default)."
NAMED_RUN_HELP = (
    "A run directory, the name of a run in runs, or starter: the model that comes with sentrec (a folder of that name: "
    "./starter)."
)
RECIPE_HELP = "A recipe file, or the name of a built-in recipe."
BaselineName = Literal["nb-lr", "tfidf-lr"]
"""The baselines that a run can be compared with."""


def recipe_names(incomplete: str) -> list[str]:
    """What Tab completes a recipe with: built-in names, and YAML files."""
    from sentrec.recipe.reading import builtin_files

    return _starting_with(incomplete, [*builtin_files(), *(str(path) for path in _beside(incomplete, "*.y*ml"))])


def model_names(incomplete: str) -> list[str]:
    """What Tab completes a model with: the starter, runs in the folder runs, and other run directories."""
    from sentrec.runs.directory import BUILTIN_MODELS, ENVIRONMENT, RUNS

    runs = [path.parent.name for path in Path(RUNS).glob(f"*/{ENVIRONMENT}")]
    beside = [*(f"{path}/" for path in _beside(incomplete, "*/")), *map(str, _beside(incomplete, "*.onnx"))]
    return _starting_with(incomplete, [*BUILTIN_MODELS, *runs, *beside])


def encoder_names(incomplete: str) -> list[str]:
    """What Tab completes an encoder with: the registered names."""
    from sentrec.plugins import registry

    return _starting_with(incomplete, list(registry().encoders))


def _starting_with(incomplete: str, names: list[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _beside(incomplete: str, pattern: str) -> list[Path]:
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    return list(folder.glob(pattern)) if folder.is_dir() else []


def _output(folder: bool | None, *names: str, help: str, **more: Any) -> Any:
    """An option that names a file or folder to write; one that cannot be written is refused before any work.

    Where `folder` is None, a name without a suffix is that of a folder.
    """

    def checked(path: Path | None) -> Path | None:
        if path is not None and (folder or str(path) != "-"):
            require_writable(path, folder=not path.suffix if folder is None else folder)
        return path

    return typer.Option(*names, help=help, callback=checked, show_default=False, **more)


def hush(wanted: bool) -> bool:
    """Has the log tell warnings only, where that is wanted; the callback of ``--quiet``."""
    if wanted:
        show_log(logging.WARNING)
    return wanted


output_file, output_folder, output_either = partial(_output, False), partial(_output, True), partial(_output, None)

RecipeArgument = Annotated[
    str | None, typer.Argument(help=RECIPE_HELP, autocompletion=recipe_names, show_default=False)
]
RecipeOption = Annotated[
    str | None, typer.Option("--recipe", help="The same, as an option.", autocompletion=recipe_names)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one value, e.g. training.epochs=2.", show_default=False),
]
Labels = Annotated[
    str | None, typer.Option(help="What labels mean: 1=bad,5=good (others are left out), or stars.", show_default=False)
]
TextField = Annotated[
    str | None, typer.Option(help="Column of the text, or several: title,body; else found by name.", show_default=False)
]
LabelField = Annotated[
    str | None, typer.Option(help="Column of the label or the stars; else found by name.", show_default=False)
]
NamedRun = Annotated[str, typer.Argument(help=NAMED_RUN_HELP, autocompletion=model_names, show_default=False)]
Device = Annotated[str | None, typer.Option(help="Where to compute, e.g. cpu or cuda.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", callback=hush, help="Print nothing but results, warnings and errors.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


def model_option(**more: Any) -> Any:
    """The option that names a model."""
    how: dict[str, Any] = {"metavar": "RUN", "help": MODEL_HELP, "autocompletion": model_names} | more
    return typer.Option("--model", "-m", **how)


_ENGINES = {
    "--engine": "Where files are worked on: here, in several processes, or by Ray, on a cluster, too.",
    "--workers": "With --engine processes or ray: how many files at a time; else as many as there are processors.",
    "--address": "With --engine ray: the cluster to join, e.g. auto; else RAY_ADDRESS, or one that is started here.",
}
EngineName = Literal["local", "processes", "ray"]


def engine_option(name: str, **more: Any) -> Any:
    """One of the options that say where files are worked on."""
    return typer.Option(name, help=_ENGINES[name], show_default=name == "--engine", **more)


def chosen_engine(name: EngineName, workers: int | None, address: str | None) -> "Engine":
    """The engine that a command line names; refuses options that would do nothing."""
    if workers is not None and name == "local":
        raise typer.BadParameter("--workers needs --engine processes or ray.")
    if address is not None and name != "ray":
        raise typer.BadParameter("--address needs --engine ray.")
    if name == "local":  # the others are slow to import
        from sentrec.inference.shards import LocalEngine

        return LocalEngine()
    from sentrec.inference.engines import make_engine

    return make_engine(name, workers, address)


def one_recipe(argument: str | None, option: str | None, resume: bool, force: bool) -> str:
    """The recipe that a command line names, as an argument or as ``--recipe``; refuses none, two, and wrong usage."""
    if resume and force:
        raise typer.BadParameter("--resume keeps what is there and --force replaces it: choose one.")
    if argument is not None and option is not None and argument != option:
        raise typer.BadParameter(f"two recipes are named: {argument} and --recipe {option}.")
    recipe = option if argument is None else argument
    if recipe is None:
        hint = "which one? `sentrec recipes list` shows the built-in ones."
        raise typer.BadParameter(hint, param_hint="RECIPE or --recipe")
    return recipe


def with_columns(
    overrides: list[str] | None, labels: str | None, text_field: str | None, label_field: str | None
) -> list[str]:
    """The values of ``--set`` with what ``--labels``, ``--text-field`` and ``--label-field`` say as some of them."""
    overrides = list(overrides or [])
    if text_field is not None:
        overrides.append(f"data.text_columns={json.dumps([text_field])}")
    if label_field is not None:
        overrides.append(f"data.label_column={json.dumps(label_field)}")
    if labels is None:
        return overrides
    if labels.strip().casefold() == "stars":
        return [*overrides, "data.label_map=stars"]
    pairs = [[part.strip() for part in pair.rpartition("=")] for pair in labels.split(",")]
    if not all(label and meaning for label, _, meaning in pairs):
        raise typer.BadParameter(f"'{labels}': write pairs such as 1=bad,5=good, or stars.", param_hint="--labels")
    meanings = json.dumps({label: meaning for label, _, meaning in pairs})
    return [*overrides, f"data.label_map={meanings}"]


def default_folder(name: str) -> Path:
    """Where a recipe's results go if no folder is named: in ``runs``, whatever the recipe calls itself."""
    plain = "".join(mark if mark.isprintable() and mark not in "/\\" else "-" for mark in name).strip(" .")
    folder = Path("runs") / (plain or "unnamed")
    require_writable(folder, folder=True)
    return folder


def chosen_model(model: str | None, quiet: bool = False) -> str:
    """The model that a user names, else the starter, with a line on standard error that says so unless `quiet`."""
    if model is not None:
        return model
    from sentrec.runs.directory import STARTER, find_model

    find_model(STARTER)
    if not quiet:
        err.print(f"[dim]Model: {STARTER}, which comes with sentrec (--model RUN takes another one)[/]", soft_wrap=True)
    return STARTER


def require_extra(extra: str, *modules: str) -> None:
    """Imports nothing; a `SentrecError` with the command that installs an extra if a module of it is missing."""
    from importlib.util import find_spec

    from sentrec.errors import SentrecError

    if missing := [module for module in modules if find_spec(module) is None]:
        raise SentrecError(
            f"`sentrec {extra}` needs {', '.join(missing)}, which is not installed.",
            f'Install the extra: pip install -c constraints.txt "sentrec[{extra}]"',
        )

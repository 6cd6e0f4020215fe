"""The built-in recipes: finding one by name, and copying it to change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from sentrec.errors import RecipeError, did_you_mean
from sentrec.files.storage import write_text
from sentrec.recipe.yaml_values import RecipeLoader

_PACKAGE = "sentrec_recipes"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class BuiltinRecipe:
    """A recipe that comes with sentrec.

    Attributes:
        name: What `--recipe` takes, e.g. ``imdb``.
        path: Its file.
        header: The comment at its top, without the comment signs: what it shows, how to run it, what to expect.
        command: The subcommand that runs it, ``train`` or ``transfer``.
    """

    name: str
    path: Path
    header: str
    command: str

    @property
    def summary(self) -> str:
        """The first line of the header."""
        return self.header.partition("\n")[0]


def builtin_recipes() -> list[BuiltinRecipe]:
    """All recipes that come with sentrec, by name."""
    return [BuiltinRecipe(name, path, _header(path), command_for(path)) for name, path in _files().items()]


def is_study(tree: Mapping[str, Any]) -> bool:
    """Whether these sections are of a transfer study, which names a target, and not of one training."""
    return "target" in tree


def command_for(path: Path) -> str:
    """The subcommand that runs a recipe file: ``transfer`` for a study or one that extends a study, else ``train``."""
    from sentrec.recipe.loading import read_tree  # which finds recipes by means of this module

    try:
        return "transfer" if is_study(read_tree(path)) else "train"
    except RecipeError:
        return "train"  # which tells what is wrong with the file


def find_recipe(name_or_path: str | Path) -> Path:
    """The file of a recipe. An existing file wins, so that ``./imdb.yaml`` shadows the built-in one.

    Args:
        name_or_path: A YAML file, or the name of a built-in recipe, with or without ``.yaml``.

    Raises:
        RecipeError: If there is neither such a file nor such a built-in recipe; the hint gives the nearest name.
    """
    path = Path(name_or_path).expanduser()
    return path if path.is_file() else _builtin_path(str(name_or_path))


def copy_recipe(name: str, destination: Path | None = None, force: bool = False) -> Path:
    """Copies a recipe to a file of the user's own.

    Args:
        name: A built-in recipe, with or without ``.yaml``.
        destination: The new file, or a folder to put it in; None: the working folder.
        force: Whether an existing file may be replaced.

    Returns:
        The new file.

    Raises:
        RecipeError: If there is no such recipe, the new file exists already and `force` is not given, or it would be
            the recipe that the copy extends.
    """
    source = _builtin_path(name)
    target = Path() if destination is None else destination.expanduser()
    if target.is_dir():
        target = target / source.name
    text = source.read_text(encoding="utf-8")
    if yaml.load(text, Loader=RecipeLoader).get("extends") == target.name:
        raise RecipeError(f"{target} would extend itself: {source.name} extends {target.name}.", "Choose another name.")
    if target.exists() and not force:
        raise RecipeError(f"{target} exists already.", "Choose another name, or replace it with --force.")
    write_text(target, text)
    return target


def _builtin_path(name: str) -> Path:
    known = _files()
    stem = _without_suffix(name)
    if stem not in known:
        hint = f"{did_you_mean(Path(stem).name, known)} `sentrec recipes list` shows the built-in ones."
        raise RecipeError(f"'{name}' is neither a file nor a built-in recipe.", hint)
    return known[stem]


def _files() -> dict[str, Path]:
    folder = Path(str(resources.files(_PACKAGE)))
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix == ".yaml"}


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}" in _SUFFIXES else name


def _header(path: Path) -> str:
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" ").rstrip())
    return "\n".join(lines).strip()

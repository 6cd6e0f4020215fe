"""The built-in recipes: finding one by name, and copying it to change it."""

from importlib import resources
from pathlib import Path

from sentrec.errors import RecipeError, did_you_mean, shortened
from sentrec.files.parse import user_path
from sentrec.files.storage import write_text
from sentrec.files.yaml_values import parse_yaml

_PACKAGE = "sentrec_recipes"
_SUFFIXES = (".yaml", ".yml")


def find_recipe(name_or_path: str | Path) -> Path:
    """The file of a recipe. An existing file wins, so that ``./imdb.yaml`` shadows the built-in one.

    Args:
        name_or_path: A YAML file, or the name of a built-in recipe, with or without ``.yaml``.

    Raises:
        RecipeError: If there is neither such a file nor such a built-in recipe; the hint gives the nearest name.
    """
    path = user_path(name_or_path, RecipeError)
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
    target = Path() if destination is None else user_path(destination, RecipeError)
    if target.is_dir():
        target = target / source.name
    text = source.read_text(encoding="utf-8")
    if parse_yaml(text, source.name).get("extends") == target.name:
        raise RecipeError(f"{target} would extend itself: {source.name} extends {target.name}.", "Choose another name.")
    if target.exists() and not force:
        raise RecipeError(f"{target} exists already.", "Choose another name, or replace it with --force.")
    write_text(target, text)
    return target


def _builtin_path(name: str) -> Path:
    known = builtin_files()
    stem = _without_suffix(name)
    if stem not in known:
        hint = f"{did_you_mean(Path(stem).name, known)} `sentrec recipes list` shows the built-in ones."
        raise RecipeError(f"'{shortened(name)}' is neither a file nor a built-in recipe.", hint)
    return known[stem]


def builtin_files() -> dict[str, Path]:
    """The files of the recipes that come with sentrec, by name."""
    folder = Path(str(resources.files(_PACKAGE)))
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix == ".yaml"}


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}" in _SUFFIXES else name

"""From YAML files and overrides to the sections of a recipe; what they say is checked in `sentrec.recipe.loading`."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import takewhile
from pathlib import Path
from typing import Any

from sentrec.errors import RecipeError, did_you_mean, shortened
from sentrec.files.parse import MOST_DEPTH, read_text, user_path
from sentrec.files.storage import data_folder, write_text
from sentrec.files.yaml_values import MOST_CHARACTERS, parse_yaml
from sentrec.recipe.migrations import migrate

_PACKAGE = "sentrec_recipes"
_SUFFIXES = (".yaml", ".yml")
_NAMING_FILES = ("dataset", "train", "validation", "test", "unlabelled", "mixed_with")
"""The values of a data section that may be files."""

Locate = Callable[[dict[str, Any], Path], dict[str, Any]]
"""Takes the sections of one file and its folder, and gives them back with what lies in that folder as paths."""


@dataclass(frozen=True)
class BuiltinRecipe:
    """A recipe that comes with sentrec: what `--recipe` takes, e.g. ``imdb``, and its file."""

    name: str
    path: Path

    @property
    def header(self) -> str:
        """The comment at its top: what it shows, how to run it, what to expect."""
        lines = takewhile(lambda line: line.startswith("#"), self.path.read_text(encoding="utf-8").splitlines())
        return "\n".join(line.removeprefix("#").removeprefix(" ").rstrip() for line in lines).strip()

    @property
    def summary(self) -> str:
        """The first line of the header."""
        return self.header.partition("\n")[0]

    @property
    def command(self) -> str:
        """The subcommand that runs it, ``train`` or ``transfer``."""
        return command_for(self.path)


def builtin_recipes() -> list[BuiltinRecipe]:
    """All recipes that come with sentrec, by name."""
    return [BuiltinRecipe(name, path) for name, path in builtin_files().items()]


def command_for(path: Path) -> str:
    """The subcommand that runs a recipe file: ``transfer`` for a study or one that extends a study, else ``train``."""
    try:
        return "transfer" if is_study(read_tree(path)) else "train"
    except RecipeError:
        return "train"  # which tells what is wrong with the file


def is_study(tree: Mapping[str, Any]) -> bool:
    """Whether these sections are of a transfer study, which names a target, and not of one training."""
    return "target" in tree


def read_tree(name_or_path: str | Path, locate: Locate | None = None, *, saved: bool = False) -> dict[str, Any]:
    """The sections of a recipe as they are written, with those that it extends, and a name; nothing is checked.

    `locate` is applied to the sections of every file that is read; `saved` says that it is the recipe of a run, which
    loads without a word on renamed and removed keys. Raises a `RecipeError` if a file is missing or is not YAML.
    """
    path = find_recipe(name_or_path)
    return {"name": path.stem} | _read_with_parents(path, (), locate, saved)


def _read_with_parents(path: Path, children: tuple[Path, ...], locate: Locate | None, saved: bool) -> dict[str, Any]:
    if path.resolve() in children:
        hint = f"Remove one `extends:`. A built-in recipe is meant by `extends: {path.stem}`, without .yaml."
        raise RecipeError(f"{path} extends itself, directly or through others.", hint)
    tree = migrate(_read_yaml(path), str(path), saved=saved)
    tree = locate(tree, path.parent) if locate else tree
    parent = tree.pop("extends", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: `extends` must be the name or path of one recipe, not {parent!r}.")
    base = _read_with_parents(_find_parent(path, parent), (*children, path.resolve()), locate, saved)
    # Two recipes of one name would share a run directory.
    base.pop("name", None)
    return merged(base, tree)


def _find_parent(path: Path, parent: str) -> Path:
    try:
        beside = user_path(path.parent / parent, RecipeError)
        return beside if beside.is_file() else find_recipe(parent)
    except RecipeError as error:
        raise RecipeError(f"{path} extends a recipe that is not there: {error.message}", error.hint) from error


def _read_yaml(path: Path) -> dict[str, Any]:
    text = read_text(path, RecipeError, "Is it a recipe? Save it as UTF-8.", MOST_CHARACTERS)
    tree = parse_yaml(text, str(path), RecipeError)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise RecipeError(f"{path} must hold `key: value` lines, not only {str(tree)[:40]!r}.")
    return tree


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes`, section by section; another encoder loses the options of the old one."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            is_other = key == "encoder" and "name" in old and value.get("name", old["name"]) != old["name"]
            value = value if is_other else merged(old, value)
        result[key] = value
    return result


def flattened(tree: Mapping[str, Any], whole: Collection[str] = (), path: str = "") -> dict[str, Any]:
    """The values of a tree by their paths, such as ``training.epochs``; sections at a path of `whole` stay whole."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, Mapping) and f"{path}{key}" not in whole
        flat |= flattened(value, whole, f"{path}{key}.") if nested else {f"{path}{key}": value}
    return flat


def read_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """All overrides as one tree, so that their order does not matter; a `RecipeError` if one is no ``key=value``."""
    changes: dict[str, Any] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        parts = key.strip().split(".")
        if not equals or not all(parts) or len(parts) > MOST_DEPTH:
            raise RecipeError(
                f"'{shortened(override)}' is not an override.", "Write it as key=value, e.g. encoder.hidden=256."
            )
        change = parse_yaml(text, f"the value of '{shortened(override)}'", RecipeError)
        for part in reversed(parts):
            change = {part: change}
        changes = merged(changes, change)
    return migrate(changes, "an override")


def with_absolute_paths(tree: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The sections of a recipe with the files and runs that exist in `folder`, or else here, as absolute paths.

    What has neither a folder nor a suffix is a name, whatever file of that name there is; so is what does not exist.
    A file that lies in neither place is looked for in the folder ``SENTREC_DATA``. The sections need not be valid.
    """
    mirror = data_folder()

    def absolute(value: Any) -> Any:
        if isinstance(value, list):
            return [absolute(one) for one in value]
        if isinstance(value, dict):
            return value | {key: absolute(value[key]) for key in (*_NAMING_FILES, "teacher") if key in value}
        if not isinstance(value, str) or not (os.sep in value or "/" in value or Path(value).suffix):
            return value
        try:
            places = (folder / value, Path(value).expanduser(), *([mirror / value] if mirror else []))
            found = [place for place in places if place.exists()]
        except (OSError, RuntimeError, ValueError):
            return value  # which is reported when it is to be read
        return str(found[0].resolve()) if found else value

    located = dict(tree)
    for name, keys in (("data", _NAMING_FILES), ("init", ("run",)), ("objective", ("teacher", "sentences"))):
        if isinstance(values := tree.get(name), dict):
            located[name] = values | {key: absolute(values[key]) for key in keys if key in values}
    if isinstance(tree.get("init"), str):
        located["init"] = absolute(tree["init"])
    return located


def find_recipe(name_or_path: str | Path) -> Path:
    """The file of a recipe, or of a built-in one, which a file of that name shadows; else the nearest name is told."""
    path = user_path(name_or_path, RecipeError)
    return path if path.is_file() else _builtin_path(str(name_or_path))


def copy_recipe(name: str, destination: Path | None = None, force: bool = False) -> Path:
    """Copies a built-in recipe to a file of the user's own (None: in the working folder), which is returned.

    Raises a `RecipeError` if there is no such recipe, the new file exists already and `force` is not given, or it would
    be the recipe that the copy extends.
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
    base, dot, suffix = name.rpartition(".")
    stem = base if f"{dot}{suffix}" in _SUFFIXES else name
    if stem not in known:
        hint = f"{did_you_mean(Path(stem).name, known)} `sentrec recipes list` shows the built-in ones."
        raise RecipeError(f"'{shortened(name)}' is neither a file nor a built-in recipe.", hint)
    return known[stem]


def builtin_files() -> dict[str, Path]:
    """The files of the recipes that come with sentrec, by name."""
    folder = Path(str(resources.files(_PACKAGE)))
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix == ".yaml"}

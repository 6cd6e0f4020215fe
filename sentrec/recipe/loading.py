"""From a YAML file and overrides to a checked recipe; all mistakes are reported at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from sentrec.errors import PluginError, RecipeError, did_you_mean
from sentrec.recipe.library import find_recipe
from sentrec.recipe.schema import Recipe
from sentrec.recipe.yaml_numbers import RecipeLoader


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe, follows its ``extends``, applies overrides and checks the whole.

    Args:
        name_or_path: A YAML file, or the name of a built-in recipe such as ``imdb`` or ``imdb.yaml``.
        overrides: ``key=value`` pairs such as ``"encoder.hidden=256"``; values are read as YAML.

    Returns:
        The recipe with every default filled in, the encoder's own options included.

    Raises:
        RecipeError: If the file is missing, is not YAML, or anything in it is wrong; the message lists all mistakes.
    """
    path = find_recipe(name_or_path)
    tree = _read_with_parents(path, ())
    for override in overrides:
        _apply_override(tree, override)
    tree.setdefault("name", path.stem)
    return recipe_from_dict(tree, str(name_or_path))


def recipe_from_dict(tree: Mapping[str, Any], source: str = "the recipe") -> Recipe:
    """Checks a recipe that is given as plain values.

    Args:
        tree: The sections, as YAML gives them.
        source: What to call it in an error.

    Returns:
        The recipe with every default filled in, the encoder's own options included.

    Raises:
        RecipeError: If anything is wrong; the message lists all mistakes with their paths.
    """
    mistakes: list[str] = []
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        mistakes += _describe(error, Recipe)
    options = _checked_encoder(tree.get("encoder", Recipe.model_fields["encoder"].default), mistakes)
    if mistakes or recipe is None:
        listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
        raise RecipeError(f"{source} is not a valid recipe:\n{listed}", "Mend these, then try `sentrec recipes check`.")
    return recipe.model_copy(update={"encoder": options})


def to_yaml(recipe: Recipe) -> str:
    """The recipe, fully expanded, as YAML that `load_recipe` reads back to an equal recipe."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def _read_with_parents(path: Path, children: tuple[Path, ...]) -> dict[str, Any]:
    if path.resolve() in children:
        raise RecipeError(f"{path} extends itself, directly or through others.", "Remove one `extends:`.")
    tree = _read_yaml(path)
    parent = tree.pop("extends", None)
    if parent is None:
        return tree
    if not isinstance(parent, str):
        raise RecipeError(f"{path}: `extends` must be the name or path of one recipe, not {parent!r}.")
    beside = path.parent / parent
    found = beside if beside.is_file() else find_recipe(parent)
    return _merged(_read_with_parents(found, (*children, path.resolve())), tree)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), Loader=RecipeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is not valid YAML: {error}") from error
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}.") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise RecipeError(f"{path} must hold `key: value` lines, not a {type(tree).__name__}.")
    return tree


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict) and not _other_encoder(key, old, value):
            value = _merged(old, value)
        result[key] = value
    return result


def _other_encoder(key: str, old: dict[str, Any], new: dict[str, Any]) -> bool:
    # Another encoder has other options: those of the recipe that it extends mean nothing to it.
    return key == "encoder" and new.get("name", old.get("name")) != old.get("name")


def _apply_override(tree: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not all(key.split(".")):
        raise RecipeError(f"'{override}' is not an override.", "Write it as key=value, e.g. encoder.hidden=256.")
    try:
        value = yaml.load(text, Loader=RecipeLoader)
    except yaml.YAMLError as error:
        raise RecipeError(f"the value of '{override}' is not valid YAML: {error}") from error
    change: Any = value
    for part in reversed(key.split(".")):
        change = {part: change}
    merged = _merged(tree, change)
    tree.clear()
    tree.update(merged)


def _checked_encoder(encoder: Any, mistakes: list[str]) -> dict[str, Any]:
    """The encoder's options with defaults filled in; what is wrong is added to `mistakes`."""
    if not isinstance(encoder, Mapping):
        return {}  # the schema reports it already
    name = encoder.get("name")
    if not isinstance(name, str):
        mistakes.append("encoder.name: names the architecture, e.g. `name: bilstm`")
        return {}
    from sentrec.plugins import registry

    try:
        config_class = registry().encoder(name).encoder.Config
    except PluginError as error:
        mistakes.append(f"encoder.name: {error.message} {error.hint}")
        return {}
    options = {key: value for key, value in encoder.items() if key != "name"}
    try:
        config = config_class.model_validate(options)
    except ValidationError as error:
        mistakes += [f"encoder.{line}" for line in _describe(error, config_class)]
        return {}
    return {"name": name, **config.model_dump(mode="json")}


def _describe(error: ValidationError, schema: type[BaseModel]) -> list[str]:
    """One line a mistake: its path, what is wrong and, for an unknown key, the nearest known one."""
    lines = []
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            known = _fields_at(schema, item["loc"][:-1])
            lines.append(f"{path}: unknown key; {did_you_mean(str(item['loc'][-1]), known)}")
        else:
            lines.append(f"{path or 'recipe'}: {item['msg'].removeprefix('Value error, ')} (got {item['input']!r})")
    return lines


def _fields_at(schema: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        default = schema.model_fields[str(part)].get_default(call_default_factory=True)
        schema = type(default)
    return list(schema.model_fields)

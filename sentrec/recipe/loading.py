"""From a YAML file and overrides to a checked recipe; all mistakes are reported at once."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from sentrec.errors import PluginError, RecipeError, did_you_mean, shortened
from sentrec.files.yaml_values import dump_yaml
from sentrec.hookspecs import NGRAMS
from sentrec.recipe.migrations import migrate
from sentrec.recipe.reading import is_study, merged, read_overrides, read_tree, with_absolute_paths
from sentrec.recipe.schema import Recipe, names_no_encoder
from sentrec.recipe.sections import DataConfig, Section

_PLAIN_WORDS = {
    "model_type": "should be a section with keys of its own",
    "dict_type": "should be a section of its own: `name` and options",
    "tuple_type": "should be a list, e.g. [one, two]",
    "list_type": "should be a list, e.g. [one, two]",
    "invalid_key": "a key should be text",
}
"""What pydantic says in Python's words, in those of a recipe."""

_ON_ROWS = tuple(
    f"data.{key}" for key in ("text_columns", "label_column", "label_names", "label_map", "encoding", "bad_rows")
)
"""What tells how to read rows; all else of a data section tells which ones to train on."""


def recipe_tree(name_or_path: str | Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Reads a recipe, follows its ``extends`` and applies overrides; its sections are not checked.

    Files and runs that it names are looked up beside the file that names them, then from the current folder; what was
    found is an absolute path from then on. Raises a `RecipeError` if the file is missing, no YAML, or a transfer study.
    """
    tree = merged(read_tree(name_or_path, with_absolute_paths), with_absolute_paths(read_overrides(overrides), Path()))
    if is_study(tree):
        command = f"sentrec transfer --recipe {name_or_path}"
        raise RecipeError(f"{name_or_path} describes a transfer study, not one training.", f"Run it with: {command}")
    return tree


def read_recipe(path: Path) -> Recipe:
    """The recipe that a run keeps, which is fully expanded; any other one is read by `sentrec.load_recipe`."""
    return recipe_from_dict(read_tree(path, with_absolute_paths, saved=True), str(path))


def recipe_from_dict(tree: Mapping[str, Any], source: str = "the recipe") -> Recipe:
    """Checks a recipe of plain values; gives it with all defaults, the encoder's own options included.

    What `init` stands for must be there (`sentrec.training.recipe`). Errors call it `source`; the `RecipeError` lists
    all mistakes with their paths.
    """
    tree = {"encoder": {}, **migrate(tree, source)}  # one that is left out is reported like one without a name
    mistakes: list[str] = []
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(tree)
    except ValidationError as error:
        mistakes += describe_mistakes(error, Recipe)
    options = _checked_encoder(tree["encoder"], mistakes)
    if mistakes or recipe is None:
        listed = "\n".join(f"  - {mistake}" for mistake in mistakes)
        hint = "Correct these, then try `sentrec recipes check`."
        raise RecipeError(f"{source} is not a valid recipe:\n{listed}", hint)
    return recipe.model_copy(update={"encoder": options})


def describe_data(section: Mapping[str, Any], overrides: Sequence[str] = ()) -> DataConfig:
    """A data section apart from any recipe, which tells how to read rows that were not trained on.

    Raises a `RecipeError` if a value is wrong, or an override, as ``"data.label_column=stars"``, is on anything else.
    """
    changes = read_overrides(overrides)
    given = changes.pop("data", {})
    keys = [f"data.{key}" for key in given] if isinstance(given, Mapping) else ["data"]
    for key in (*changes, *keys):
        if key not in _ON_ROWS:
            raise RecipeError(f"'{key}' does not tell how to read rows.", did_you_mean(key, _ON_ROWS))
    try:
        return DataConfig.model_validate({**section, **given})
    except ValidationError as error:
        mistakes = "\n".join(f"  - data.{line}" for line in describe_mistakes(error, DataConfig))
        raise RecipeError(f"the data cannot be read so:\n{mistakes}") from error


def to_yaml(recipe: Section) -> str:
    """A recipe or a study, fully expanded, as YAML that `load_recipe` or `load_transfer` reads back to an equal one."""
    return dump_yaml(recipe.model_dump(mode="json"))


def _checked_encoder(encoder: Any, mistakes: list[str]) -> dict[str, Any]:
    """The encoder's options with defaults filled in; what is wrong is added to `mistakes`."""
    if names_no_encoder(encoder):
        return {"name": NGRAMS}
    if not isinstance(encoder, Mapping):
        return {}  # the schema reports it already
    from sentrec.plugins import registry

    name = encoder.get("name")
    if not isinstance(name, str):
        mistakes.append(f"encoder.name: is needed; {did_you_mean('', registry().encoders)}")
        return {}
    try:
        entry = registry().entry(name)
    except PluginError as error:
        mistakes.append(f"encoder.name: {error.message} {error.hint}")
        return {}
    options = {key: value for key, value in encoder.items() if key != "name"}
    try:
        filled = entry.config.model_validate(options).model_dump(mode="json")
        json.dumps(filled, allow_nan=False)
    except ValidationError as error:
        mistakes += [f"encoder.{line}" for line in describe_mistakes(error, entry.config)]
        return {}
    # The options are a plugin's own code: its validators may raise anything, and its values may not be plain ones.
    except Exception as error:
        raise entry.fault(f"cannot take its options: {type(error).__name__}: {shortened(error)}") from error
    return {"name": name, **filled}


def describe_mistakes(error: ValidationError, schema: type[BaseModel]) -> list[str]:
    """One line a mistake: its path, what is wrong and, for an unknown key, the nearest known one."""
    lines = []
    for item in error.errors(include_url=False):
        path = ".".join(str(part) for part in item["loc"]) or "recipe"
        kind = item["type"]
        if kind == "extra_forbidden":
            known = _fields_at(schema, item["loc"][:-1])
            lines.append(f"{path}: unknown key; {did_you_mean(str(item['loc'][-1]), known)}")
        else:
            what = _PLAIN_WORDS.get(kind) or item["msg"].removeprefix("Value error, ")
            # The message names the mistake of a whole section; the section itself would drown it.
            given = "" if isinstance(item["input"], Mapping) else f" (got {shortened(repr(item['input']))})"
            lines.append(f"{path}: {what}{given}")
    return lines


def _fields_at(schema: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The names that are known where `location` points to."""
    for part in location:
        field = schema.model_fields.get(str(part))
        kinds = (field.annotation, *get_args(field.annotation)) if field else ()
        sections = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not sections:
            return []
        schema = sections[0]
    return list(schema.model_fields)

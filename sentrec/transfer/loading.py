"""From a YAML file to a checked study: its own schema, and every recipe that it names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sentrec.errors import RecipeError
from sentrec.recipe import Recipe
from sentrec.recipe.builtin import find_recipe, is_study
from sentrec.recipe.loading import (
    describe_mistakes,
    merged,
    read_overrides,
    read_tree,
    recipe_from_dict,
)
from sentrec.recipe.yaml_values import RecipeDumper
from sentrec.runs import Run, open_run
from sentrec.transfer.schema import Source, TargetSide, TransferRecipe

_SHARED = ("text", "glove", "encoder", "model", "training")


@dataclass(frozen=True)
class NamedSource:
    """A source, ready to use: a recipe to train with each seed, or a finished run for all of them.

    Attributes:
        name: What the report calls it.
        recipe: The recipe; of a run, the one that made it.
        run: The finished run, or None.
    """

    name: str
    recipe: Recipe
    run: Run | None


@dataclass(frozen=True)
class NamedTarget:
    """A target, ready to use.

    Attributes:
        name: What the report calls it.
        recipe: Its recipe.
    """

    name: str
    recipe: Recipe


def load_transfer(name_or_path: str | Path, overrides: Sequence[str] = ()) -> TransferRecipe:
    """Reads a transfer recipe, follows its ``extends``, applies overrides and checks it.

    The recipes that it names are found beside its file first, then among the built-in ones.

    Args:
        name_or_path: A YAML file, or the name of a built-in recipe such as ``ag-news-to-imdb``.
        overrides: ``key=value`` pairs such as ``"glove.dim=50"`` (of all recipes alike) or ``"budgets=[100,all]"``.

    Raises:
        RecipeError: If the file is missing, is not YAML, or anything in it is wrong; the message lists all mistakes.
    """
    tree = merged(read_tree(name_or_path), read_overrides(overrides))
    if not is_study(tree):
        command = f"sentrec train --recipe {name_or_path}"
        raise RecipeError(f"{name_or_path} describes one training, not a transfer study.", f"Run it with: {command}")
    folder = find_recipe(name_or_path).parent
    for side in ("source", "target"):
        if side in tree:
            tree[side] = _beside(tree[side], folder)
    return transfer_from_dict(tree, str(name_or_path))


def transfer_from_dict(tree: Mapping[str, Any], source: str = "the recipe") -> TransferRecipe:
    """Checks a transfer recipe that is given as plain values.

    Raises:
        RecipeError: If anything is wrong; the message lists all mistakes with their paths.
    """
    try:
        return TransferRecipe.model_validate(tree)
    except ValidationError as error:
        listed = "\n".join(f"  - {mistake}" for mistake in describe_mistakes(error, TransferRecipe))
        raise RecipeError(f"{source} is not a valid transfer recipe:\n{listed}") from error


def transfer_to_yaml(recipe: TransferRecipe) -> str:
    """The study, fully expanded, as YAML that `load_transfer` reads back."""
    tree = recipe.model_dump(mode="json")
    return str(yaml.dump(tree, Dumper=RecipeDumper, sort_keys=False, allow_unicode=True, width=120))


def load_sources(study: TransferRecipe) -> list[NamedSource]:
    """The sources of a study, each with the study's shared sections applied.

    Raises:
        RecipeError: If a recipe is wrong, or two sources have the same name.
        RunError: If a run is missing, unfinished or was altered.
    """
    sources = [_load_source(one, study) for one in study.source]
    _require_different_names([one.name for one in sources], "source")
    return sources


def load_targets(study: TransferRecipe) -> list[NamedTarget]:
    """The targets of a study, each with the study's shared sections applied.

    Raises:
        RecipeError: If a recipe is wrong, or two targets have the same name.
    """
    targets = []
    for one in study.target:
        recipe = _with_changes(one.recipe, one, study)
        targets.append(NamedTarget(one.name or recipe.name, recipe))
    _require_different_names([one.name for one in targets], "target")
    return targets


def _load_source(source: Source, study: TransferRecipe) -> NamedSource:
    if source.run is not None:
        run = open_run(source.run)
        return NamedSource(source.name or run.recipe.name, run.recipe, run)
    assert source.recipe is not None  # the schema wants one of the two
    recipe = _with_changes(source.recipe, source, study)
    return NamedSource(source.name or recipe.name, recipe, None)


def _with_changes(name: str, side: Source | TargetSide, study: TransferRecipe) -> Recipe:
    tree = read_tree(name)
    shared = {key: value for key in _SHARED if (value := getattr(study, key)) != {}}
    # An n-gram channel has no weights that move, and would cover what those of the encoder are worth.
    tree = merged(merged(merged(tree, {"model": {"wide": None}}), shared), side.set)
    if side.name is not None:
        tree["name"] = side.name
    recipe = recipe_from_dict(tree, name)
    if recipe.model.wide is not None:
        raise RecipeError("a transfer study trains encoders, without a wide channel.", "Leave model.wide out of it.")
    return recipe


def _beside(value: Any, folder: Path) -> Any:
    """Names of recipes that lie beside the study's file become paths; all else stays for the schema to judge."""
    if isinstance(value, list):
        return [_beside(one, folder) for one in value]
    if isinstance(value, dict) and isinstance(value.get("recipe"), str):
        return value | {"recipe": _beside(value["recipe"], folder)}
    if isinstance(value, str) and (folder / value).is_file():
        return str(folder / value)
    return value


def _require_different_names(names: Sequence[str], side: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RecipeError(f"two {side}s are called {', '.join(twice)}.", f"Give each {side} a `name` of its own.")

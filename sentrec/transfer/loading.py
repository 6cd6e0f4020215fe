"""From a YAML file to a checked study: its own schema, and every recipe that it names."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sentrec.errors import RecipeError
from sentrec.recipe import Recipe
from sentrec.recipe.loading import describe_mistakes, recipe_from_dict
from sentrec.recipe.reading import find_recipe, is_study, merged, read_overrides, read_tree, with_absolute_paths
from sentrec.recipe.schema import names_no_encoder
from sentrec.recipe.sections import ObjectiveConfig
from sentrec.runs.directory import BUILTIN_MODELS, open_run
from sentrec.transfer.schema import SourceConfig, TargetConfig, TransferRecipe, plain_name
from sentrec.transfer.source import Source
from sentrec.transfer.target import TargetData

_log = logging.getLogger(__name__)

_ABOUT_GLOVE = ("frozen-glove", "random-embeddings")
_SIDES = ("source", "target")
_BEYOND_LABELS = ("unlabelled", "rating_column")
_SHARED = ("text", "glove", "encoder", "model", "training")


def load_transfer(name_or_path: str | Path, overrides: Sequence[str] = ()) -> TransferRecipe:
    """Reads a transfer recipe, follows its ``extends``, applies overrides (``"budgets=[100,all]"``) and checks it.

    The recipes and runs that it names are found beside the file that names them first, then from the current folder,
    then among the built-in ones; what was found as a file is an absolute path from then on. A `RecipeError` lists all
    mistakes.
    """
    changes = _located(read_overrides(overrides), Path())
    tree = read_tree(name_or_path, _located)
    for side in _SIDES:
        if side in tree and isinstance(changes.get(side), dict):
            tree[side] = _displaced(tree[side], changes[side])
    tree = _located(merged(tree, changes), find_recipe(name_or_path).parent)
    if not is_study(tree):
        command = f"sentrec train --recipe {name_or_path}"
        raise RecipeError(f"{name_or_path} describes one training, not a transfer study.", f"Run it with: {command}")
    return transfer_from_dict(tree, str(name_or_path))


def transfer_from_dict(tree: Mapping[str, Any], source: str = "the recipe") -> TransferRecipe:
    """Checks a transfer recipe that is given as plain values; a `RecipeError` lists all mistakes with their paths."""
    try:
        return TransferRecipe.model_validate(tree)
    except ValidationError as error:
        listed = "\n".join(f"  - {mistake}" for mistake in describe_mistakes(error, TransferRecipe))
        raise RecipeError(f"{source} is not a valid transfer recipe:\n{listed}") from error


def load_sides(study: TransferRecipe) -> tuple[list[Source], list[TargetData]]:
    """The sources and targets of a study, which fit each other and its arms; no data is read.

    Raises a `RecipeError` if a recipe is wrong, two have one name, sources and targets do not fit each other, or an arm
    would be another one; a `RunError` if a source's run is missing, unfinished or was altered.
    """
    sources, targets = load_sources(study), load_targets(study)
    for target in targets:
        for source in sources:
            source.require_fit(target)
        _require_different_arms(study, target)
    return sources, targets


def load_sources(study: TransferRecipe) -> list[Source]:
    """The sources of a study, each with the study's shared sections applied; raises what `load_sides` does."""
    sources = [_load_source(one, study) for one in study.source]
    _require_different_names([one.name for one in sources], "source")
    return sources


def load_targets(study: TransferRecipe) -> list[TargetData]:
    """The targets of a study, each with the study's shared sections applied; raises what `load_sides` does."""
    recipes = [_with_changes(one.recipe, one, study) for one in study.target]
    names = [one.name or recipe.name for one, recipe in zip(study.target, recipes, strict=True)]
    _require_different_names(names, "target")
    return [
        TargetData(name, recipe, one.labels, _setting("target", study.target, name))
        for one, recipe, name in zip(study.target, recipes, names, strict=True)
    ]


def _setting(side: str, all_of_it: Sequence[object], name: str) -> str:
    # Of several, an override would replace the whole list.
    return f"--set {side}.set." if len(all_of_it) == 1 else f"in the study's file, `set` of the {side} {name}: "


def _load_source(source: SourceConfig, study: TransferRecipe) -> Source:
    if source.run is not None:
        run = open_run(source.run)
        if run.members:
            raise RecipeError(
                f"{run.path} is an ensemble: a transfer study moves the weights of one run.",
                f"Name one of its members, e.g. {run.members[0].path}",
            )
        _require_encoder(str(run.path), run.recipe.encoder)
        if run.recipe.model.ngrams is not None:
            _log.info("%s: its encoder is the source; its n-grams stay behind", run.path)
        return Source(source.name or run.recipe.name, run.recipe, run)
    assert source.recipe is not None  # the schema wants one of the two
    recipe = _with_changes(source.recipe, source, study)
    name = source.name or recipe.name
    return Source(name, recipe, None, _setting("source", study.source, name))


def _require_encoder(name: str, encoder: object) -> None:
    if names_no_encoder(encoder):
        message = f"{name} has no encoder, and a transfer study moves the weights of one."
        raise RecipeError(message, "Name a recipe or a run with an encoder; n-grams alone are an arm: nb-lr")


def _with_changes(name: str, side: SourceConfig | TargetConfig, study: TransferRecipe) -> Recipe:
    tree = read_tree(name, with_absolute_paths)
    shared = {key: value for key in _SHARED if (value := getattr(study, key)) != {}}
    tree = merged(merged(_of_labels_and_encoder(tree, name), shared), side.set)
    _require_encoder(name, tree.get("encoder", {}))
    if (init := tree.get("init")) is not None:
        run = init.get("run") if isinstance(init, Mapping) else init
        message = f"{name}: a transfer study starts its models itself, and this one goes on from {run}."
        raise RecipeError(message, f"Leave `init` out of it, and name the model as a source: {{run: {run}}}")
    if side.name is not None:
        tree["name"] = side.name
    recipe = recipe_from_dict(tree, name)
    if recipe.model.ngrams is not None:
        message = f"{recipe.name}: a transfer study moves encoders, without n-grams stacked on them."
        raise RecipeError(message, "Leave model.ngrams out of it.")
    if recipe.task == "rate":
        raise RecipeError(f"{recipe.name}: a transfer study compares classifiers, and this rates.", "Classify instead.")
    if recipe.objective != ObjectiveConfig():
        message = f"{recipe.name}: a transfer study compares what labels teach, without further objectives."
        raise RecipeError(message, "Leave objective out of it; a finished run that had one may be a source: {run: DIR}")
    return recipe


def _of_labels_and_encoder(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """A recipe without n-grams, which do not move, and without what teaches beside the labels of a budget."""
    tree = merged(tree, {"model": {"ngrams": None}})
    if tree.pop("objective", None):
        _log.info("%s: learned from labels alone here, without its objective, unlabelled texts and stars", name)
    if isinstance(data := tree.get("data"), Mapping):
        tree["data"] = {key: value for key, value in data.items() if key not in _BEYOND_LABELS}
    return tree


def _located(tree: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The sections with recipes and runs that lie in `folder`, or in the current one, as absolute paths."""
    return tree | {side: _located_side(tree[side], folder) for side in _SIDES if side in tree}


def _located_side(value: Any, folder: Path) -> Any:
    """One side, whichever way it was written; what is no side stays for the schema to judge."""
    if isinstance(value, list):
        return [_located_side(one, folder) for one in value]
    if isinstance(value, str):
        return _absolute(value, folder, Path.is_file)
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("set"), dict):
        value = value | {"set": with_absolute_paths(value["set"], folder)}
    if "recipe" in value:
        value = value | {"recipe": _absolute(value["recipe"], folder, Path.is_file)}
    if value.get("run") in (None, *BUILTIN_MODELS):  # the name is meant, whatever folder lies there
        return value
    return value | {"run": _absolute(value["run"], folder, Path.is_dir)}


def _absolute(name: Any, folder: Path, is_one: Callable[[Path], bool]) -> Any:
    places = (folder / name, Path(name).expanduser()) if isinstance(name, str) else ()
    return next((str(place.resolve()) for place in places if is_one(place)), name)


def _displaced(side: Any, change: Mapping[str, Any]) -> Any:
    """A side, ready to be changed: a section, without what a change to the other kind of origin makes meaningless."""
    if isinstance(side, str):
        side = {"recipe": side}
    if not isinstance(side, dict):
        return side
    gone: tuple[str, ...] = ()
    if "run" in change:
        gone = ("recipe", "set", "name")
    elif "recipe" in change and "run" in side:
        gone = ("run", "name")
    return {key: value for key, value in side.items() if key not in gone}


def _require_different_names(names: Sequence[str], side: str) -> None:
    folders = [plain_name(name).casefold() for name in names]
    for name, folder in zip(names, folders, strict=True):
        if folder in ("", ".", ".."):
            raise RecipeError(f"a {side} cannot be called {name!r}, which names no folder.", "Give it another `name`.")
    if twice := sorted({name for name, folder in zip(names, folders, strict=True) if folders.count(folder) > 1}):
        raise RecipeError(
            f"two {side}s are called {', '.join(twice)}.",
            f"Give each {side} a `name` of its own; case and marks do not tell them apart.",
        )


def _require_different_arms(study: TransferRecipe, target: TargetData) -> None:
    for arm in study.arms:
        hint = f"Leave `{arm}` out of the arms"
        if arm in _ABOUT_GLOVE and target.recipe.glove is None:
            raise RecipeError(f"{arm} asks what GloVe gives, and {target.name} has `glove: null`.", f"{hint}.")
        if arm == "frozen-glove" and target.recipe.model.embeddings == "frozen":
            raise RecipeError(
                f"frozen-glove would be scratch once more: model.embeddings of {target.name} is frozen.",
                f"{hint}, or set model.embeddings=fine-tuned.",
            )

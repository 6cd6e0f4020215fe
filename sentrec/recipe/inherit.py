"""What a recipe with `init` takes over from the model that it goes on from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sentrec.errors import DataError, RecipeError, RunError, did_you_mean
from sentrec.evaluation.label_matching import ClassMatch, matching_classes
from sentrec.recipe.schema import InitConfig, Recipe
from sentrec.runs import BUILTIN_MODELS, Run, open_run
from sentrec.text.vocabulary import folds_case

_DECIDED = ("text.lowercase", "text.vocabulary_size", "text.min_frequency", "glove")
"""Besides encoder and model, what cannot be another one than the source's."""
_WITHOUT_STEPS = ("device", "max_steps", "checkpoint_seconds")
"""What a training section may say although no step is taken."""


def open_source(name: str) -> Run:
    """The model that `init` names.

    Args:
        name: A run directory, or the name of a model that comes with sentrec.

    Raises:
        RecipeError: If there is no such run, it cannot be used, or it consists of several models.
    """
    try:
        run = open_run(name)
    except RunError as error:
        known = did_you_mean(name, BUILTIN_MODELS)
        hint = error.hint if name in BUILTIN_MODELS or Path(name).is_dir() else f"Name a finished run; {known}"
        raise RecipeError(f"init: {error.message}", hint) from error
    if run.members:
        raise RecipeError(
            f"init: {name} is an ensemble of {len(run.members)} models, and a training goes on from one.",
            f"Name one of them, e.g. --set init={run.members[0].path}",
        )
    return run


def inherited_sections(source: Recipe) -> dict[str, Any]:
    """The sections of a recipe that goes on from `source`, where it does not say otherwise.

    The words and their vectors are the source's own from now on: GloVe is not read again, and without steps nothing
    thaws.
    """
    glove = source.glove
    dim = glove.dim if glove else source.model.embedding_dim
    lowercase = folds_case(source.text, glove.name if glove else None)
    return {
        "text": source.text.model_dump(mode="json") | {"lowercase": lowercase},
        "glove": None,
        "encoder": dict(source.encoder),
        "model": source.model.model_dump(mode="json") | {"embedding_dim": dim, "unfreeze_epoch": 0},
    }


def require_inherited(recipe: Recipe, source: Recipe, name: str) -> None:
    """Makes sure that a recipe asks for nothing that its source decides, or that has no effect without steps.

    Args:
        recipe: It has an `init`.
        source: The recipe of the run that `init` names.
        name: What `init` calls it.

    Raises:
        RecipeError: If it does; the message lists all differences.
    """
    theirs, ours = _flat(inherited_sections(source)), _flat(recipe.model_dump(mode="json"))
    keys = [*_DECIDED, *(key for key in theirs | ours if key.startswith(("encoder.", "model.")))]
    if source.model.wide is None:
        keys = [key for key in keys if not key.startswith("model.wide")]  # n-grams may join what has none yet
    differences = [
        f"{key} is {_told(ours.get(key))} and in {name} {_told(theirs.get(key))}"
        for key in keys
        if ours.get(key) != theirs.get(key)
    ]
    if differences:
        raise RecipeError(
            f"the recipe goes on from {name}, but differs from it: {'; '.join(differences)}.",
            "Leave text, glove, encoder and model out of a recipe with `init`: they are the source's.",
        )
    idle = [key for key, value in _flat(_steps(Recipe)).items() if ours.get(key) != value]
    if idle:
        raise RecipeError(
            f"these have no meaning in a recipe that goes on from a model: {', '.join(idle)}.",
            "Leave them out: head and n-grams are solved for at once, without steps.",
        )


def match_source(init: InitConfig, source: Sequence[str], label_names: Sequence[str]) -> ClassMatch | None:
    """The source's class for each of one's own; None where they are other classes.

    Args:
        init: What the recipe says.
        source: Names of the source's classes.
        label_names: Names of one's own.

    Raises:
        DataError: If `init.labels` names a class that there is not.
    """
    for given, known, whose in (
        (init.labels.keys(), label_names, "your data has"),
        (init.labels.values(), source, f"{init.run} has"),
    ):
        for name in given:
            if name not in known:
                raise DataError(f"init.labels: {whose} no class '{name}'.", did_you_mean(name, known))
    return matching_classes(source, [init.labels.get(name, name) for name in label_names])


def _steps(schema: type[Recipe]) -> dict[str, Any]:
    """The settings of steps, as they stand where a recipe does not speak of them."""
    named = ((name, schema.model_fields.get(name)) for name in ("training", "objective"))
    sections = {name: field.default for name, field in named if field is not None}
    return {name: section.model_dump(mode="json", exclude=set(_WITHOUT_STEPS)) for name, section in sections.items()}


def _flat(tree: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and f"{path}{key}" not in _DECIDED:
            flat |= _flat(value, f"{path}{key}.")
        else:
            flat[f"{path}{key}"] = value
    return flat


def _told(value: Any) -> str:
    return "not there" if value is None else str(value)

"""A recipe that can be trained: with `init`, it takes over what it does not say from the model that it goes on from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sentrec.errors import RecipeError
from sentrec.recipe import Recipe, recipe_from_dict
from sentrec.recipe.loading import recipe_tree
from sentrec.recipe.reading import flattened, merged
from sentrec.recipe.sections import ObjectiveConfig, TrainingConfig
from sentrec.runs.references import open_source
from sentrec.text.vocabulary import folds_case

_DECIDED = ("text.lowercase", "text.vocabulary_size", "text.min_frequency", "glove")
"""Besides encoder and model, what cannot be another one than the source's."""
_WITHOUT_STEPS = {"balance", "device", "max_steps", "checkpoint_seconds", "trackers"}
"""What a training section may say although no step is taken."""
_OF_FITTED_NGRAMS = {"model.ngrams.crops": None, "model.ngrams.intercept": "fitted", "model.ngrams.lsa": None}
"""N-grams that join what had none are not fitted anew, but moved as far as the rows ask for."""


def load_recipe(name_or_path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe, follows its ``extends`` and ``init``, applies overrides and checks the whole.

    Args:
        name_or_path: A YAML file, or the name of a built-in recipe such as ``imdb`` or ``imdb.yaml``.
        overrides: ``key=value`` pairs such as ``"encoder.hidden=256"``; values are read as YAML.

    Returns:
        The recipe with every default filled in, the encoder's own options included.

    Raises:
        RecipeError: If the file is missing, is not YAML, or anything in it is wrong; the message lists all mistakes.
            Or if the model that `init` names cannot be gone on from.
    """
    shown = str(name_or_path) if "." in str(name_or_path) else f"'{name_or_path}'"
    return recipe_from_dict(with_source(recipe_tree(name_or_path, overrides)), shown)


def with_source(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """The sections of a recipe with those of the model that `init` names, where there is one (see `open_source`).

    That model is not looked at where all sections are there already: the recipe of a run that went on from a model is
    fully expanded, and can be read when that model is gone.
    """
    init, encoder = tree.get("init"), tree.get("encoder", {})
    name = init.get("run") if isinstance(init, Mapping) else init
    if not isinstance(name, str | int) or not isinstance(encoder, Mapping) or "name" in encoder:
        return tree
    return merged(_inherited_sections(open_source(str(name)).recipe), tree)


def _inherited_sections(source: Recipe) -> dict[str, Any]:
    """The sections of a recipe that goes on from `source`, where it does not say otherwise.

    The words and their vectors are the source's own from now on: GloVe is not read again, and without steps nothing
    thaws.
    """
    glove = source.glove
    model = source.model.model_dump(mode="json")
    model |= {"embedding_dim": glove.dim if glove else source.model.embedding_dim, "unfreeze_epoch": 0}
    if model["ngrams"] is not None:
        model["ngrams"] |= {"pseudo_labels": False, "lsa": None}  # no other run labels texts for it any more
    lowercase = folds_case(source.text, glove.name if glove else None)
    text = source.text.model_dump(mode="json") | {"lowercase": lowercase}
    return {"text": text, "glove": None, "encoder": dict(source.encoder), "model": model}


def require_inherited(recipe: Recipe, source: Recipe, name: str) -> None:
    """Raises a `RecipeError` that lists what a recipe asks for that its source decides, or needs steps for.

    `source` is the recipe of the run that `init` names, `name` what `init` calls it.
    """
    theirs, ours = flattened(_inherited_sections(source), _DECIDED), flattened(recipe.model_dump(mode="json"), _DECIDED)
    keys = [*_DECIDED, *(key for key in theirs | ours if key.startswith(("encoder.", "model.")))]
    if source.model.ngrams is None:
        keys = [key for key in keys if not key.startswith("model.ngrams")]  # n-grams may join what has none yet
    differences = [
        f"{key} is {_as_text(ours.get(key))} and in {name} {_as_text(theirs.get(key))}"
        for key in keys
        if ours.get(key) != theirs.get(key)
    ]
    if differences:
        raise RecipeError(
            f"the recipe goes on from {name}, but differs from it: {'; '.join(differences)}.",
            "Leave text, glove, encoder and model out of a recipe with `init`: they are the source's.",
        )
    training = TrainingConfig().model_dump(mode="json", exclude=_WITHOUT_STEPS)
    without_effect = flattened({"training": training, "objective": ObjectiveConfig().model_dump(mode="json")}, _DECIDED)
    if recipe.model.ngrams and not source.model.ngrams:
        without_effect |= _OF_FITTED_NGRAMS
    idle = [key for key, value in without_effect.items() if ours.get(key) != value]
    if idle:
        raise RecipeError(
            f"these have no meaning in a recipe that goes on from a model: {', '.join(idle)}.",
            "Leave them out: head and n-grams are solved for at once, without steps.",
        )


def _as_text(value: Any) -> str:
    return "not there" if value is None else str(value)

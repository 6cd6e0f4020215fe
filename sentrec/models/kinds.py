"""Which kind of model a recipe describes, and how one is built or restored from a run."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from sentrec.errors import PluginError, RunError
from sentrec.hookspecs import RegisterModel, hookimpl
from sentrec.models.base import TextModel
from sentrec.models.embedding import EmbeddingModel
from sentrec.models.ngrams import NgramModel
from sentrec.models.stacked import StackedModel, stacked_on
from sentrec.models.weights import TRAIN_AGAIN, load_weights, read_tensors
from sentrec.plugins import registry
from sentrec.recipe.schema import Recipe

_OLD_NGRAMS = "wide."


@hookimpl
def sentrec_register_models(register: RegisterModel) -> None:
    """Registers the built-in kind that needs no encoder."""
    register("ngrams", NgramModel)


def kind_of(recipe: Recipe) -> type[TextModel]:
    """The class of a recipe's model: a registered kind, or an encoder on embeddings; with n-grams stacked on it or not.

    Raises:
        PluginError: If no plugin registered that name.
    """
    found = registry().models.get(recipe.encoder_name)
    base: type[TextModel] = EmbeddingModel if found is None else found.model
    if not issubclass(base, TextModel):
        raise PluginError(f"model '{recipe.encoder_name}' is not a subclass of sentrec.TextModel.")
    alone = recipe.model.ngrams is None or issubclass(base, NgramModel)
    return base if alone else stacked_on(base)


def build_model(recipe: Recipe, tokenizer: str, classes: int) -> TextModel:
    """A recipe's model with the weights that training starts from.

    Args:
        recipe: A checked recipe.
        tokenizer: What the kind's `learn_tokenizer` gave.
        classes: Number of classes.

    Raises:
        PluginError: If the encoder fails.
    """
    return kind_of(recipe).build(recipe, tokenizer, classes)


def restore_model(recipe: Recipe, tokenizer: str, classes: int, path: Path) -> TextModel:
    """A recipe's model with the weights of a file; needs neither word vectors nor data.

    Raises:
        RunError: If the file is broken, holds the weights of another model, or numbers that are not finite.
        PluginError: If the encoder fails.
    """
    weights, _ = read_tensors(path)
    weights = today(weights, recipe)
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.sum())) and not bool(tensor.isfinite().all()):
            raise RunError(f"{path} holds numbers that are not finite, in {name}.", TRAIN_AGAIN)
    try:
        model = kind_of(recipe).build(recipe, tokenizer, classes, weights)
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} does not fit the recipe or the tokenizer of its run: {error}.", TRAIN_AGAIN) from error
    load_weights(model, weights, path)
    return model


def today(weights: Mapping[str, Tensor], recipe: Recipe) -> dict[str, Tensor]:
    """The weights of a run under today's names; those of runs from before models could be stacked are translated."""
    kind = kind_of(recipe)
    if not any(name.startswith(_OLD_NGRAMS) for name in weights):
        return dict(weights)
    if not issubclass(kind, StackedModel):
        return {name.removeprefix(_OLD_NGRAMS): one for name, one in weights.items() if name != "wide.shares"}
    renamed = {}
    for name, tensor in weights.items():
        if name == "wide.shares":
            renamed["mixing_weights"] = tensor
        elif name.startswith(_OLD_NGRAMS):
            renamed[f"ngrams.{name.removeprefix(_OLD_NGRAMS)}"] = tensor
        else:
            renamed[f"base.{name}"] = tensor
    return renamed

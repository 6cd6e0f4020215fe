"""Which kind of model a recipe describes, and how one is built or restored from a run."""

from pathlib import Path
from typing import TypeVar

import torch

from sentrec.errors import PluginError, RunError
from sentrec.hookspecs import RegisterModel, hookimpl
from sentrec.models.base import TextModel
from sentrec.models.embedding import EmbeddingModel
from sentrec.models.ngrams import NgramModel
from sentrec.models.stacked import StackedModel, stacked_on
from sentrec.models.weights import TRAIN_AGAIN, Int8Tensor, load_weights, read_int8, read_tensors
from sentrec.plugins import registry
from sentrec.recipe.schema import Recipe

T = TypeVar("T")
_FORMER_NGRAMS, _FORMER_MIXING = "wide.", "wide.shares"
"""Names of weights in runs from before models could be stacked."""


@hookimpl
def sentrec_register_models(register: RegisterModel) -> None:
    """Registers the built-in kind that needs no encoder."""
    register("ngrams", NgramModel)


def kind_of(recipe: Recipe) -> type[TextModel]:
    """The class of a recipe's model: a registered kind, or an encoder on embeddings; with n-grams stacked or not."""
    found = registry().models.get(recipe.encoder_name)
    base: type[TextModel] = EmbeddingModel if found is None else found.implementation
    if not issubclass(base, TextModel):
        raise PluginError(f"model '{recipe.encoder_name}' is not a subclass of sentrec.TextModel.")
    alone = recipe.model.ngrams is None or issubclass(base, NgramModel)
    return base if alone else stacked_on(base)


def build_model(recipe: Recipe, tokenizer: str, classes: int) -> TextModel:
    """A recipe's model with the weights that training starts from; see `TextModel.build`."""
    return kind_of(recipe).build(recipe, tokenizer, classes)


def restore_model(recipe: Recipe, tokenizer: str, classes: int, path: Path) -> TextModel:
    """A recipe's model with a file's weights, without word vectors or data; a `RunError` if they are another's."""
    weights = _renamed(read_tensors(path)[0], issubclass(kind_of(recipe), StackedModel))
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor.sum())) and not bool(tensor.isfinite().all()):
            raise RunError(f"{path} holds numbers that are not finite, in {name}.", TRAIN_AGAIN)
    try:
        model = kind_of(recipe).build(recipe, tokenizer, classes, weights)
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} does not fit the recipe or the tokenizer of its run: {error}.", TRAIN_AGAIN) from error
    load_weights(model, weights, path)
    return model


def int8_weights(recipe: Recipe, path: Path) -> dict[str, Int8Tensor]:
    """The weights of `restore_model` that their file holds in int8, by their names in the model; raises likewise."""
    return _renamed(read_int8(path), issubclass(kind_of(recipe), StackedModel))


def _renamed(weights: dict[str, T], stacked: bool) -> dict[str, T]:
    if not any(name.startswith(_FORMER_NGRAMS) for name in weights):
        return weights
    if not stacked:
        return {name.removeprefix(_FORMER_NGRAMS): one for name, one in weights.items() if name != _FORMER_MIXING}
    renamed = {"mixing_weights": weights.pop(_FORMER_MIXING)} if _FORMER_MIXING in weights else {}
    for name, tensor in weights.items():
        ngrams = name.startswith(_FORMER_NGRAMS)
        renamed[f"ngrams.{name.removeprefix(_FORMER_NGRAMS)}" if ngrams else f"base.{name}"] = tensor
    return renamed

"""The interface of a text model, all that other packages know of one; and its logits and features for many texts."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sentrec.data.batches import Batch, make_batch
from sentrec.encoder import EncoderConfig
from sentrec.errors import SentrecError
from sentrec.models.attribution import TokenContributions
from sentrec.models.contracts import ClosedFormData, Features, LinearChange, Rate, Requirement, TextReader
from sentrec.models.device import exact_float32, memory_errors, one_thread
from sentrec.models.stars import StarHead
from sentrec.recipe.schema import Recipe
from sentrec.text.encoding import EncodedTexts
from sentrec.text.padding import LENGTH_MULTIPLE, ModelInput, evaluation_plan

EMBEDDINGS = "embeddings"
HEAD = "head"


class TextModel(nn.Module, ABC):
    """Classifies texts. Subclass it, and register the class by the hook ``sentrec_register_models``.

    A model owns the way from text to logits, its tokenizer included: token ids and batches are opaque to its callers.
    Parts that learn by gradients are its ``nn.Parameter``s; tensors that are fitted in closed form are buffers, which
    `fit` fills.

    A registered class needs `reader`, `build` and `forward`; with `feature_size`, `features` and a linear ``self.head``
    over these features it can also be fine-tuned and be the source of a transfer study.
    `sentrec.testing.TextModelConformance` checks all of it.

    Args:
        classes: Number of classes.
        text_reader: What encodes its texts.
    """

    Config: ClassVar[type[EncoderConfig]] = EncoderConfig
    """The options of a registered kind, as a recipe's ``encoder:`` section states them."""

    tokens_are_words: ClassVar[bool] = False
    """Whether its token ids stand for words, so that n-grams that are stacked on it can be made of them."""

    learns_by_gradients: ClassVar[bool] = True
    """Whether training takes steps; a kind that is fitted in closed form draws nothing, whatever the seed."""

    feature_size: int = 0
    """Width of `features`; 0 where it has none."""

    head: nn.Linear
    """The layer from features to logits, where there are features."""

    def __init__(self, classes: int, text_reader: TextReader) -> None:
        super().__init__()
        self.classes = classes
        self.text_reader = text_reader

    @classmethod
    def requirements(cls, recipe: Recipe) -> list[Requirement]:
        """What must be on disk before training, e.g. word vectors; nothing by default."""
        return []

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """Raises what is wrong with a recipe's options before any data is read; nothing by default."""

    @classmethod
    def learn_tokenizer(cls, recipe: Recipe, texts: Sequence[str]) -> str:
        """The text of a run's ``tokenizer.json``, learned from all training texts; ``{}`` for kinds without one."""
        return "{}"

    @classmethod
    def join_tokenizers(cls, recipe: Recipe, own: str, source: str) -> str:
        """A tokenizer for a model that weights are moved into: by default its own, with the words of both if it can."""
        return own

    @classmethod
    @abstractmethod
    def reader(cls, recipe: Recipe, tokenizer: str) -> TextReader:
        """What encodes texts for this recipe; `tokenizer` is what `learn_tokenizer` gave."""

    @classmethod
    @abstractmethod
    def build(cls, recipe: Recipe, tokenizer: str, classes: int, weights: Mapping[str, Tensor] | None = None) -> Self:
        """A model in training mode on the CPU.

        Args:
            recipe: Its options are in ``recipe.encoder_options``, the seed of random weights in ``recipe.seed``.
            tokenizer: What `learn_tokenizer` gave.
            classes: Number of classes.
            weights: The state that is loaded into the model right after; it gives sizes that are not in the recipe,
                and pretrained weights need not be read. None: initial weights.
        """

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(chain(self.parameters(), self.buffers())).device

    def encode(self, texts: Sequence[str]) -> EncodedTexts:
        """Encodes texts, in their order."""
        return self.text_reader.encode(texts)

    def collate(self, encoded: EncodedTexts, rows: npt.NDArray[np.int64], multiple: int = 1) -> Batch:
        """A padded batch of some of these texts, its length rounded up to a multiple of `multiple` tokens."""
        return make_batch(encoded, rows, multiple)

    def inputs(self) -> tuple[ModelInput, ...]:
        """The arrays of word ids that `forward` computes with, the batch's own first, for an export to other runtimes.

        None by default: what reads texts by other means than words of a tokenizer cannot be exported.
        """
        return ()

    def training_view(self, encoded: EncodedTexts) -> EncodedTexts:
        """The part of these texts that is read while learning by gradients: all of them by default."""
        return encoded

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Logits, float32, shape ``(batch, classes)``; in training mode, those of the part that learns by gradients.

        The answer for a text must not depend on the other texts of the batch nor on padding.
        """

    @property
    def stars(self) -> StarHead | None:
        """What tells one to five stars beside two classes, where the recipe asks for that."""
        return None

    def with_decisions(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits, and what the star head says before calibration, ``(batch, 3)``; only where there is one."""
        raise SentrecError(f"{type(self).__name__} has no star head.", "Leave it out: --set objective.stars=0")

    def features(self, batch: Batch) -> Tensor:
        """What `head` reads, float, shape ``(batch, feature_size)``: nothing by default."""
        return torch.empty(len(batch.rows), 0, device=self.device)

    @property
    def word_vectors(self) -> Tensor | None:
        """A table of token embeddings, ``(vocabulary, dim)``, by the ids of `encode`, for the similarity of texts."""
        return None

    def contributions(self, text: str, target: int) -> TokenContributions | None:
        """What each token of a text adds to the margin of class `target`, in evaluation mode.

        None where a kind cannot tell; then words are left out one after another to see what they do.
        """
        return None

    # Layers: freezing, layer-wise learning rates, moving weights.

    def layers(self) -> dict[str, tuple[str, ...]]:
        """Names of the trainable parameters by layer, from the bottom up: ``embeddings``, ``encoder.0``, …, ``head``.

        Every parameter belongs to one layer. By default all are one layer below ``head``.
        """
        names = [name for name, _ in self.named_parameters()]
        head = tuple(name for name in names if name.startswith(f"{HEAD}."))
        rest = tuple(name for name in names if name not in head)
        return {name: members for name, members in (("encoder.0", rest), (HEAD, head)) if members}

    def rates(self) -> dict[str, Rate]:
        """The weights that learn, how fast and from which epoch on, by their names; by default all, at once."""
        return {name: Rate() for name, _ in self.named_parameters()}

    @property
    def undecayed(self) -> frozenset[str]:
        """Names of weight matrices that weight decay leaves alone, as embedding tables usually are."""
        return frozenset()

    @property
    def gradient_model(self) -> "TextModel":
        """The model that learns by gradients; itself, unless it is stacked on one."""
        return self

    def copy_layers(self, source: "TextModel", layers: Sequence[str], classes: Sequence[int] | None = None) -> None:
        """Overwrites layers with those of a model of the same kind, in place.

        Args:
            source: The model to copy from; its vocabulary and its classes may be others.
            layers: Names of layers, as `layers` gives them.
            classes: Of ``head``, the source's class for each class of this model; None: they are the same.
        """
        mine, theirs = self.state_dict(), source.gradient_model.state_dict()
        for layer in layers:
            for name in self.layers()[layer]:
                mine[name].copy_(theirs[name] if layer != HEAD or classes is None else theirs[name][list(classes)])

    def start_from(self, source: "TextModel", classes: Sequence[int] | None) -> None:
        """Takes over a trained model of the same kind and tokenizer, to go on from it.

        Args:
            source: The trained model.
            classes: The source's class for each class of this model; None: they are others, the head starts at zero.
        """
        theirs = source.state_dict()
        for name, tensor in self.state_dict().items():
            if not name.startswith(f"{HEAD}."):
                tensor.copy_(theirs[name])
            elif classes is None:
                tensor.zero_()
            else:
                tensor.copy_(theirs[name][list(classes)])

    @property
    def closed_form(self) -> "ClosedFormModel | None":
        """The part that is fitted in closed form, a model of its own; None where all is learned by gradients."""
        return None

    def fit(self, data: ClosedFormData) -> dict[str, Any] | None:
        """Fits what is not learned by gradients, after the last step; gives facts for the run's metrics."""
        return None

    def linear_features(self, encoded: EncodedTexts) -> list[Features]:
        """Blocks of features that the logits are linear in, for MAP adaptation: `shift` changes their weights."""
        return [feature_matrix(self, encoded)] if self.feature_size else []

    def shift(self, changes: Sequence[LinearChange], bias: npt.NDArray[np.float64]) -> None:
        """Adds to the logits ``sum(block @ change) + bias``, by changing weights in place.

        Args:
            changes: One for each block of `linear_features`.
            bias: Shape ``(classes,)``.
        """
        with torch.no_grad():
            for change in changes:
                self.head.weight.add_(torch.from_numpy(change.weights.T).to(self.head.weight))
            self.head.bias.add_(torch.from_numpy(bias).to(self.head.bias))

    def scale(self, factor: float) -> None:
        """Multiplies the logits by a factor, by changing weights in place."""
        with torch.no_grad():
            self.head.weight.mul_(factor)
            self.head.bias.mul_(factor)

    @property
    def learned_numbers(self) -> int:
        """How many numbers were learned: parameters, and what closed forms made other than zero."""
        return sum(parameter.numel() for parameter in self.parameters())


class ClosedFormModel(TextModel):
    """A linear model that is fitted in closed form, such as the n-grams that are stacked on another model."""

    is_fitted: bool = False
    """Whether it was fitted in this process; weights that were loaded do not count."""

    @abstractmethod
    def fitted_like(self, features: Features, labels: npt.NDArray[np.int64]) -> Self:
        """A model over the same features, up to a factor, fitted on other texts; every class has some."""

    @abstractmethod
    def add(self, other: Self, mixing: npt.NDArray[np.float64]) -> None:
        """Adds to the logits those of another model over the same features, times a matrix ``(classes, classes)``."""


def predict_logits(
    model: TextModel, encoded: EncodedTexts, process_index: int = 0, processes: int = 1
) -> npt.NDArray[np.float32]:
    """Scores every text in float32, without dropout.

    Always float32, on CUDA without TF32: a score must not depend on the batch it was computed in, nor on the
    processor's short formats. Of several processes each computes a part of the batches; rows of the others stay zero,
    so that a sum joins them. Logits have the shape ``(texts, classes)``; too little memory is a `SentrecError`.
    """
    empty = np.zeros((len(encoded), model.classes), np.float32)
    return computed(model, model, encoded, empty, process_index, processes)


def feature_matrix(model: TextModel, encoded: EncodedTexts) -> npt.NDArray[np.float64]:
    """The features of every text, computed likewise, shape ``(texts, feature_size)``."""
    return computed(model, model.features, encoded, np.empty((len(encoded), model.feature_size)))


def computed(
    model: TextModel,
    function: Callable[[Batch], Tensor],
    encoded: EncodedTexts,
    result: npt.NDArray[Any],
    process_index: int = 0,
    processes: int = 1,
) -> npt.NDArray[Any]:
    """Fills `result`, a row a text, with what a function gives for batches of texts, in the model's evaluation mode."""
    device, was_training = model.device, model.training
    model.train(False)
    threads = one_thread(device) if len(encoded) == 1 else nullcontext()
    memory = memory_errors("End other programs that use it, or compute on another device.")
    with torch.inference_mode(), exact_float32(device), memory, threads:
        for rows in evaluation_plan(encoded)[process_index::processes]:
            result[rows] = function(model.collate(encoded, rows, LENGTH_MULTIPLE).to(device)).float().cpu().numpy()
    model.train(was_training)
    return result

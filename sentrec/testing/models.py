"""The conformance kit of kinds of models."""

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load, save
from torch.nn import functional

from sentrec.metrics.calibration import softmax
from sentrec.models.base import HEAD, TextModel, predict_logits
from sentrec.models.contracts import ClosedFormData, LinearChange
from sentrec.recipe.schema import Recipe
from sentrec.testing.encoders import require, require_documented_options

_TEXTS = (
    "A moving film, superb from the first scene to the last.",
    "dull",
    "Tedious and awful!! I left after 20 minutes, and so did everybody else in the room; what a waste of good actors.",
    "",
    "superb, moving, lovely",
    "It was not bad at all.",
    "awful " * 300,
)
_GOOD, _BAD = ("lovely", "superb", "moving"), ("dull", "tedious", "awful")


class TextModelConformance:
    """Checks of one kind of model; subclass it under a name that starts with ``Test`` and set `model`."""

    model: ClassVar[type[TextModel]]
    """The class under test."""

    encoder: ClassVar[Mapping[str, Any]] = {"name": "under-test"}
    """The recipe's ``encoder:`` section, with the kind's own options; small ones keep the checks fast."""

    sections: ClassVar[Mapping[str, Any]] = {}
    """Further sections of the recipe, e.g. ``{"model": {"ngrams": {}}}``."""

    tolerance: ClassVar[float] = 1e-4
    """Largest difference of two answers for the same text, in float32."""

    learning_rate: ClassVar[float] = 3e-2
    """Of the steps in which the checks train a model."""

    def recipe(self, seed: int = 1) -> Recipe:
        """The recipe of the model under test."""
        tree = {"glove": None, "seed": seed, **self.sections, "encoder": dict(self.encoder)}
        return Recipe.model_validate(tree)

    def build(self, classes: int = 2, seed: int = 1) -> TextModel:
        """A model over the vocabulary of the kit's texts, in evaluation mode."""
        recipe = self.recipe(seed)
        return self.model.build(recipe, self.model.learn_tokenizer(recipe, self._corpus()[0]), classes).eval()

    def test_options_have_defaults_and_descriptions(self) -> None:
        """`Config` knows every option by default and description."""
        require_documented_options(self.model.Config)

    def test_every_text_is_encoded_alike_wherever_it_stands(self) -> None:
        """`encode` gives each text a row of at least one token; an empty text has one, too."""
        model = self.build()
        together = model.encode(_TEXTS)
        require(len(together) == len(_TEXTS), f"{len(_TEXTS)} texts were encoded as {len(together)} rows.")
        require(together.lengths().min() >= 1, "a text was encoded without any token; give it an unknown one.")
        for row, text in enumerate(_TEXTS):
            alone, same = model.encode([text]), together.take(np.array([row]))
            require(np.array_equal(alone.token_ids, same.token_ids), f"{text[:30]!r} is encoded otherwise alone.")
        cached = model.text_reader.encode_cached(_TEXTS)
        require(np.array_equal(cached.token_ids, together.token_ids), "encode_cached differs from encode.")

    def test_logits_have_a_column_for_each_class_and_no_text_depends_on_others(self) -> None:
        """Float32 of shape ``(texts, classes)``, finite, whatever the batch and its padding."""
        for classes in (2, 3):
            model = self._trained(self.build(classes))
            encoded = model.encode(_TEXTS)
            batch = model.collate(encoded, np.arange(len(encoded)))
            with torch.inference_mode():
                logits = model(batch)
            expected = (len(_TEXTS), classes)
            require(tuple(logits.shape) == expected, f"logits have shape {tuple(logits.shape)}, not {expected}.")
            require(logits.dtype == torch.float32, f"logits are {logits.dtype}; end with .float().")
            require(bool(logits.isfinite().all()), "logits are not finite.")
            for row in range(len(encoded)):
                alone = predict_logits(model, encoded.take(np.array([row])))[0]
                self._require_close(logits[row].numpy(), alone, "a text's logits depend on its batch or on padding.")

    def test_the_seed_decides_and_the_callers_generator_is_left_alone(self) -> None:
        """Equal seeds give equal weights; building draws nothing from torch's global generator."""
        torch.manual_seed(5)
        expected = torch.rand(1)
        torch.manual_seed(5)
        first, again = (self.build().state_dict() for _ in range(2))
        require(torch.equal(torch.rand(1), expected), "building draws from the caller's generator: use fork_rng.")
        for name, value in first.items():
            require(torch.equal(value, again[name]), f"{name} differs between two models of one seed.")
        if self.model.learns_by_gradients:
            other = self.build(seed=2).state_dict()
            require(any(not torch.equal(first[name], other[name]) for name in first), "the seed changes nothing.")

    def test_a_model_comes_back_from_its_weights(self) -> None:
        """Built anew with the saved weights, it gives the same logits."""
        model, recipe = self._trained(self.build(3)), self.recipe(seed=9)
        tensors = load(save({name: value.contiguous() for name, value in model.state_dict().items()}))
        tokenizer = self.model.learn_tokenizer(self.recipe(), self._corpus()[0])
        restored = self.model.build(recipe, tokenizer, 3, tensors)
        restored.load_state_dict(tensors)
        encoded = model.encode(_TEXTS)
        found, expected = predict_logits(restored, encoded), predict_logits(model, encoded)
        self._require_close(found, expected, "saved and loaded, it answers otherwise.")

    def test_layers_hold_every_parameter_once(self) -> None:
        """`layers` names every trainable parameter, and none twice."""
        model = self.build()
        named = [name for names in model.layers().values() for name in names]
        require(sorted(named) == sorted(dict(model.named_parameters())), "layers() leaves out or repeats parameters.")

    def test_layers_move_to_another_model(self) -> None:
        """`copy_layers` copies the layers that it is asked for, the head by classes, and no others."""
        source, model = self.build(seed=1), self.build(seed=2)
        before, layers = copy.deepcopy(model.state_dict()), list(model.layers())
        for layer in layers:
            model.copy_layers(source, [layer], [1, 0])
        for layer, names in model.layers().items():
            for name in names:
                mine, given = model.state_dict()[name], source.state_dict()[name]
                expected = given.flip(0) if layer == HEAD else given
                special = 2 if layer == "embeddings" else 0  # padding and the unknown word may keep their own
                require(torch.equal(mine[special:], expected[special:]), f"copy_layers does not copy {name}.")
        others = before.keys() - {name for names in model.layers().values() for name in names}
        for name in others:
            require(torch.equal(model.state_dict()[name], before[name]), f"copy_layers changes {name}.")

    def test_it_learns(self) -> None:
        """By gradients, in closed form, or by both, it learns to classify."""
        model = self._trained(self.build())
        texts, labels = self._corpus()
        accuracy = (predict_logits(model, model.encode(texts)).argmax(axis=1) == labels).mean()
        require(accuracy > 0.9, f"after training it has an accuracy of {accuracy:.2f} on its own training texts.")

    def test_it_can_be_adapted(self) -> None:
        """`start_from` takes over the answers; `shift` adds to the logits those of a linear model of the features."""
        source, model = self._trained(self.build()), self.build(seed=2)
        encoded = source.encode(_TEXTS)
        before = predict_logits(source, encoded)
        model.start_from(source, [1, 0])
        blocks = model.linear_features(encoded)
        if not blocks:
            return  # `init` refuses such a kind
        swapped = predict_logits(model, encoded)
        self._require_close(softmax(swapped[:, ::-1]), softmax(before), "start_from does not take over the answers.")
        generator = np.random.default_rng(1)
        weights = [generator.normal(size=(block.shape[1], 2)) for block in blocks]
        bias = generator.normal(size=2)
        model.shift([LinearChange(one) for one in weights], bias)
        expected = swapped + sum(block @ one for block, one in zip(blocks, weights, strict=True)) + bias
        found = predict_logits(model, encoded)
        self._require_close(softmax(found), softmax(expected), "shift moves the logits otherwise than it says.")

    def _corpus(self) -> tuple[list[str], npt.NDArray[np.int64]]:
        generator = np.random.default_rng(0)
        labels = np.arange(40) % 2
        words = [" and ".join(generator.choice(_GOOD if label else _BAD, 2)) for label in labels]
        return [f"the film was {said}, row {row % 7}" for row, said in enumerate(words)], labels

    def _trained(self, model: TextModel) -> TextModel:
        """The model after some steps and `fit`, as training takes them."""
        texts, labels = self._corpus()
        labels = labels if model.classes == 2 else np.arange(len(labels)) % model.classes
        encoded = model.encode(texts)
        if self.model.learns_by_gradients:
            read, rows = model.training_view(encoded), np.arange(len(encoded))
            optimizer = torch.optim.AdamW(model.parameters(), lr=self.learning_rate)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1)
                for _ in range(40):
                    model.train().zero_grad()
                    loss = functional.cross_entropy(model(model.collate(read, rows)), torch.from_numpy(labels))
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
            missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
            require(not missing, f"these parameters get no gradient: {', '.join(missing)}.")
        model.eval().fit(ClosedFormData(encoded, labels, encoded, labels))
        return model

    def _require_close(self, found: npt.NDArray[Any], expected: npt.NDArray[Any], message: str) -> None:
        off = float(np.abs(np.asarray(found) - np.asarray(expected)).max())
        require(off <= self.tolerance, f"{message} They differ by up to {off:.2g}.")

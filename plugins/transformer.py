"""Pretrained transformers (Vaswani et al. 2017; Devlin et al. 2019): a kind of model with a tokenizer of its own."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sentrec import (
    Batch,
    ClosedFormData,
    EncodedTexts,
    Rate,
    Recipe,
    RegisterModel,
    Requirement,
    SentrecError,
    TextModel,
    hookimpl,
)

from .frozen_layers import (
    FrozenBatch,
    FrozenTexts,
    fingerprint_of,
    frozen_texts,
    layers_of,
    lower_layers,
    same_outputs,
    upper_layers,
)
from .linear_head import logistic_regression
from .pooling import masked_max, masked_mean
from .pretrained import Pretrained, transformers
from .subwords import SubwordReader
from .transformer_options import TransformerConfig
from .windows import in_windows

_EMBEDDINGS, _HEAD, _BYTES = "embeddings", "head", 2
_log = logging.getLogger("sentrec.transformer")


class TransformerModel(TextModel):
    """Pretrained encoder of the Hugging Face hub, fine-tuned whole or from some layer up, e.g. BERT, RoBERTa, DeBERTa.

    Args:
        transformer: A model of the library transformers.
        options: The options of its recipe.
        classes: Number of classes.
        dropout: Share of features dropped before the head.
        reader: What encodes its texts.
    """

    Config = TransformerConfig
    head: nn.Linear

    def __init__(
        self, transformer: Any, options: TransformerConfig, classes: int, dropout: float, reader: SubwordReader
    ) -> None:
        super().__init__(classes, reader)
        self.config = transformer.config
        self.options = options
        self.transformer = transformer
        if hasattr(transformer, "pooler"):
            transformer.pooler = None  # a layer for next-sentence prediction; features are pooled here
        self.feature_size = int(self.config.hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.feature_size, classes)
        self._stack, groups = layers_of(transformer, self.config.num_hidden_layers)
        self._layers = {layer: tuple(f"transformer.{name}" for name in names) for layer, names in groups.items()}
        self._layers[_HEAD] = (f"{_HEAD}.weight", f"{_HEAD}.bias")
        self._upper: dict[int, nn.Module] = {}
        self._window = reader.max_tokens

    @classmethod
    def requirements(cls, recipe: Recipe) -> list[Requirement]:
        """The pretrained model; a model that goes on from another one needs none."""
        if recipe.init is not None:
            return []
        pretrained = Pretrained(cls._options(recipe).pretrained)
        try:
            if recipe.glove is None and not pretrained.is_here:
                return [Requirement("pretrained", f"{pretrained.name} on the hub, downloaded at the first use")]
            cls.check(recipe)
            config = pretrained.config()
        except SentrecError as error:
            return [Requirement("pretrained", None, problem=error)]
        found = f"{pretrained.name}: {config.model_type}, {config.num_hidden_layers} layers of {config.hidden_size}"
        return [Requirement("pretrained", found, pretrained.fingerprint())]

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """Finds the pretrained model, downloading it where it is not here, and looks at the options."""
        options = cls._options(recipe)
        if recipe.glove is not None:
            raise SentrecError("A transformer reads no word vectors.", "Set glove: null")
        if recipe.init is None:
            pretrained = Pretrained(options.pretrained)
            pretrained.tokenizer()
            options.require_epochs(pretrained.config().num_hidden_layers, recipe.training.epochs)

    @classmethod
    def learn_tokenizer(cls, recipe: Recipe, texts: Sequence[str]) -> str:
        """The pretrained tokenizer, and the model's configuration: a run is restored without the pretrained model."""
        pretrained = Pretrained(cls._options(recipe).pretrained)
        config = json.loads(pretrained.config().to_json_string(use_diff=False))
        saved = {"config": config, "tokenizer": json.loads(pretrained.tokenizer().to_str())}
        return json.dumps(saved, ensure_ascii=False)

    @classmethod
    def reader(cls, recipe: Recipe, tokenizer: str) -> SubwordReader:
        """Reads up to ``text.max_tokens`` tokens, and no more than the model has positions for."""
        saved = json.loads(tokenizer)
        most = saved["config"].get("max_position_embeddings") or recipe.text.max_tokens
        padding = saved["config"].get("pad_token_id") or 0
        # RoBERTa and its kin count positions from behind the padding token's id.
        positions = most - padding - 1 if 0 < padding < 10 else most
        size, windows = min(recipe.text.max_tokens, positions), cls._options(recipe).windows
        return SubwordReader(json.dumps(saved["tokenizer"]), size, recipe.text.keep, windows)

    @classmethod
    def build(cls, recipe: Recipe, tokenizer: str, classes: int, weights: Mapping[str, Tensor] | None = None) -> Self:
        """Pretrained weights below a head drawn from ``recipe.seed``; see `TextModel.build`."""
        options, library = cls._options(recipe), transformers()
        config = library.AutoConfig.for_model(**json.loads(tokenizer)["config"])
        if options.dropout is not None:
            rates = [key for key, value in config.to_dict().items() if "drop" in key and isinstance(value, float)]
            config.update(dict.fromkeys(rates, options.dropout))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            if weights is None and recipe.init is None:
                transformer = Pretrained(options.pretrained).model(config)
            else:
                transformer = library.AutoModel.from_config(config, dtype=torch.float32)
            if options.gradient_checkpointing and weights is None:
                transformer.activation_checkpointing_enable({"use_reentrant": False})
            torch.manual_seed(recipe.seed)
            model = cls(transformer, options, classes, recipe.model.output_dropout, cls.reader(recipe, tokenizer))
        return model.train()

    @classmethod
    def _options(cls, recipe: Recipe) -> TransformerConfig:
        return cls.Config.model_validate(recipe.encoder_options)

    @property
    def word_vectors(self) -> Tensor:
        """The table of its tokens, shape ``(vocabulary, width)``."""
        return self.transformer.get_input_embeddings().weight  # type: ignore[no-any-return]

    def train(self, mode: bool = True) -> Self:
        """Switches to training mode, without dropout in the layers that are frozen."""
        super().train(mode)
        if mode and (frozen := self._frozen_layers()):
            self.transformer.eval()
            for layer in self.transformer.get_submodule(self._stack)[frozen:] if self._stack else ():
                layer.train()
        return self

    def collate(self, encoded: EncodedTexts, rows: npt.NDArray[np.int64], multiple: int = 1) -> Batch:
        """A padded batch of these texts, with the outputs of frozen layers where `training_view` added them."""
        plain = super().collate(encoded, rows, multiple)
        return encoded.batch(plain) if isinstance(encoded, FrozenTexts) else plain

    def training_view(self, encoded: EncodedTexts) -> EncodedTexts:
        """The texts with the outputs of the layers that do not learn; computed once, and kept in the cache folder."""
        frozen, tokens = self._frozen_layers(), len(encoded.token_ids)
        if not frozen or not len(encoded):
            return encoded
        if frozen < len(self._layers) - 2:
            gigabytes = tokens * self.feature_size * _BYTES / 1e9
            if gigabytes > self.options.cache_gigabytes:
                said = "Outputs of frozen layers would take %.1f GB, more than encoder.cache_gigabytes: %g"
                _log.info(said, gigabytes, self.options.cache_gigabytes)
                return encoded
            if not self._can_be_cut(encoded, frozen):
                _log.info("The layers of a %s cannot be computed apart: no outputs are kept", self.config.model_type)
                return encoded
        return self._with_frozen(encoded, frozen)

    def features(self, batch: Batch) -> Tensor:
        """Pooled outputs of the top layer, shape ``(batch, hidden_size)``."""
        if not isinstance(batch, FrozenBatch):
            return in_windows(self._features, batch.token_ids, batch.mask, self._window)
        states = batch.states.float()
        return states if states.ndim == 2 else in_windows(self._features, states, batch.mask, self._window)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, float32, shape ``(batch, classes)``."""
        return self.head(self.dropout(self.features(batch))).float()  # type: ignore[no-any-return]

    def layers(self) -> dict[str, tuple[str, ...]]:
        """``embeddings``, ``encoder.0``, …, ``head``; what belongs to no layer of its own is among the embeddings."""
        return self._layers

    def rates(self) -> dict[str, Rate]:
        """As the options say: the top layers, slower from layer to layer, one after another."""
        return self.options.rates(self.layers())

    @property
    def undecayed(self) -> frozenset[str]:
        """The tables of tokens and positions."""
        return frozenset(self.layers().get(_EMBEDDINGS, ()))

    def fit(self, data: ClosedFormData) -> dict[str, Any] | None:
        """With no layer to train, fits the head as a logistic regression on the features.

        Its regularization is the one with the lowest log loss on the validation rows.
        """
        if self.options.trained_layers != 0:
            return None
        depth, classes = len(self._layers) - 2, self.classes
        train, held_out = (
            np.concatenate(self._with_frozen(texts, depth).states) for texts in (data.train, data.validation)
        )
        weight, bias, strength = logistic_regression(train, data.labels, held_out, data.validation_labels, classes)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))
        return {"regularization": strength}

    def _inputs(self, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        padding = self.config.pad_token_id or 0
        return {"input_ids": ids.masked_fill(~mask, padding), "attention_mask": mask.long()}

    def _run(self, transformer: Any, **inputs: Tensor) -> Tensor:
        states: Tensor = transformer(**inputs).last_hidden_state
        return states.float()

    def _from_states(self, states: Tensor, mask: Tensor, depth: int) -> Tensor:
        """The outputs of the top layer, from the inputs of layer `depth`."""
        if depth not in self._upper:
            self._upper[depth] = upper_layers(self.transformer, self._stack, depth)
        return self._run(self._upper[depth], inputs_embeds=states, attention_mask=mask.long())

    def _can_be_cut(self, encoded: EncodedTexts, depth: int) -> bool:
        """Whether computing the layers below and above `depth` apart gives the same: architectures differ."""
        if not self._stack or not isinstance(getattr(self.transformer, _EMBEDDINGS, None), nn.Module):
            return False
        was_training = self.training
        batch = super().collate(encoded, np.arange(min(4, len(encoded)))).to(self.device)
        with torch.inference_mode():
            mask = batch.mask[:, : self._window]
            inputs = self.eval()._inputs(batch.token_ids[:, : self._window], mask)
            below = lower_layers(self.transformer, self._stack, depth)(**inputs)
            apart, whole = self._from_states(below, mask, depth), self._run(self.transformer, **inputs)
        self.train(was_training)
        return same_outputs(apart, whole, mask)

    def _with_frozen(self, encoded: EncodedTexts, depth: int) -> FrozenTexts:
        """Texts with the inputs of layer `depth`; with their features, where no layer is above."""
        of_texts = depth == len(self._layers) - 2
        names = [name for layer in list(self._layers.values())[: depth + 1] for name in layer]
        values = dict(self.named_parameters())
        known = fingerprint_of(values[name] for name in names), depth, of_texts and self.options.pooling
        key = f"{known} {torch.__version__} {transformers().__version__} {self.device.type}"
        collate, was_training = super().collate, self.training
        self.eval()

        def below(ids: Tensor, mask: Tensor) -> Tensor:
            return lower_layers(self.transformer, self._stack, depth)(**self._inputs(ids, mask))

        found = frozen_texts(
            encoded,
            lambda rows: collate(encoded, rows, 8).to(self.device),
            lambda one: self.features(one) if of_texts else in_windows(below, one.token_ids, one.mask, self._window),
            key,
            of_texts,
        )
        self.train(was_training)
        return found

    def _features(self, values: Tensor, mask: Tensor) -> Tensor:
        """Pooled outputs of the top layer, from token ids or from the inputs of the lowest layer that learns."""
        if values.is_floating_point():
            states = self._from_states(values, mask, self._frozen_layers())
        else:
            states = self._run(self.transformer, **self._inputs(values, mask))
        if self.options.pooling == "cls":
            return states[:, 0]
        return masked_max(states, mask.unsqueeze(-1)) if self.options.pooling == "max" else masked_mean(states, mask)

    def _frozen_layers(self) -> int:
        """How many layers, from the embeddings up, do not learn; 0 where only the embeddings do not."""
        learns = {name for name, parameter in self.named_parameters() if parameter.requires_grad}
        frozen = 0
        for layer, names in self._layers.items():
            if layer == _HEAD or learns.intersection(names):
                break
            frozen += 1
        return max(0, frozen - 1)


@hookimpl
def sentrec_register_models(register: RegisterModel) -> None:
    """Registers the kind as ``transformer``."""
    register("transformer", TransformerModel)

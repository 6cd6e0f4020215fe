"""The kind of model that reads embeddings: a table that starts from GloVe, a registered encoder, a linear head."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sentrec.data.batches import Batch, make_batch
from sentrec.encoder import Encoder, EncoderConfig
from sentrec.errors import GloveError
from sentrec.models.attribution import TokenContributions, integrated_gradients
from sentrec.models.base import EMBEDDINGS, HEAD, TextModel
from sentrec.models.contracts import Requirement, TextReader
from sentrec.models.device import one_thread
from sentrec.models.stars import StarHead
from sentrec.models.words import TOKENS, TokenEmbedding, TokenReader, WordModel, initial_embeddings
from sentrec.plugins import Entry, registry
from sentrec.recipe.schema import Recipe
from sentrec.text.encoding import EncodedTexts, Keep, places_before_cut
from sentrec.text.padding import ModelInput
from sentrec.text.tokenizer import (
    PADDING_ID,
    SPECIAL_TOKENS,
    build_tokenizer,
    load_tokenizer,
    with_vocabulary,
    words_of,
)
from sentrec.text.vocabulary import folds_case

if TYPE_CHECKING:
    from sentrec.glove.store import GloveVectors

_WORDS = "embedding.table.weight"
_ENCODER = "encoder."


class EmbeddingModel(WordModel):
    """Shared embeddings, an encoder and a linear head.

    `output_dropout` is the proportion of features dropped before the head; the encoder reads at most `max_tokens` of a
    text (None: all), of a longer one the part that `keep` says.
    """

    text_reader: TokenReader

    def __init__(
        self,
        embedding: TokenEmbedding,
        encoder: Encoder,
        classes: int,
        output_dropout: float,
        text_reader: TextReader,
        max_tokens: int | None = None,
        keep: Keep = "head",
        tells_stars: bool = False,
    ) -> None:
        super().__init__(classes, text_reader)
        self.embedding = embedding
        self.encoder = encoder
        self.dropout = nn.Dropout(output_dropout)
        self.head = nn.Linear(encoder.output_size, classes)
        self.star_head = StarHead(encoder.output_size) if tells_stars else None
        self.feature_size = encoder.output_size
        self.max_tokens = max_tokens
        self.keep: Keep = keep

    @classmethod
    def requirements(cls, recipe: Recipe) -> list[Requirement]:
        """Word vectors; a fine-tuned model needs none."""
        if recipe.init is not None:
            return []
        scratch = f"none: embeddings of {recipe.model.embedding_dim} dimensions learned from scratch"
        try:
            vectors = cls.vectors(recipe)
        except GloveError as error:
            return [Requirement("glove", None, problem=error)]
        if vectors is None:
            return [Requirement("glove", scratch)]
        found = f"{vectors.name}, {vectors.dim} dimensions, {len(vectors.words):,} words, in the cache"
        return [Requirement("glove", found, vectors.fingerprint)]

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """Builds the encoder and tries it on a tiny batch."""
        _build_encoder(recipe, _width(recipe, cls.vectors(recipe)))

    @classmethod
    def vectors(cls, recipe: Recipe) -> "GloveVectors | None":
        """The recipe's GloVe vectors, from the cache."""
        from sentrec.glove.store import open_vectors  # predicting need not wait for it

        return open_vectors(recipe.glove.name, recipe.glove.dim) if recipe.glove else None

    @classmethod
    def join_tokenizers(cls, recipe: Recipe, own: str, source: str) -> str:
        """The words of both; its own keep their ids. A word that only the source knows may occur in a new text."""
        words, others = (words_of(load_tokenizer(one.encode())) for one in (own, source))
        rules = build_tokenizer(folds_case(recipe.text, recipe.glove.name if recipe.glove else None))
        joined = dict.fromkeys([*words, *others])
        return str(with_vocabulary(rules, list(joined)[len(SPECIAL_TOKENS) :]).to_str())

    @classmethod
    def build(cls, recipe: Recipe, tokenizer: str, classes: int, weights: Mapping[str, Tensor] | None = None) -> Self:
        """Weights drawn from ``recipe.seed``, embeddings from GloVe; see `TextModel.build`."""
        reader = cls.reader(recipe, tokenizer)
        words = words_of(reader.tokenizer)
        vectors = cls.vectors(recipe) if weights is None else None
        dim = _width(recipe, vectors) if weights is None or _WORDS not in weights else weights[_WORDS].shape[1]
        model, text = recipe.model, recipe.text
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            # The encoder draws its weights first: the other way round, every seed would give another model than it did.
            encoder = _build_encoder(recipe, dim)
            embedding = TokenEmbedding(len(words), dim, model.word_dropout, model.embedding_dropout)
            tells_stars = recipe.objective.stars > 0
            made = cls(
                embedding, encoder, classes, model.output_dropout, reader, text.max_tokens, text.keep, tells_stars
            )
        if weights is None:
            with torch.no_grad():
                embedding.table.weight.copy_(initial_embeddings(words, vectors, dim, recipe.seed))
        return made

    @property
    def word_vectors(self) -> Tensor:
        """The shared table, shape ``(words, dim)``; it starts from GloVe, may be frozen, and learns at its own rate."""
        return self.embedding.table.weight

    def collate(self, encoded: EncodedTexts, rows: npt.NDArray[np.int64], multiple: int = 1) -> Batch:
        """A batch of what the encoder reads of these texts."""
        return make_batch(encoded, rows, multiple, self.max_tokens, self.keep)

    def inputs(self) -> tuple[ModelInput, ...]:
        """What the encoder reads."""
        return (ModelInput(TOKENS, self.max_tokens or self.text_reader.max_tokens, self.keep),)

    def training_view(self, encoded: EncodedTexts) -> EncodedTexts:
        """What the encoder reads of these texts."""
        return encoded if self.max_tokens is None else encoded.cut(self.max_tokens, self.keep)

    def features(self, batch: Batch) -> Tensor:
        """The encoder's features, shape ``(batch, feature_size)``."""
        features: Tensor = self.encoder(self.embedding(batch.token_ids, batch.mask), batch.mask)
        return features

    def forward(self, batch: Batch) -> Tensor:
        """Logits, float32, shape ``(batch, classes)``."""
        logits: Tensor = self.head(self.dropout(self.features(batch)))
        return logits.float()

    @property
    def stars(self) -> StarHead | None:
        """Reads the same features as the head."""
        return self.star_head

    def with_decisions(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits and decisions from the same features; see `TextModel.with_decisions`."""
        assert self.star_head is not None  # or nobody would ask
        features = self.dropout(self.features(batch))
        return self.head(features).float(), self.star_head(features).float()

    def contributions(self, text: str, target: int) -> TokenContributions:
        """By integrated gradients over the embedded tokens."""
        spans, kept = self.text_reader.spans(text)
        values, read = np.zeros(len(spans)), np.zeros(len(spans), dtype=bool)
        if len(kept):
            most = self.max_tokens or len(kept)
            batch = self.collate(self.encode([text]), np.zeros(1, dtype=np.int64)).to(self.device)
            places = kept[places_before_cut(np.arange(min(len(kept), most)), np.full(1, len(kept)), most, self.keep)]
            embedded = self.embedding(batch.token_ids, batch.mask)
            values[places] = integrated_gradients(
                lambda points, mask: self.head(self.encoder(points, mask)).float(), embedded, batch.mask, target
            )
            read[places] = True
        return TokenContributions(spans, values, read)

    def layers(self) -> dict[str, tuple[str, ...]]:
        """``embeddings``, one ``encoder.N`` for each of the encoder's layers, ``head``."""
        found: dict[str, list[str]] = {EMBEDDINGS: [_WORDS]}
        own = [name for name, _ in self.encoder.named_parameters()]
        for layer in sorted({self.encoder.layer_of(name) for name in own}):
            found[f"{_ENCODER}{layer}"] = [_ENCODER + name for name in own if self.encoder.layer_of(name) == layer]
        found[HEAD] = [f"{HEAD}.weight", f"{HEAD}.bias"]
        if self.star_head is not None:
            found["stars"] = ["star_head.weight", "star_head.bias"]
        return {layer: tuple(names) for layer, names in found.items()}

    @property
    def undecayed(self) -> frozenset[str]:
        """The word vectors."""
        return frozenset({_WORDS})

    def copy_layers(self, source: TextModel, layers: Sequence[str], classes: Sequence[int] | None = None) -> None:
        """Embeddings are copied word by word: words that the source does not know keep the vectors they have."""
        source = source.gradient_model
        assert isinstance(source, EmbeddingModel)  # of the same kind
        super().copy_layers(source, [layer for layer in layers if layer != EMBEDDINGS], classes)
        if EMBEDDINGS in layers:
            row_of = {word: row for row, word in enumerate(words_of(source.text_reader.tokenizer))}
            rows = torch.tensor([row_of.get(word, -1) for word in words_of(self.text_reader.tokenizer)])
            rows[PADDING_ID] = -1
            with torch.no_grad():
                self.word_vectors[rows >= 0] = source.word_vectors[rows[rows >= 0]]
        # Buffers, such as running statistics, belong to the encoder's layers, too.
        mine = dict(self.encoder.named_buffers())
        for name, buffer in source.encoder.named_buffers():
            if f"{_ENCODER}{self.encoder.layer_of(name)}" in layers:
                mine[name].copy_(buffer)


def build_encoder(entry: Entry, options: EncoderConfig, input_size: int) -> Encoder:
    """Builds a registered encoder, in training mode, and runs it on a tiny batch; a fault is a `PluginError`."""
    mask = torch.tensor([[True, True, True], [True, False, False]])
    try:
        encoder: Encoder = entry.implementation(options, input_size)
        # Neither random numbers nor the state of the encoder may change by it.
        with torch.random.fork_rng(devices=[]), torch.no_grad(), one_thread(torch.device("cpu")):
            shape = tuple(encoder.eval()(torch.zeros(2, 3, input_size), mask).shape)
        encoder.train()
        promised = (2, encoder.output_size)
    # An encoder is foreign code and may raise anything.
    except Exception as error:
        raise entry.fault(f"fails: {type(error).__name__}: {error}") from error
    if shape != promised:
        raise entry.fault(f"gives features of shape {shape} for 2 texts, but its output_size promises {promised}")
    return encoder


def _build_encoder(recipe: Recipe, input_size: int) -> Encoder:
    entry = registry().entry(recipe.encoder_name)
    return build_encoder(entry, entry.config.model_validate(recipe.encoder_options), input_size)


def _width(recipe: Recipe, vectors: "GloveVectors | None") -> int:
    return vectors.dim if vectors else recipe.model.embedding_dim

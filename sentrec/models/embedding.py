"""The kind of model that reads embeddings: a table that starts from GloVe, a registered encoder, a linear head."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sentrec.data.batches import Batch, make_batch
from sentrec.encoder import Encoder
from sentrec.errors import GloveError
from sentrec.models.base import EMBEDDINGS, HEAD, TextModel
from sentrec.models.contracts import Requirement, TextReader
from sentrec.models.embeddings import TokenEmbedding, initial_embeddings
from sentrec.models.encoder import build_encoder
from sentrec.models.reader import TokenReader
from sentrec.plugins import registry
from sentrec.recipe.schema import Recipe
from sentrec.text.encoding import EncodedTexts, Keep
from sentrec.text.tokenizer import (
    PADDING_ID,
    SPECIAL_TOKENS,
    build_tokenizer,
    load_tokenizer,
    with_vocabulary,
    words_of,
)
from sentrec.text.vocabulary import folds_case, learn_tokenizer

if TYPE_CHECKING:
    from sentrec.glove.store import GloveVectors

_WORDS = "embedding.table.weight"
_ENCODER = "encoder."


class EmbeddingModel(TextModel):
    """Shared embeddings, an encoder and a linear head.

    Args:
        embedding: The shared embeddings.
        encoder: Any registered encoder.
        classes: Number of classes.
        output_dropout: Share of features dropped before the head.
        text_reader: What encodes its texts.
        max_tokens: Most tokens of a text that the encoder reads; None: all.
        keep: Which part of a longer text it reads.
    """

    tokens_are_words = True
    head: nn.Linear

    def __init__(
        self,
        embedding: TokenEmbedding,
        encoder: Encoder,
        classes: int,
        output_dropout: float,
        text_reader: TextReader,
        max_tokens: int | None = None,
        keep: Keep = "head",
    ) -> None:
        super().__init__(classes, text_reader)
        self.embedding = embedding
        self.encoder = encoder
        self.dropout = nn.Dropout(output_dropout)
        self.head = nn.Linear(encoder.output_size, classes)
        self.feature_size = encoder.output_size
        self.max_tokens = max_tokens
        self.keep: Keep = keep

    @classmethod
    def requirements(cls, recipe: Recipe) -> list[Requirement]:
        """Word vectors; a model that goes on from another one needs none."""
        return [] if recipe.init is not None else [_glove_requirement(recipe)]

    @classmethod
    def check(cls, recipe: Recipe) -> None:
        """Builds the encoder and tries it on a tiny batch."""
        _build_encoder(recipe, _width(recipe, _open_vectors(recipe)))

    @classmethod
    def learn_tokenizer(cls, recipe: Recipe, texts: Sequence[str]) -> str:
        """Learns the vocabulary: frequent words, and those with a word vector."""
        learned: str = learn_tokenizer(texts, recipe.text, _open_vectors(recipe)).to_str()
        return learned

    @classmethod
    def join_tokenizers(cls, recipe: Recipe, own: str, source: str) -> str:
        """The words of both; its own keep their ids. A word that only the source has met may stand in a new text."""
        words, others = (words_of(load_tokenizer(one.encode())) for one in (own, source))
        known, special = set(words), len(SPECIAL_TOKENS)
        rules = build_tokenizer(folds_case(recipe.text, recipe.glove.name if recipe.glove else None))
        added = [word for word in others if word not in known]
        joined: str = with_vocabulary(rules, [*words[special:], *added]).to_str()
        return joined

    @classmethod
    def reader(cls, recipe: Recipe, tokenizer: str) -> TextReader:
        """Reads as many tokens as any part of the model does."""
        return TokenReader(tokenizer, recipe.tokens_read, recipe.text.keep)

    @classmethod
    def build(cls, recipe: Recipe, tokenizer: str, classes: int, weights: Mapping[str, Tensor] | None = None) -> Self:
        """Weights drawn from ``recipe.seed``, embeddings from GloVe; see `TextModel.build`."""
        reader = TokenReader(tokenizer, recipe.tokens_read, recipe.text.keep)
        words = words_of(reader.tokenizer)
        vectors = _open_vectors(recipe) if weights is None else None
        dim = _width(recipe, vectors) if weights is None or _WORDS not in weights else weights[_WORDS].shape[1]
        model = recipe.model
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            # The encoder draws its weights first: the other way round, every seed would give another model than it did.
            encoder = _build_encoder(recipe, dim)
            embedding = TokenEmbedding(len(words), dim, model.word_dropout, model.embedding_dropout)
            made = cls(
                embedding, encoder, classes, model.output_dropout, reader, recipe.text.max_tokens, recipe.text.keep
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

    def training_view(self, encoded: EncodedTexts) -> EncodedTexts:
        """What the encoder reads of these texts."""
        return encoded if self.max_tokens is None else encoded.cut(self.max_tokens, self.keep)

    def features(self, batch: Batch) -> Tensor:
        """What the encoder makes of each text, shape ``(batch, feature_size)``."""
        features: Tensor = self.encoder(self.embedding(batch.token_ids, batch.mask), batch.mask)
        return features

    def forward(self, batch: Batch) -> Tensor:
        """Logits, float32, shape ``(batch, classes)``."""
        logits: Tensor = self.head(self.dropout(self.features(batch)))
        return logits.float()

    def layers(self) -> dict[str, tuple[str, ...]]:
        """``embeddings``, one ``encoder.N`` for each of the encoder's layers, ``head``."""
        found: dict[str, list[str]] = {EMBEDDINGS: [_WORDS]}
        own = [name for name, _ in self.encoder.named_parameters()]
        for layer in sorted({self.encoder.layer_of(name) for name in own}):
            found[f"{_ENCODER}{layer}"] = [_ENCODER + name for name in own if self.encoder.layer_of(name) == layer]
        found[HEAD] = [f"{HEAD}.weight", f"{HEAD}.bias"]
        return {layer: tuple(names) for layer, names in found.items()}

    @property
    def undecayed(self) -> frozenset[str]:
        """The word vectors."""
        return frozenset({_WORDS})

    def copy_layers(self, source: TextModel, layers: Sequence[str], classes: Sequence[int] | None = None) -> None:
        """Embeddings are copied word by word: words that the source does not know keep the vectors they have."""
        source = source.gradient_model
        super().copy_layers(source, [layer for layer in layers if layer != EMBEDDINGS], classes)
        if EMBEDDINGS in layers:
            assert isinstance(source, EmbeddingModel)  # of the same kind
            row_of = {word: row for row, word in enumerate(_words_of(source))}
            rows = torch.tensor([row_of.get(word, -1) for word in _words_of(self)])
            rows[PADDING_ID] = -1
            with torch.no_grad():
                self.word_vectors[rows >= 0] = source.word_vectors[rows[rows >= 0]]
        # Buffers, such as running statistics, belong to the encoder's layers, too.
        if any(layer.startswith(_ENCODER) for layer in layers):
            mine = dict(self.encoder.named_buffers())
            for name, buffer in source.get_submodule(_ENCODER[:-1]).named_buffers():
                if f"{_ENCODER}{self.encoder.layer_of(name)}" in layers:
                    mine[name].copy_(buffer)


def _words_of(model: EmbeddingModel) -> Sequence[str]:
    assert isinstance(model.text_reader, TokenReader)  # what `build` gave it
    return words_of(model.text_reader.tokenizer)


def _open_vectors(recipe: Recipe) -> "GloveVectors | None":
    from sentrec.glove.store import open_vectors  # predicting need not wait for it

    return open_vectors(recipe.glove.name, recipe.glove.dim) if recipe.glove else None


def _width(recipe: Recipe, vectors: "GloveVectors | None") -> int:
    return vectors.dim if vectors else recipe.model.embedding_dim


def _build_encoder(recipe: Recipe, input_size: int) -> Encoder:
    entry = registry().encoder(recipe.encoder_name)
    return build_encoder(entry, entry.encoder.Config.model_validate(recipe.encoder_options), input_size)


def _glove_requirement(recipe: Recipe) -> Requirement:
    if recipe.glove is None:
        return Requirement("glove", f"none: embeddings of {recipe.model.embedding_dim} dimensions learned from scratch")
    try:
        vectors = _open_vectors(recipe)
    except GloveError as error:
        return Requirement("glove", None, problem=error)
    assert vectors is not None  # the recipe names some
    found = f"{recipe.glove.name}, {recipe.glove.dim} dimensions, {len(vectors.words):,} words, in the cache"
    return Requirement("glove", found, vectors.fingerprint)

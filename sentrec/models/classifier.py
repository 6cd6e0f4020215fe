"""Shared embeddings + encoder + head = a text classifier."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from sentrec.encoder import Encoder
from sentrec.errors import RunError
from sentrec.models.embeddings import TokenEmbedding, initial_embeddings
from sentrec.models.encoder import build_encoder
from sentrec.models.regions import RegionEmbedding
from sentrec.models.weights import TRAIN_AGAIN, load_weights, read_tensors
from sentrec.ngrams.linear import WideChannel
from sentrec.plugins import registry
from sentrec.recipe.schema import Recipe
from sentrec.text.encoding import head_length

if TYPE_CHECKING:
    from sentrec.glove.store import GloveVectors

WORD_VECTORS = "embedding.table.weight"
"""The name of `TextClassifier.word_vectors` among its weights."""


REGION_VECTORS = "embedding.regions.table"
"""The name of the table of `RegionEmbedding` among its weights, where there is one."""


class TextClassifier(nn.Module):
    """Classifies texts given as token ids.

    Args:
        embedding: The shared embeddings.
        encoder: Any registered encoder.
        classes: Number of classes.
        output_dropout: Share of features dropped before the head.
        wide: A linear channel over n-grams, or None.
        reads: Most tokens of a text that the encoder reads, and how many of them are from its beginning; None: all.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        encoder: Encoder,
        classes: int,
        output_dropout: float,
        wide: WideChannel | None = None,
        reads: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder
        self.dropout = nn.Dropout(output_dropout)
        self.head = nn.Linear(encoder.output_size, classes)
        self.wide = wide
        self.reads = reads

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.head.out_features

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(chain(self.parameters(), self.buffers())).device

    @property
    def word_vectors(self) -> nn.Parameter:
        """The shared table, shape ``(words, dim)``; it starts from GloVe, may be frozen, and learns at its own rate."""
        return cast("nn.Parameter", self.embedding.table.weight)

    def features(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """What the encoder makes of each text, shape ``(batch, encoder.output_size)``; arguments as of `forward`."""
        features: Tensor = self.encoder(*self.embed(token_ids, mask))
        return features

    def embed(self, token_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The embedded tokens that the encoder reads, ``(batch, tokens, dim)``, and their mask; arguments as above."""
        if self.reads is not None:
            token_ids, mask = _both_ends(token_ids, mask, *self.reads)
        return self.embedding(token_ids, mask), mask

    def classify(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """The encoder's logits, without the wide channel, of what `embed` gives; float32, ``(batch, classes)``."""
        logits: Tensor = self.head(self.dropout(self.encoder(embedded, mask)))
        return logits.float()

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Scores each class.

        Args:
            token_ids: int64, shape ``(batch, tokens)``, padding at the end.
            mask: True where there is a token, bool, shape ``(batch, tokens)``.

        Returns:
            Logits, float32, shape ``(batch, classes)``.
        """
        logits = self.classify(*self.embed(token_ids, mask))
        if self.wide is None or self.training or not self.wide.active:
            return logits
        return self.wide.join(logits, token_ids, mask)


class NgramClassifier(TextClassifier):
    """Classifies texts by their n-grams alone: it has no embeddings, no encoder and nothing to learn by gradients.

    Args:
        wide: The channel over n-grams.
    """

    wide: WideChannel

    def __init__(self, wide: WideChannel) -> None:
        nn.Module.__init__(self)
        self.wide = wide

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.wide.classes

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Scores each class; see `TextClassifier.forward`."""
        return self.wide.logits(token_ids, mask)


def build_classifier(recipe: Recipe, vocabulary_size: int, classes: int, embedding_dim: int) -> TextClassifier:
    """The recipe's model with weights drawn from ``recipe.seed``; embeddings are not yet those of GloVe.

    Args:
        recipe: A checked recipe.
        vocabulary_size: Words that the tokenizer knows.
        classes: Number of classes.
        embedding_dim: Width of the embeddings.

    Returns:
        The model, in training mode, on the CPU.

    Raises:
        PluginError: If the encoder fails.
    """
    wide = WideChannel(recipe.model.ngrams, classes) if recipe.model.ngrams else None
    if not recipe.has_encoder:
        assert wide is not None  # the schema wants one
        return NgramClassifier(wide)
    entry = registry().encoder(recipe.encoder_name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model, regions = recipe.model, _build_regions(recipe, vocabulary_size)
        width = embedding_dim + (model.regions.dim if model.regions else 0)
        # The encoder draws its weights first: the other way round, every seed would give another model than it did.
        encoder = build_encoder(entry, entry.encoder.Config.model_validate(recipe.encoder_options), width)
        embedding = TokenEmbedding(vocabulary_size, embedding_dim, model.word_dropout, model.embedding_dropout, regions)
        reads = (recipe.text.max_tokens, head_length(recipe.text.max_tokens, recipe.text.keep))
        return TextClassifier(embedding, encoder, classes, model.output_dropout, wide, reads)


def _build_regions(recipe: Recipe, vocabulary_size: int) -> RegionEmbedding | None:
    regions = recipe.model.regions
    return RegionEmbedding(vocabulary_size, regions.dim, regions.window) if regions is not None else None


def restore_classifier(recipe: Recipe, path: Path, classes: int) -> TextClassifier:
    """The recipe's model with the weights of a file; needs neither GloVe nor the tokenizer.

    Raises:
        RunError: If the file is broken, or holds the weights of another model.
        PluginError: If the encoder fails.
    """
    weights, _ = read_tensors(path)
    if recipe.has_encoder and WORD_VECTORS not in weights:
        raise RunError(f"{path} holds no word vectors: it is not of a text classifier.", TRAIN_AGAIN)
    vocabulary_size, dim = weights[WORD_VECTORS].shape if recipe.has_encoder else (0, 0)
    classifier = build_classifier(recipe, vocabulary_size, classes, dim)
    load_weights(classifier, weights, path)
    if classifier.wide is not None:
        classifier.wide.active = True
    return classifier


def start_embeddings(
    classifier: TextClassifier,
    words: Sequence[str],
    vectors: "GloveVectors | None",
    seed: int,
    regions: "GloveVectors | None" = None,
) -> None:
    """Fills the embedding table, if there is one, from GloVe or (where there is none) at random, in place.

    Where the model has region embeddings, `regions` are the vectors of these.
    """
    if isinstance(classifier, NgramClassifier):
        return
    table = classifier.word_vectors
    with torch.no_grad():
        table.copy_(initial_embeddings(words, vectors, table.shape[1], seed))
    if classifier.embedding.regions is not None and regions is not None:
        classifier.embedding.regions.start(words, regions)


def _both_ends(token_ids: Tensor, mask: Tensor, most: int, head: int) -> tuple[Tensor, Tensor]:
    """The part of longer texts that the encoder reads; the n-grams beside it may be of all of them."""
    if token_ids.shape[1] <= most:
        return token_ids, mask
    lengths = mask.sum(dim=1, keepdim=True)
    place = torch.arange(most, device=mask.device).expand(len(mask), most)
    left_out = (lengths - most).clamp(min=0)
    return token_ids.gather(1, torch.where(place < head, place, place + left_out)), place < lengths

"""Shared embeddings + encoder + head = a text classifier."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sentrec.glove.store import GloveVectors
from sentrec.model.embeddings import TokenEmbedding, initial_embeddings
from sentrec.model.encoder import Encoder
from sentrec.plugins import registry
from sentrec.recipe.schema import Recipe


class TextClassifier(nn.Module):
    """Classifies texts given as token ids.

    Args:
        embedding: The shared embeddings.
        encoder: Any registered encoder.
        classes: Number of classes.
        output_dropout: Share of features dropped before the head.
    """

    def __init__(self, embedding: TokenEmbedding, encoder: Encoder, classes: int, output_dropout: float) -> None:
        super().__init__()
        self.embedding = embedding
        self.encoder = encoder
        self.dropout = nn.Dropout(output_dropout)
        self.head = nn.Linear(encoder.output_size, classes)

    def features(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """What the encoder makes of each text, shape ``(batch, encoder.output_size)``; arguments as of `forward`."""
        features: Tensor = self.encoder(self.embedding(token_ids, mask), mask)
        return features

    def forward(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Scores each class.

        Args:
            token_ids: int64, shape ``(batch, tokens)``, padding at the end.
            mask: True where there is a token, bool, shape ``(batch, tokens)``.

        Returns:
            Logits, float32, shape ``(batch, classes)``.
        """
        logits: Tensor = self.head(self.dropout(self.features(token_ids, mask)))
        return logits.float()


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
    entry = registry().encoder(recipe.encoder_name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        encoder = entry.build(entry.encoder.Config.model_validate(recipe.encoder_options), embedding_dim)
        model = recipe.model
        embedding = TokenEmbedding(vocabulary_size, embedding_dim, model.word_dropout, model.embedding_dropout)
        return TextClassifier(embedding, encoder, classes, model.output_dropout)


def start_embeddings(classifier: TextClassifier, words: Sequence[str], vectors: GloveVectors | None, seed: int) -> None:
    """Fills the classifier's embedding table from GloVe (or at random where there is none), in place."""
    table = classifier.embedding.table.weight
    with torch.no_grad():
        table.copy_(initial_embeddings(words, vectors, table.shape[1], seed))

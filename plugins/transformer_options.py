"""The options of a pretrained transformer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from sentrec import EncoderConfig, Rate, SentrecError


class TransformerConfig(EncoderConfig):
    """Options of a pretrained transformer."""

    pretrained: str = Field(
        "FacebookAI/roberta-base", min_length=1, description="Encoder in safetensors: a model of the hub, or a folder."
    )
    pooling: Literal["cls", "mean", "max"] = Field(
        "mean", description="Features of a text: its first token, or the mean or maximum over its tokens."
    )
    windows: int = Field(
        1,
        ge=1,
        le=64,
        description="Pieces of text.max_tokens that a longer text is read in, at most; their mean counts.",
    )
    trained_layers: int | None = Field(
        None,
        ge=0,
        description="Layers that learn, from the top; the others' outputs are computed once. none: all, embeddings "
        "too; 0: logistic regression on the features.",
    )
    layer_decay: float = Field(
        1.0, gt=0.0, le=1.0, description="Learning rate of each layer as a share of that of the layer above."
    )
    head_rate: float = Field(1.0, gt=0.0, description="Learning rate of the head, as a multiple of the top layer's.")
    unfreeze_epochs: int = Field(
        0, ge=0, description="Gradual unfreezing: epochs until the next layer below learns, too; 0: all at once."
    )
    dropout: float | None = Field(None, ge=0.0, lt=1.0, description="Dropout in the layers; none: as pretrained.")
    gradient_checkpointing: bool = Field(False, description="Compute activations twice to save memory.")
    cache_gigabytes: float = Field(
        8.0, ge=0.0, description="Most disk space for the outputs of frozen layers; beyond it they are computed anew."
    )

    @field_validator("pretrained")
    @classmethod
    def _folders_are_absolute(cls, name: str) -> str:
        is_path = "/" in name and Path(name).expanduser().is_dir()
        return str(Path(name).expanduser().resolve()) if is_path else name

    def rates(self, layers: Mapping[str, tuple[str, ...]]) -> dict[str, Rate]:
        """How fast the parameters of layers learn: the top ones, slower from layer to layer, one after another."""
        top_down = list(layers.items())[::-1]
        most = {None: len(top_down), 0: 0}.get(self.trained_layers, (self.trained_layers or 0) + 1)
        found: dict[str, Rate] = {}
        for stage, (_, names) in enumerate(top_down[:most]):
            factor = self.layer_decay ** (stage - 1) if stage else self.head_rate
            found |= dict.fromkeys(names, Rate(factor, stage * self.unfreeze_epochs))
        return found

    def require_epochs(self, layers: int, epochs: int) -> None:
        """Makes sure that gradual unfreezing reaches every layer that is to learn.

        Args:
            layers: Layers of the model, the embeddings not counted.
            epochs: Epochs of the training.

        Raises:
            SentrecError: If it does not.
        """
        learning = layers + 1 if self.trained_layers is None else min(self.trained_layers, layers)
        needed = self.unfreeze_epochs * learning + 1
        if self.unfreeze_epochs and needed > epochs:
            raise SentrecError(
                f"Unfreezing {learning} layers takes {needed} epochs; the training has {epochs}.",
                "Raise training.epochs, or lower encoder.unfreeze_epochs or encoder.trained_layers.",
            )

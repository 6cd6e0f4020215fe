"""Pooled word embeddings without any order (Shen et al. 2018, Baseline Needs More Love; Iyyer et al. 2015, DAN)."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from sentrec import Encoder, EncoderConfig, RegisterEncoder, hookimpl

from .pooling import masked_max, masked_mean


class SWEMConfig(EncoderConfig):
    """Options of the SWEM."""

    pooling: tuple[Literal["mean", "max", "attention"], ...] = Field(
        ("mean", "attention"), min_length=1, description="How word vectors become one vector; several are joined."
    )
    heads: int = Field(1, ge=1, description="Attentions that each weigh the words in a way of their own.")
    hidden: int = Field(0, ge=0, description="Width of a layer behind the pooling, as the DAN has it; 0: none.")


class SWEM(Encoder):
    """Mean and attention over word vectors, blind to their order: the fastest of the built-in encoders by far.

    An attention head gives every word a weight that only depends on its vector; the weights of a text add up to 1.
    """

    Config: ClassVar[type[EncoderConfig]] = SWEMConfig

    def __init__(self, config: SWEMConfig, input_size: int) -> None:
        super().__init__(config, input_size)
        if "attention" in config.pooling:
            # No bias: one number more for all words of a text changes no weight.
            self.attention = nn.Linear(input_size, config.heads, bias=False)
        pooled = input_size * sum(config.heads if kind == "attention" else 1 for kind in config.pooling)
        self.hidden = nn.Linear(pooled, config.hidden) if config.hidden else None
        self.output_size = config.hidden or pooled

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Encodes a batch; see `Encoder.forward`."""
        # There is next to nothing to multiply: converting to bfloat16 would cost more than it saves, and precision too.
        with torch.autocast(embedded.device.type, enabled=False):
            pooled = torch.cat([self._pool(kind, embedded.float(), mask) for kind in self.config.pooling], dim=1)
            return functional.relu(self.hidden(pooled)) if self.hidden is not None else pooled

    def _pool(self, kind: str, embedded: Tensor, mask: Tensor) -> Tensor:
        match kind:
            case "mean":
                return masked_mean(embedded, mask)
            case "max":
                return masked_max(embedded, mask.unsqueeze(-1))
            case _:
                return self._attend(embedded, mask)

    def _attend(self, embedded: Tensor, mask: Tensor) -> Tensor:
        scores = self.attention(embedded).masked_fill(~mask.unsqueeze(-1), torch.finfo(torch.float32).min)
        # A product of matrices adds up without writing the weighted words down first.
        return torch.bmm(scores.softmax(dim=1).transpose(1, 2), embedded).flatten(1)


@hookimpl
def sentrec_register_encoders(register: RegisterEncoder) -> None:
    """Registers the encoder as ``swem``."""
    register("swem", SWEM)

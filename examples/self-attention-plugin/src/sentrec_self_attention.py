"""A self-attention encoder for sentrec (Vaswani et al. 2017, Attention Is All You Need)."""

import math
from typing import Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from sentrec import Encoder, EncoderConfig, RegisterEncoder, hookimpl


class SelfAttentionConfig(EncoderConfig):
    """Options of the self-attention encoder."""

    width: int = Field(128, ge=2, multiple_of=2, description="Width of the token states.")
    heads: int = Field(4, ge=1, description="Attention heads; they share the width among them.")
    layers: int = Field(1, ge=1, description="Attention layers on top of each other.")
    dropout: float = Field(0.1, ge=0.0, lt=1.0, description="Dropout after each part of a layer.")

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} cannot be shared among {self.heads} heads")
        return self


class SelfAttention(Encoder):
    """Multi-head self-attention over the words of a text, then their mean."""

    Config = SelfAttentionConfig

    def __init__(self, config: SelfAttentionConfig, input_size: int) -> None:
        super().__init__(config, input_size)
        self.project = nn.Linear(input_size, config.width)
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.output_size = config.width

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Encodes a batch; see `sentrec.Encoder.forward`."""
        states = self.project(embedded)
        states = states + positions(states.shape[1], states.shape[2], states.device)
        for layer in self.layers:
            states = layer(states, mask)
        # Padding took no part in the attention; here it is left out of the mean too.
        total: Tensor = (self.norm(states) * mask.unsqueeze(-1)).sum(dim=1, dtype=torch.float32)
        return total / mask.sum(dim=1, keepdim=True)


class _Layer(nn.Module):
    """Attention and a feed-forward part, each around a residual connection, with the norm in front."""

    def __init__(self, config: SelfAttentionConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.queries_keys_values = nn.Linear(config.width, 3 * config.width)
        self.merge = nn.Linear(config.width, config.width)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, 2 * config.width),
            nn.GELU(),
            nn.Linear(2 * config.width, config.width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        states = states + self.dropout(self._attend(self.attention_norm(states), mask))
        fed_forward: Tensor = self.dropout(self.feed_forward(states))
        return states + fed_forward

    def _attend(self, states: Tensor, mask: Tensor) -> Tensor:
        batch, tokens, width = states.shape
        parts = self.queries_keys_values(states).view(batch, tokens, 3, self.heads, width // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        # The mask is over the keys: no token may look at padding.
        attended = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask[:, None, None, :])
        merged: Tensor = self.merge(attended.transpose(1, 2).reshape(batch, tokens, width))
        return merged


def positions(tokens: int, width: int, device: torch.device) -> Tensor:
    """Sinusoidal position encodings (Vaswani et al. 2017, section 3.5).

    Args:
        tokens: Number of positions.
        width: Width of each encoding, an even number.
        device: Where to put them.

    Returns:
        Shape ``(tokens, width)``, float32.
    """
    frequencies = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10_000.0) / width))
    angles = torch.arange(tokens, device=device).unsqueeze(1) * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


@hookimpl
def sentrec_register_encoders(register: RegisterEncoder) -> None:
    """Registers the encoder under the name that recipes use."""
    register("self-attention", SelfAttention)

"""The TextCNN encoder (Kim 2014, Convolutional Neural Networks for Sentence Classification)."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from sentrec import Encoder, EncoderConfig, RegisterEncoder, hookimpl

from .pooling import masked_max


class TextCNNConfig(EncoderConfig):
    """Options of the TextCNN."""

    kernel_sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (2, 3, 4, 5), min_length=1, description="Widths of the convolutions, in tokens."
    )
    filters: int = Field(100, ge=1, description="Filters of each width.")


class TextCNN(Encoder):
    """Convolutions of several widths with max-over-time pooling: the fastest of the built-in encoders."""

    Config: ClassVar[type[EncoderConfig]] = TextCNNConfig

    def __init__(self, config: TextCNNConfig, input_size: int) -> None:
        super().__init__(config, input_size)
        self.convolutions = nn.ModuleList(nn.Conv1d(input_size, config.filters, size) for size in config.kernel_sizes)
        self.output_size = config.filters * len(config.kernel_sizes)

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Encodes a batch; see `Encoder.forward`."""
        channels = (embedded * mask.unsqueeze(-1)).transpose(1, 2)
        pooled = [
            masked_max(convolution(_pad(channels, size)), mask.unsqueeze(1), dim=2)
            for convolution, size in zip(self.convolutions, self.config.kernel_sizes, strict=True)
        ]
        # ReLU is monotone: after pooling it gives the same as before, on a fraction of the values.
        return functional.relu(torch.cat(pooled, dim=1)).float()


def _pad(channels: Tensor, kernel_size: int) -> Tensor:
    # Zeros on both sides, so that there is one output a token, even where a text is shorter than the kernel.
    return functional.pad(channels, ((kernel_size - 1) // 2, kernel_size // 2))


@hookimpl
def sentrec_register_encoders(register: RegisterEncoder) -> None:
    """Registers the encoder as ``textcnn``."""
    register("textcnn", TextCNN)

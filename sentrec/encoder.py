"""The contract of an encoder: embedded tokens in, one feature vector a text out."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn


class EncoderConfig(BaseModel):
    """The options of an encoder, as a recipe's ``encoder:`` section states them (without ``name``).

    Subclass it and give every field a default and a ``Field(description=...)``; `sentrec encoders` shows them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class Encoder(nn.Module, ABC):
    """Base class of every encoder architecture.

    A subclass names its options in `Config`, sets `output_size` in ``__init__`` and implements `forward`. Its first
    docstring line is the summary that `sentrec encoders` shows. The answer for a text must not depend on the other
    texts in its batch nor on padding; `sentrec.testing.EncoderConformance` checks that.

    Args:
        config: The options, an instance of the class's own `Config`.
        input_size: Width of the embedded tokens.
    """

    Config: ClassVar[type[EncoderConfig]] = EncoderConfig

    output_size: int
    """Width of the feature vector, set by the subclass's ``__init__``."""

    def __init__(self, config: Any, input_size: int) -> None:
        super().__init__()
        self.config = config
        self.input_size = input_size

    @abstractmethod
    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        """Encodes a batch of texts.

        Args:
            embedded: Embedded tokens, float, shape ``(batch, tokens, input_size)``. Padding is at the end and zero.
            mask: True where there is a token, bool, shape ``(batch, tokens)``. A row has at least one token.

        Returns:
            Features, float, shape ``(batch, output_size)``.
        """

    def layer_of(self, parameter: str) -> int:
        """Which layer a parameter of `named_parameters` belongs to, from 0, the nearest to the embeddings.

        For transfer that moves or unfreezes an encoder layer by layer; an encoder of one layer need not override it.
        """
        return 0

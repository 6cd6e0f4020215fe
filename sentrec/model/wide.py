"""The wide channel: a linear model over n-grams whose logits join those of the encoder (Cheng et al. 2016).

N-grams are those of token ids, so that a model needs the raw text only once, and are told apart by a hash.
"""

import torch
from torch import Tensor, nn

from sentrec.recipe.schema import WideConfig

_STEP = 0x9E3779B97F4A7C15 - 2**64  # odd, as multiplicative hashing wants it (Knuth 1998, section 6.4), in 64 bits
_HIGH_BITS = 40


class WideChannel(nn.Module):
    """Logits from the n-grams that occur in a text, whatever their number.

    It learns apart from the encoder, in closed steps and not by gradients: `sentrec.training.wide` fills its tables.
    Until then, and while the encoder is trained, it is switched off.

    Args:
        config: Longest n-gram and size of the table.
        classes: Number of classes.

    Attributes:
        active: Whether it has learned and takes part.
    """

    weights: Tensor
    bias: Tensor
    shares: Tensor

    def __init__(self, config: WideConfig, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.ngrams = config.ngrams
        self.slots = 2**config.table_bits
        self.active = False
        margins = 1 if classes == 2 else classes
        self.register_buffer("weights", torch.zeros(self.slots, margins))
        self.register_buffer("bias", torch.zeros(margins))
        self.register_buffer("shares", torch.tensor([1.0, 0.0]))

    def occurring(self, token_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The table slots of the n-grams of each text.

        Args:
            token_ids: int64, shape ``(batch, tokens)``, padding at the end.
            mask: True where there is a token, shape ``(batch, tokens)``.

        Returns:
            Slots, int64, ascending within a row, and which of them count: each slot of a text once, and no padding.
            Both of shape ``(batch, n-grams)``.
        """
        code = torch.zeros_like(token_ids)
        slots = []
        for length in range(1, self.ngrams + 1):
            if length > token_ids.shape[1]:
                break
            ends = token_ids[:, length - 1 :]
            code = (code[:, : ends.shape[1]] + ends + 1) * _STEP
            slot = (code >> _HIGH_BITS) & (self.slots - 1)
            # An n-gram is there where its last token is; `slots` stands behind every slot, so that padding sorts last.
            slots.append(slot.masked_fill(~mask[:, length - 1 :], self.slots))
        ordered = torch.cat(slots, dim=1).sort(dim=1).values
        counts = ordered < self.slots
        counts[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
        return ordered, counts

    def logits(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Scores each class by n-grams alone; float32, shape ``(batch, classes)``, arguments as of `occurring`."""
        slots, counts = self.occurring(token_ids, mask)
        found = self.weights[slots.clamp(max=self.slots - 1)] * counts.unsqueeze(-1)
        margins = found.sum(dim=1) + self.bias
        return torch.cat([-margins, margins], dim=1) / 2 if margins.shape[1] == 1 else margins

    def join(self, deep: Tensor, token_ids: Tensor, mask: Tensor) -> Tensor:
        """The encoder's logits and those of the n-grams, each by its share."""
        return self.shares[0] * deep + self.shares[1] * self.logits(token_ids, mask)

"""The wide channel: a linear model over n-grams whose logits join those of the encoder (Cheng et al. 2016).

N-grams are those of token ids, so that a model needs the raw text only once, and are told apart by a hash.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sentrec.recipe.sections import NgramsConfig

_STEP = 0x9E3779B97F4A7C15 - 2**64  # odd, as multiplicative hashing wants it (Knuth 1998, section 6.4), in 64 bits
_HIGH_BITS = 40


class WideChannel(nn.Module):
    """Logits from the n-grams that occur in a text, each once.

    A text's sum of weights is divided by a power of how many n-grams it has: the many n-grams of a long text say the
    same several times over, and without that its logits would be far too sure.

    It learns apart from the encoder, in closed steps and not by gradients: `sentrec.ngrams.fitting` fills its tables.
    Until then, and while the encoder is trained, it is switched off.

    Args:
        config: Longest n-gram, size of the table, and that power.
        classes: Number of classes.

    Attributes:
        active: Whether it has learned and takes part.
    """

    weights: Tensor
    bias: Tensor
    shares: Tensor
    scaling: Tensor

    def __init__(self, config: NgramsConfig, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.max_n = config.max_n
        self.fit_intercept = config.intercept == "fitted"
        self.crops = config.crops
        self.lsa = config.lsa
        self.slots = 2**config.table_bits
        self.active = False
        margins = 1 if classes == 2 else classes
        self.register_buffer("weights", torch.zeros(self.slots, margins))
        self.register_buffer("bias", torch.zeros(margins))
        self.register_buffer("shares", torch.tensor([1.0, 0.0]))
        # A factor and the power: an n-gram counts `factor / n ** power` in a text of n of them.
        self.register_buffer("scaling", torch.tensor([1.0, config.length_power]))

    def occurring(self, token_ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The table slots of the n-grams of each text.

        Args:
            token_ids: int64, shape ``(batch, tokens)``, padding at the end.
            mask: True where there is a token, shape ``(batch, tokens)``.

        Returns:
            Slots, int32, ascending within a row, and which of them count: each slot of a text once, and no padding.
            Both of shape ``(batch, n-grams)``.
        """
        code = torch.zeros_like(token_ids)
        slots = []
        for length in range(1, self.max_n + 1):
            if length > token_ids.shape[1]:
                break
            ends = token_ids[:, length - 1 :]
            code = (code[:, : ends.shape[1]] + ends + 1) * _STEP
            slot = ((code >> _HIGH_BITS) & (self.slots - 1)).int()
            # An n-gram is there where its last token is; `slots` stands behind every slot, so that padding sorts last.
            slots.append(slot.masked_fill(~mask[:, length - 1 :], self.slots))
        ordered = _sorted_rows(torch.cat(slots, dim=1))
        counts = ordered < self.slots
        counts[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
        return ordered, counts

    def values(self, occurring: Tensor) -> Tensor:
        """What each n-gram of a text counts.

        Args:
            occurring: How many different n-grams each text has, shape ``(batch,)``.

        Returns:
            Float32, shape ``(batch,)``; logits are the bias and these times the sum of the weights.
        """
        factor, power = self.scaling
        values: Tensor = factor / occurring.float() ** power
        return values

    def logits(self, token_ids: Tensor, mask: Tensor) -> Tensor:
        """Scores each class by n-grams alone; float32, shape ``(batch, classes)``, arguments as of `occurring`."""
        slots, counts = self.occurring(token_ids, mask)
        found = self.weights[slots.clamp(max=self.slots - 1)] * counts.unsqueeze(-1)
        margins = found.sum(dim=1) * self.values(counts.sum(dim=1)).unsqueeze(-1) + self.bias
        return torch.cat([-margins, margins], dim=1) / 2 if margins.shape[1] == 1 else margins

    def join(self, deep: Tensor, token_ids: Tensor, mask: Tensor) -> Tensor:
        """The encoder's logits and those of the n-grams, each by its share."""
        return self.shares[0] * deep + self.shares[1] * self.logits(token_ids, mask)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        # Runs from before texts were scaled have no such numbers: an n-gram counts 1 there.
        state_dict.setdefault(f"{prefix}scaling", torch.tensor([1.0, 0.0]))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _sorted_rows(slots: Tensor) -> Tensor:
    if slots.device.type != "cpu":
        return slots.sort(dim=1).values
    # NumPy sorts ten times faster, by the processor's vector instructions.
    return torch.from_numpy(np.sort(slots.numpy(), axis=1))

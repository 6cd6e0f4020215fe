"""Texts without labels, a batch for every step, and what a teacher says of them."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sentrec.data.batches import plan_batches
from sentrec.recipe.schema import Recipe
from sentrec.text.encoding import EncodedTexts

_SEED = 7_001
"""Sets the order of unlabelled texts apart from that of the labelled ones."""


class UnlabelledTexts:
    """Endless batches of texts without labels, shuffled anew in every pass.

    Which texts a batch holds depends on the recipe and on its number alone, so that a resumed training meets the same.

    Args:
        recipe: Seed and size of the batches.
        encoded: The texts.
        targets: A teacher's probabilities, float32, shape ``(texts, classes)``.
    """

    def __init__(self, recipe: Recipe, encoded: EncodedTexts, targets: npt.NDArray[np.float32]) -> None:
        self.recipe = recipe
        self.encoded = encoded
        self.targets = torch.from_numpy(targets)
        self._passes = 0
        self._first = 0
        self._plan: list[npt.NDArray[np.int64]] = []

    def rows(self, number: int) -> tuple[npt.NDArray[np.int64], Tensor]:
        """The rows of the batch of that number, from 0, and the teacher's probabilities of its texts."""
        if number < self._first:
            self._passes, self._first, self._plan = 0, 0, []
        while number >= self._first + len(self._plan):
            self._first += len(self._plan)
            self._plan = self._plan_pass()
        rows = self._plan[number - self._first]
        return rows, self.targets[rows]

    def _plan_pass(self) -> list[npt.NDArray[np.int64]]:
        generator = np.random.default_rng([self.recipe.seed, _SEED, self._passes])
        self._passes += 1
        tokens = self.recipe.objective.unlabelled_tokens
        # Tokens alone bound a batch: how many unlabelled texts share a step with the labelled ones is theirs to say.
        return plan_batches(self.encoded.lengths(), len(self.encoded), tokens, generator)

"""Region embeddings: what a few words in a row tell of the words around them (Johnson and Zhang 2015).

The vector of a region, of `window` words in a row, is the sum of its words' vectors, negative numbers set to zero. It
is learned such that it tells words that stand within `reach` to the left of the region and to the right of it, apart
(their "two-view embedding"), by negative sampling (Mikolov et al. 2013) instead of their squared error over all words.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from sentrec.models.regions import rectified_sums

_NEIGHBOURS = 5
"""Words that a region tells on either side, drawn anew in each step."""
_DRAWN = 256
"""Words that are drawn on either side, for all regions of a step."""
_NEGATIVES = 8.0
"""What they weigh together, for each word that is told."""
_SUBSAMPLING = 1e-4
_DRAWN_POWER = 0.75
_FIRST_SPREAD = 0.05


@dataclass(frozen=True)
class Regions:
    """What a step learns from.

    Attributes:
        words: Word numbers, ``(texts, tokens + window - 1)``: a region begins at each of the first ``tokens``.
        neighbours: ``(regions, 2 * 5)`` word numbers: to the left, then to the right; `outside` is none.
        kept: Which neighbours are to be told, of the same shape.
        begins: Whether the region begins with a word, ``(texts, tokens)``.
        drawn: ``(2, 256)`` word numbers to tell the neighbours from.
    """

    words: Tensor
    neighbours: Tensor
    kept: Tensor
    begins: Tensor
    drawn: Tensor


class RegionSampler:
    """Draws regions and what is to be told of them; each step has a seed of its own, so that work can be resumed.

    Args:
        tokens: The corpus, see `sentrec.adapt.tokens.TokenStream`; its gap is at least ``window + reach``.
        counts: How often each word occurs, ``(vocabulary,)``.
        window: Words of a region.
        reach: How far neighbours are from it at most.
    """

    def __init__(
        self, tokens: npt.NDArray[np.unsignedinteger], counts: npt.NDArray[np.int64], window: int, reach: int
    ) -> None:
        self.tokens = tokens
        self.window = window
        self.reach = reach
        self.outside = len(counts)
        share = counts / counts.sum()
        ratio = _SUBSAMPLING / np.maximum(share, 1e-12)
        # What word2vec's code does: frequent words tell little of where they stand.
        self.kept = np.append(np.minimum(1.0, np.sqrt(ratio) + ratio), 0.0).astype(np.float32)
        powers = counts**_DRAWN_POWER
        self._cumulated = np.cumsum(powers) / powers.sum()

    def expected(self) -> npt.NDArray[np.float32]:
        """The logit of each word where a region tells nothing, ``(vocabulary,)``."""
        told = np.diff(self._cumulated, prepend=0.0) ** (1 / _DRAWN_POWER) * self.kept[:-1]
        drawn = np.diff(self._cumulated, prepend=0.0)
        logits: npt.NDArray[np.float32] = np.log(told / told.sum() / (_NEGATIVES * drawn)).astype(np.float32)
        return logits

    def draw(self, starts: npt.NDArray[np.int64], length: int, generator: np.random.Generator) -> Regions:
        """The regions that begin in `length` places from each start.

        Args:
            starts: Places in the corpus, ``(texts,)``, with room for `reach` before and after.
            length: Regions from each start.
            generator: What to draw with.
        """
        reach, window = self.reach, self.window
        span = starts[:, None] - reach + np.arange(length + window - 1 + 2 * reach)
        around = torch.from_numpy(self.tokens[span].astype(np.int64))
        distances = np.sort(generator.choice(reach, min(_NEIGHBOURS, reach), replace=False)) + 1
        left = [around[:, reach - far : reach - far + length] for far in distances]
        right = [around[:, reach + window - 1 + far :][:, :length] for far in distances]
        words = around[:, reach : reach + length + window - 1]
        begins = words[:, :length] != self.outside
        neighbours = torch.stack([*left, *right], dim=-1)[begins]
        chance = generator.random(neighbours.shape, dtype=np.float32)
        kept = torch.from_numpy(chance) < torch.from_numpy(self.kept)[neighbours]
        drawn = np.searchsorted(self._cumulated, generator.random((2, _DRAWN)))
        return Regions(words, neighbours, kept, begins, torch.from_numpy(drawn.clip(max=self.outside - 1)))


class RegionModel(nn.Module):
    """Word vectors whose rectified sums tell the neighbours.

    Args:
        expected: What `RegionSampler.expected` gave: the logits to start from.
        dim: Width of a vector.
        window: Words of a region.
        generator: What to draw the first vectors with.
    """

    def __init__(
        self, expected: npt.NDArray[np.float32], dim: int, window: int, generator: np.random.Generator
    ) -> None:
        super().__init__()
        self.vocabulary = len(expected)
        self.window = window
        first = generator.standard_normal((self.vocabulary + 1, dim), dtype=np.float32) * _FIRST_SPREAD
        first[-1] = 0.0
        self.vectors = nn.Parameter(torch.from_numpy(first))
        self.told = nn.Parameter(torch.zeros(2 * self.vocabulary, dim))
        self.bias = nn.Parameter(torch.from_numpy(np.tile(expected, 2)))

    def forward(self, words: Tensor) -> Tensor:
        """The vectors of all regions of texts.

        Args:
            words: Word numbers, shape ``(texts, tokens)``; the number `vocabulary` adds nothing.

        Returns:
            Shape ``(texts, tokens - window + 1, dim)``.
        """
        embedded = functional.embedding(words, self.vectors, padding_idx=self.vocabulary)
        return rectified_sums(embedded, self.window)

    def loss(self, regions: Regions, bfloat16: bool) -> Tensor:
        """Mean negative-sampling loss of a neighbour that is to be told.

        Args:
            regions: What to learn from.
            bfloat16: Whether to multiply large matrices in bfloat16.
        """
        vectors = self(regions.words)[regions.begins]
        kept = regions.kept
        side = torch.arange(kept.shape[1], device=kept.device) // (kept.shape[1] // 2) * self.vocabulary
        region, _ = kept.nonzero(as_tuple=True)
        neighbours = (regions.neighbours + side)[kept]
        drawn = torch.cat([regions.drawn[0], regions.drawn[1] + self.vocabulary])
        # Looked up by `embedding`: of an index, several threads would add the gradients up in an order by chance. All
        # at once, because each look-up makes a gradient of the whole table.
        told = functional.embedding(torch.cat([neighbours, drawn]), self.told)
        bias = functional.embedding(torch.cat([neighbours, drawn]), self.bias[:, None])[:, 0]
        told, of_drawn = told[: len(neighbours)], told[len(neighbours) :]
        found = (functional.embedding(region, vectors) * told).sum(dim=-1) + bias[: len(neighbours)]
        product = (vectors.bfloat16() @ of_drawn.bfloat16().t()).float() if bfloat16 else vectors @ of_drawn.t()
        product = product + bias[len(neighbours) :]
        wrong = functional.softplus(product).view(len(vectors), 2, _DRAWN).sum(dim=-1)
        weight = kept.view(len(kept), 2, kept.shape[1] // 2).sum(dim=-1) * (_NEGATIVES / _DRAWN)
        loss: Tensor = functional.softplus(-found).sum() + (wrong * weight).sum()
        return loss / max(1, len(neighbours))

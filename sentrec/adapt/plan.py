"""What to learn region embeddings from and how, and where the work stands."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass


@dataclass(frozen=True)
class RegionOptions:
    """What to learn region embeddings from, and how.

    `reach` and `learning_rate` were chosen in runs of 90 seconds, by what a linear model made of the vectors on
    IMDB reviews of films held out of train; dimensions and passes are what two cores do in 20 minutes.

    Attributes:
        name: The name of the new vectors.
        corpus: Files and datasets; see `sentrec.adapt.corpus.parts_of`.
        text_columns: Columns that make up a text; empty: as known.
        dim: Dimensions.
        passes: Epochs over the corpus.
        window: Words of a region.
        reach: Words up to so far from a region are predicted from it.
        vocabulary: The most frequent words of the corpus, so many at most.
        min_count: Occurrences of a word at least.
        learning_rate: Initial learning rate of Adagrad; it decays linearly to zero.
        seed: Seed of all that is drawn.
    """

    name: str
    corpus: tuple[str, ...]
    _: KW_ONLY
    text_columns: tuple[str, ...] = ()
    passes: int = 4
    vocabulary: int = 30_000
    min_count: int = 5
    seed: int = 1
    dim: int = 200
    window: int = 5
    reach: int = 10
    learning_rate: float = 0.2


@dataclass(frozen=True)
class AdaptProgress:
    """Where the work stands.

    Attributes:
        stage: ``read``, ``encode`` or ``learn``.
        done: Texts, texts or steps done.
        total: How many there are in all; None where that is not known yet.
        error: Running mean of the loss, while learning.
    """

    stage: str
    done: int
    total: int | None = None
    error: float | None = None


OnProgress = Callable[[AdaptProgress], None]

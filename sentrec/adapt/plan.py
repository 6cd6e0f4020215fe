"""What to learn vectors from and how, where the work stands, and what came of it."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass

from sentrec.glove.store import GloveVectors


@dataclass(frozen=True)
class CorpusOptions:
    """What to learn vectors from.

    Attributes:
        name: The name of the new vectors.
        corpus: Files and datasets; see `sentrec.adapt.corpus.parts_of`.
        text_columns: Columns that make up a text; empty: as known.
        passes: How often it is learned from.
        vocabulary: The most frequent words of the corpus, so many at most.
        min_count: Occurrences of a word at least.
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


@dataclass(frozen=True, kw_only=True)
class AdaptOptions(CorpusOptions):
    """What to learn word vectors from, and how; a pass fits them to all co-occurrences.

    Attributes:
        glove: The vectors to start from and stay near to, e.g. ``6B.50d``; None: from scratch.
        dim: Dimensions of vectors from scratch; with `glove` None or that of those vectors.
        window: Words up to so far apart count as near each other.
        pull: How strongly words are held near the pretrained vectors (from scratch: near zero).
        x_max: Weighted count from which a pair of words has full weight.
    """

    glove: str | None = "6B.50d"
    dim: int | None = None
    window: int = 10
    pull: float = 1.0
    x_max: float = 10.0


@dataclass(frozen=True, kw_only=True)
class RegionOptions(CorpusOptions):
    """What to learn region embeddings from, and how.

    `reach` and `learning_rate` were chosen in runs of 90 seconds, by what a linear model made of the vectors on
    IMDB reviews of films held out of train; dimensions and passes are what two cores do in 20 minutes.

    Attributes:
        dim: Dimensions.
        window: Words of a region.
        reach: Words up to so far from a region are told by it.
        learning_rate: That of Adagrad; it falls to zero.
    """

    dim: int = 200
    window: int = 5
    reach: int = 10
    learning_rate: float = 0.2


@dataclass(frozen=True)
class AdaptProgress:
    """Where the work stands.

    Attributes:
        stage: ``read``, ``encode``, ``count`` or ``fit``; of regions ``read``, ``encode`` or ``learn``.
        done: Texts, texts, tokens or halves of passes done; of regions texts, texts or steps.
        total: How many there are in all; None where that is not known yet.
        error: Weighted mean squared error of log counts, while fitting; running mean of the loss, while learning.
    """

    stage: str
    done: int
    total: int | None = None
    error: float | None = None


OnProgress = Callable[[AdaptProgress], None]


@dataclass(frozen=True)
class AdaptedVectors:
    """What came of learning vectors.

    Attributes:
        vectors: The new vectors, opened.
        lowercase: Whether their words are in lower case.
        corpus_words: Words with a vector that was fitted.
        new_words: Those among them that the pretrained vectors lack.
        mean_cosine: Mean cosine between the pretrained and the adapted vector of a word; None from scratch.
        error: Weighted mean squared error of log counts at the end.
    """

    vectors: GloveVectors
    lowercase: bool
    corpus_words: int
    new_words: int
    mean_cosine: float | None
    error: float

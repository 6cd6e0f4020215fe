"""How positive a text is, and what it is about: a model's view of a chunk of reviews."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from sentrec.errors import RunError
from sentrec.inference.lines import unknown_among, unknown_warning
from sentrec.inference.predictor import Predictor, fingerprint_of
from sentrec.models.device import has_bfloat16, require_bfloat16
from sentrec.recommend.chunks import OneWorker, Scores
from sentrec.text.encoding import EncodedTexts
from sentrec.text.tokenizer import SPECIAL_TOKENS
from sentrec.text.vocabulary import fingerprint

if TYPE_CHECKING:
    from sentrec.ngrams.baselines import Baseline  # scikit-learn is slow to import

logger = logging.getLogger(__name__)
Precision = Literal["auto", "float32", "bfloat16"]

_POSITIVE_NAMES = ("positive", "pos", "good")
_POLARITIES = ({0.0, 1.0}, {1.0, 2.0}, {-1.0, 1.0}, {-1.0, 0.0, 1.0})
_FEWEST_STARS, _MOST_STARS = (0.5, 1.0), (5.0, 10.0)
_FREQUENCY_SMOOTHING = 1e-3
"""The constant `a` of Arora et al. 2017."""
_STARS_SLOPE = 2.0
"""How steeply a score's log odds rise with those of the expected stars, as a share of their range.

At 2.6 the score is how likely a text with so many stars is to be labelled positive. Closer to the stars themselves it
orders films better, until a single rave comes before films of ten good reviews: recipes/README.md, Ranking films."""


class ModelScorer:
    """Scores with a trained model; `score` may run in several threads at once, and so may its encoder's ``forward``.

    The model is put into evaluation mode here, once: nothing may switch it while threads share it. Of an ensemble, the
    first member's word vectors tell what a text is about (of those that have any).

    Args:
        predictor: The model.
        positive: The class that means "liked"; by default the one called positive, pos or good. Where the classes are
            numbers that are evidently stars (1 to 5, 1 to 10, halves too) or polarities (0 and 1, 1 and 2, -1 and 1),
            the score is the expected number, scaled to 0 to 1.
            Of a model with a star head, the score rises with the expected stars: these tell the good review from the
            rave, on which two classes agree.
        precision: ``bfloat16`` is faster and moves a probability by about 0.001; ``auto`` takes it where the processor
            computes in it.

    Raises:
        RunError: If the model's classes do not say what is positive.
        SentrecError: If bfloat16 is asked for by name and the device has none.
    """

    def __init__(self, predictor: Predictor, positive: str | None = None, precision: Precision = "float32") -> None:
        self._predictor = predictor
        for member in predictor.members:
            member.model.eval()
        self._weights = class_weights(predictor.label_names, positive)
        self._device_type = predictor.device.type
        self._first = iter([True])
        if precision == "bfloat16":
            require_bfloat16(predictor.device, "Leave --precision out, or let it choose: --precision auto")
        self._bfloat16 = precision == "bfloat16" or (precision == "auto" and has_bfloat16(predictor.device))
        # What reads n-grams alone has no vectors. One member of an ensemble is enough to tell what a text is about.
        tables = ((place, member.model.word_vectors) for place, member in enumerate(predictor.members))
        found = next(((place, table) for place, table in tables if table is not None), None)
        self._embedder = found and found[0]
        if found:
            self._table = found[1].detach().to("cpu", torch.float32)
            self._word_weights = _word_weights(len(self._table))

    def fingerprint(self) -> str:
        """Changes with whatever a score depends on: the run, the choice of the positive class, precision and device."""
        return fingerprint(
            [fingerprint_of(self._predictor.run)], self._weights.tolist(), self._bfloat16, self._device_type
        )

    def score(self, texts: Sequence[str]) -> Scores:
        """Scores every text, in their order; of one beyond 100,000 characters only both ends are read."""
        encoded = self._predictor.encode(texts)
        if next(self._first, False) and (message := unknown_warning(unknown_among(encoded[0]))):
            logger.warning(message)
        with torch.autocast(self._device_type, torch.bfloat16, enabled=self._bfloat16):
            probabilities, stars = self._predictor.stars_of(encoded)
        polarity = probabilities @ ((np.sign(self._weights - 0.5) + 1.0) / 2.0)
        if stars.shape[1]:
            probabilities = _classes_of(stars)
        return Scores(probabilities @ self._weights, self._embed(encoded), polarity)

    def explain(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """What each word of each text adds to the log-odds of a positive review (see `sentrec.explain`).

        Where a text's label is neither the most positive class nor the most negative, its words count accordingly less.
        """
        from sentrec.explain import explain  # which ranking alone does not need

        found: list[dict[str, float]] = []
        for explanation in explain(self._predictor, texts):
            towards = 2.0 * float(self._weights[self._predictor.label_names.index(explanation.label)]) - 1.0
            words: dict[str, float] = {}
            for token in explanation.top(len(explanation.tokens), least=0.0):
                word = token.text.casefold()
                words[word] = words.get(word, 0.0) + towards * token.contribution
            found.append(words)
        return found

    @contextmanager
    def workers(self) -> Iterator[tuple[ThreadPoolExecutor, int]]:
        """Gives a pool of one-threaded workers, as many as torch has threads on a CPU; one on any other device.

        Threads that share one recurrent network wait for one another at every token; threads with texts of their own
        never do.
        """
        threads = torch.get_num_threads()
        if self._device_type != "cpu":
            with ThreadPoolExecutor(1) as pool:
                yield pool, 1
            return
        try:
            with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                yield pool, threads
        finally:
            torch.set_num_threads(threads)

    def _embed(self, read: Sequence[EncodedTexts]) -> npt.NDArray[np.float16]:
        """Mean word vectors, rare words counting more (smooth inverse frequency, Arora et al. 2017), if it has any."""
        if self._embedder is None:
            return np.zeros((len(read[0]), 0), dtype=np.float16)
        encoded = read[self._embedder]
        token_ids = torch.from_numpy(encoded.token_ids.astype(np.int64))
        weights = self._word_weights[token_ids]
        offsets = torch.from_numpy(encoded.offsets[:-1])
        with torch.inference_mode():
            sums = functional.embedding_bag(token_ids, self._table, offsets, mode="sum", per_sample_weights=weights)
        return (sums.numpy() / encoded.lengths()[:, None]).astype(np.float16)


def _classes_of(stars: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How negative and how positive so many expected stars are, shape ``(texts, 2)``; rows add up to 1."""
    share = stars @ np.linspace(0.0, 1.0, stars.shape[1])
    liked, disliked = share**_STARS_SLOPE, (1.0 - share) ** _STARS_SLOPE
    return np.asarray(np.column_stack([disliked, liked]) / (liked + disliked)[:, None])


class BaselineScorer(OneWorker):
    """Scores with a trained linear n-gram model, to compare with; `positive` is as of `ModelScorer`."""

    def __init__(self, baseline: "Baseline", label_names: Sequence[str], positive: str | None = None) -> None:
        self._baseline = baseline
        self._weights = class_weights(label_names, positive)

    def fingerprint(self) -> str:
        """Names the kind of model."""
        return type(self._baseline).__name__

    def score(self, texts: Sequence[str]) -> Scores:
        """Scores every text, in their order; embeds none."""
        positive = self._baseline.predict_proba(texts) @ self._weights
        return Scores(positive, np.zeros((len(texts), 0), dtype=np.float16))


def class_weights(label_names: Sequence[str], positive: str | None = None) -> npt.NDArray[np.float64]:
    """How much each class counts as positive, 0 to 1: a text's score is the expected value of these weights.

    Raises a `RunError` if no class is known to be positive.
    """
    names = list(label_names)
    if positive is not None and positive not in names:
        raise RunError(f"the model has no class '{positive}'.", f"It has: {', '.join(names)}.")
    numbers = _evident_scale(names)
    if positive is None and numbers is not None:
        return np.asarray((numbers - numbers.min()) / np.ptp(numbers))
    matching = [name for name in names if (name == positive if positive else name.lower() in _POSITIVE_NAMES)]
    if len(matching) != 1:
        raise RunError(
            f"the model tells apart {', '.join(names)}: none of these is known to mean that somebody liked an item.",
            "Use a model of sentiment, or name the class that is positive: --positive LABEL",
        )
    return np.array([float(name == matching[0]) for name in names])


def _evident_scale(names: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """The numbers that the classes are, unless these could be anything: topics are numbered, too."""
    try:
        numbers = np.array([float(name) for name in names])
    except ValueError:
        return None
    is_stars = numbers.min() in _FEWEST_STARS and numbers.max() in _MOST_STARS and bool((numbers % 0.5 == 0).all())
    return numbers if is_stars or set(numbers.tolist()) in _POLARITIES else None


def _word_weights(vocabulary_size: int) -> torch.Tensor:
    # The vocabulary is sorted by frequency, so Zipf's law gives each word's share without its count.
    ranks = torch.arange(1, vocabulary_size + 1, dtype=torch.float32)
    share = 1.0 / (ranks * float(np.log(vocabulary_size) + np.euler_gamma))
    weights = _FREQUENCY_SMOOTHING / (_FREQUENCY_SMOOTHING + share)
    return torch.cat([torch.zeros(len(SPECIAL_TOKENS)), weights])[:vocabulary_size]

"""What is measured of an export: agreement with its original, accuracy on the data sets of a card, and speed."""

import logging
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from sentrec.data.examples import Examples
from sentrec.data.tables import mirror_folder
from sentrec.errors import DataError, SentrecError
from sentrec.evaluation.rows import RunData
from sentrec.files.versions import processor_name
from sentrec.inference.predictor import Predictor, load
from sentrec.metrics.classification import classification_metrics
from sentrec.models.device import device_name, has_bfloat16
from sentrec.recipe.sections import DataConfig
from sentrec.recommend.scoring import ModelScorer, Precision
from sentrec.recommend.stream import CHUNK
from sentrec.runs.references import origins_of

CARD_DATA = {
    "imdb": "IMDB",
    "sst2": "SST-2",
    "rotten_tomatoes": "Rotten Tomatoes",
    "amazon_polarity": "Amazon",
    "blitzer_dvd": "Blitzer DVD",
    "blitzer_electronics": "Blitzer electronics",
    "yelp5_sample": "Yelp",
    "womens_clothing": "clothing",
    "restaurants_zomato": "restaurants",
    "drug_reviews": "drugs",
    "games_steam": "games",
    "tweets_semeval": "tweets",
}
"""The data sets of a card, most often zero-shot, by name; their test splits are meant."""
_WITH_NEUTRAL = {
    "yelp5_sample",
    "womens_clothing",
    "restaurants_zomato",
    "drug_reviews",
    "games_steam",
    "tweets_semeval",
}
"""Those with labels 0, negative, 1, neutral, which is left out, and 2, positive."""
_TRAINING_ROWS_IN = {"amazon_polarity": "amazon5_sample"}
"""Another data set that holds training rows of one, too."""
_WARM_UP = 64
_MOST_TEXTS = 8000
_STARTS = 3
_FIRST = "One of the best films I've seen this year: touching, and superbly acted."
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bound:
    """The least agreement that an export needs, on texts of its original.

    Attributes:
        equal_labels: Least proportion of texts with the same label.
        mean_difference: Largest mean difference of a probability.
        largest_difference: Largest difference of a probability for any text.
    """

    equal_labels: float = 0.995
    mean_difference: float = 0.005
    largest_difference: float = 0.1


@dataclass(frozen=True)
class Agreement:
    """The agreement of two models on `texts` texts; other fields as of `Bound`."""

    texts: int
    equal_labels: float
    mean_difference: float
    largest_difference: float

    def to_dict(self) -> dict[str, Any]:
        """The metrics in plain JSON types."""
        return asdict(self)

    def require(self, bound: Bound) -> None:
        """Makes sure that a bound is kept.

        Raises:
            SentrecError: If it is not; the message says by how much.
        """
        equal, mean, largest = self.equal_labels, self.mean_difference, self.largest_difference
        missed = []
        if equal < bound.equal_labels:
            missed.append(f"{100 * equal:.2f} % of the labels are equal, not {100 * bound.equal_labels:g}")
        if mean > bound.mean_difference:
            missed.append(f"probabilities differ by {mean:.4f} on average, not {bound.mean_difference:g}")
        if largest > bound.largest_difference:
            missed.append(f"one probability differs by {largest:.3f}, not {bound.largest_difference:g}")
        if missed:
            strays = f"strays too far from its original on {self.texts:,} of its texts: {'; '.join(missed)}."
            fix = "Allow more: --min-agreement, --max-mean-difference, --max-difference."
            raise SentrecError(f"The quantized model {strays}", fix)


def measure_agreement(original: npt.NDArray[np.float64], small: npt.NDArray[np.float64]) -> Agreement:
    """Compares the probabilities that two models give to the same texts, shape ``(texts, classes)`` each."""
    equal = original.argmax(axis=1) == small.argmax(axis=1)
    differences = np.abs(original - small).max(axis=1)
    return Agreement(len(original), float(equal.mean()), float(differences.mean()), float(differences.max()))


def measure_accuracy(small: Predictor, original: Predictor) -> tuple[list[dict[str, Any]], list[str]]:
    """Measures a quantized model and its original on the original's test rows, then on the available data of a card.

    Returns:
        For each data set: its name and splits, whether it is ``zero_shot`` (neither the model nor its ``init`` nor its
        teacher was trained on that data set), ``accuracy`` with its 95 % interval, ``ece``, ``n``, the ``original``'s
        accuracy, and ``notes``; and a sentence on each that is missing. Nothing is downloaded.
    """
    data, own = RunData(original.run), original.run.recipe.data.dataset
    recipes = [one.recipe.data for one in (original.run, *origins_of(original.run)[0])]
    learned = {name for one in recipes for name in (one.dataset, *(other.dataset for other in one.mixed_with))}
    rows = data.evaluation_rows(None, "test")
    measured = [_measured(small, original, rows.examples, rows.notes) | _named(Path(own).stem, False)]
    missing = []
    for name in (name for name in CARD_DATA if name != own):
        folder = mirror_folder(name)
        try:
            if folder is None or not (folder / "test.parquet").is_file():
                raise DataError("not in SENTREC_DATA, and no card is worth a download.")
            meaning = {"0": "negative", "2": "positive"} if name in _WITH_NEUTRAL else None
            rows = data.evaluation_rows(DataConfig(dataset=name, label_map=meaning), "test")
        except DataError as error:
            missing.append(f"{name}: {error.message}")
            continue
        _log.info("Measuring on %s", name)
        zero_shot = not {name, _TRAINING_ROWS_IN.get(name, name)} & learned
        measured.append(_measured(small, original, rows.examples, rows.notes) | _named(name, zero_shot))
    return measured, missing


def _named(data: str, zero_shot: bool) -> dict[str, Any]:
    return {"data": data, "title": CARD_DATA.get(data, data), "split": "test", "zero_shot": zero_shot}


def _measured(small: Predictor, original: Predictor, rows: Examples, notes: Sequence[str]) -> dict[str, Any]:
    metrics = classification_metrics(rows.labels, small.predict_proba(rows.texts), small.label_names)
    before = float((original.predict_proba(rows.texts).argmax(axis=1) == rows.labels).mean())
    chosen = {key: metrics[key] for key in ("n", "accuracy", "accuracy_interval", "ece", "roc_auc", "log_loss")}
    return chosen | {"original": before, "notes": list(notes)}


def measure_speed(directory: Path, texts: Sequence[str]) -> dict[str, Any]:
    """Scores texts as `sentrec recommend` does, and starts new processes.

    Args:
        directory: A finished run.
        texts: Texts of its domain; at most 8,000 are scored, all of them new to the tokenizer.

    Returns:
        ``texts_per_second`` in float32 and, where the processor has it, bfloat16; ``texts`` that were scored;
        ``first_answer_seconds``, the median of 3 times `sentrec predict` with one text, from start to end;
        ``machine`` and ``threads``.
    """
    few = min(_WARM_UP, len(texts) // 2)
    warm_up, rest = texts[:few], texts[few:]
    scored = rest[:: max(1, len(rest) // _MOST_TEXTS)][:_MOST_TEXTS]
    predictor = load(directory)
    precisions: list[Precision] = ["float32", *(["bfloat16"] if has_bfloat16(predictor.device) else [])]  # type: ignore[list-item]
    speeds = {precision: _texts_per_second(directory, warm_up, scored, precision) for precision in precisions}
    return {
        "texts_per_second": {name: round(speed) for name, speed in speeds.items()},
        "texts": len(scored),
        "first_answer_seconds": round(statistics.median(_first_answer(directory) for _ in range(_STARTS)), 2),
        "machine": _machine(predictor.device),
        "threads": torch.get_num_threads(),
    }


def _texts_per_second(directory: Path, warm_up: Sequence[str], texts: Sequence[str], precision: Precision) -> float:
    # Loaded anew, because a predictor remembers the words that it has split before.
    scorer = ModelScorer(load(directory), precision=precision)
    with scorer.workers() as (pool, workers):
        list(pool.map(scorer.score, [warm_up] * workers))
        # No worker may be left without a chunk at the end: a stream of millions has no such end to speak of.
        rounds = math.ceil(len(texts) / (CHUNK * workers))
        size = math.ceil(len(texts) / (rounds * workers))
        started = time.perf_counter()
        list(pool.map(scorer.score, [texts[start : start + size] for start in range(0, len(texts), size)]))
        return len(texts) / (time.perf_counter() - started)


def _first_answer(directory: Path) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-m", "sentrec", "predict", "--model", str(directory.resolve()), _FIRST]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise SentrecError(f"a new process could not classify a text: {last}")
    return time.perf_counter() - started


def _machine(device: torch.device) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processor = f"{cores} cores of {processor_name()}"
    return processor if device.type == "cpu" else f"{device_name(device)}, {processor}"

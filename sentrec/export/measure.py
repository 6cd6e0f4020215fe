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

from sentrec.data.polarity import NEUTRAL
from sentrec.data.tables import mirror_folder
from sentrec.errors import DataError, SentrecError
from sentrec.evaluation.rows import EvaluationRows, RunData
from sentrec.files.versions import processor_name
from sentrec.inference.prediction import in_classes
from sentrec.inference.predictor import Predictor, load
from sentrec.metrics.calibration import reliability_bins
from sentrec.metrics.classification import classification_metrics, star_errors
from sentrec.models.device import device_name, has_bfloat16
from sentrec.recipe.sections import DataConfig
from sentrec.recommend.scoring import ModelScorer, Precision
from sentrec.recommend.stream import CHUNK
from sentrec.runs.directory import Run
from sentrec.runs.references import origins_of

CARD_DATA = {
    "imdb": "IMDB",
    "sst2": "SST-2",
    "sst5": "SST-5",
    "rotten_tomatoes": "Rotten Tomatoes",
    "amazon_polarity": "Amazon",
    "amazon5_sample": "Amazon (five stars)",
    "amazon_kinds": "Amazon (many kinds)",
    "amazon_devices": "Amazon (devices)",
    "amazon_electronics": "Amazon (electronics)",
    "blitzer_dvd": "Blitzer DVD",
    "blitzer_electronics": "Blitzer electronics",
    "yelp5_sample": "Yelp",
    "yelp_2013": "Yelp 2013",
    "womens_clothing": "clothing",
    "restaurants_zomato": "restaurants",
    "flipkart": "Flipkart",
    "theme_park": "theme park",
    "courses_coursera": "courses",
    "drug_reviews": "drugs",
    "games_steam": "games",
    "customer_reviews": "sentences on electronics",
    "semeval14_reviews": "sentences on restaurants and laptops",
    "tweets_semeval": "tweets",
    "tweets_extraction": "tweets (extraction)",
    "tweets_crowdflower": "tweets (brands)",
}
"""Title of each data set of a card; their test splits are meant."""
_OF_STARS = {
    *("sst5", "amazon5_sample", "amazon_kinds", "amazon_devices", "yelp5_sample", "yelp_2013", "womens_clothing"),
    *("restaurants_zomato", "flipkart", "theme_park", "courses_coursera", "drug_reviews"),
}
"""Those with a column of one to five stars; up to two are negative, and three neutral."""
_WITH_NEUTRAL = {
    *("games_steam", "customer_reviews", "semeval14_reviews"),
    *("tweets_semeval", "tweets_extraction", "tweets_crowdflower"),
}
"""Further ones with labels 0, negative, 1, neutral, and 2, positive."""
_MEANING = {"0": "negative", "1": NEUTRAL, "2": "positive"}
_OF_FIVE = np.array([0, 0, 1, 2, 2])
_SPLITS = {"tweets_semeval": "test_full"}
_LENGTHS = ("up to 20", "21 to 100", "more than 100")
_TRAINING_ROWS_IN = {"amazon_polarity": "amazon5_sample"}
"""Another data set that holds training rows of one, too."""
_WARM_UP = 64
_MOST_TEXTS = 8000
_STARTS = 3
_FIRST = "One of the best films I've seen this year: touching, and superbly acted."
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bound:
    """The least agreement that an export needs, on texts of its original."""

    equal_labels: float = 0.995  # least proportion of texts with the same label
    mean_difference: float = 0.005  # largest mean difference of a probability
    largest_difference: float = 0.1  # largest difference of a probability for any text


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
        """Raises a `SentrecError` that says by how much a bound is not kept."""
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


def measure_accuracy(small: Predictor, original: Predictor) -> dict[str, Any]:
    """Measures a quantized model and its original on the original's test rows, then on the available data of a card.

    Returns:
        ``accuracy``: for each data set its name and splits, whether it is ``zero_shot`` (neither the model nor its
        ``init`` nor its teachers were trained on that data set), ``n``, ``accuracy`` with its 95 % interval and ``ece``
        without neutral rows, the ``original``'s accuracy, and ``notes``; of a model with a star head, where the rows
        tell them, ``macro_f1`` in three classes and ``stars_mae``, the mean absolute error of the expected stars.
        ``missing``: a sentence on each data set that is not here; nothing is downloaded.
        ``calibration_by_length``: ``n``, ``accuracy`` and ``ece`` of all these rows, by their number of words.
    """
    data, own = RunData(original.run), original.run.recipe.data.dataset
    learned, missing = learned_from(original.run), []
    figures, judged = _measured(small, original, data.evaluation_rows(None, "test"))
    measured, every = [figures | _named(Path(own).stem, "test", False)], [judged]
    for name in (name for name in CARD_DATA if name != own):
        folder, split = mirror_folder(name), _SPLITS.get(name, "test")
        try:
            if folder is None or not (folder / f"{split}.parquet").is_file():
                raise DataError("not in SENTREC_DATA, and no card is worth a download.")
            rows = _card_rows(data, name, split)
        except DataError as error:
            missing.append(f"{name}: {error.message}")
            continue
        _log.info("Measuring on %s", name)
        zero_shot = not {name, _TRAINING_ROWS_IN.get(name, name)} & learned
        figures, judged = _measured(small, original, rows)
        measured.append(figures | _named(name, split, zero_shot))
        every.append(judged)
    words, labels, probabilities = (np.concatenate(parts) for parts in zip(*every, strict=True))
    by_length = _calibration_by_length(words, labels, probabilities)
    return {"accuracy": measured, "missing": missing, "calibration_by_length": by_length}


def learned_from(run: Run) -> set[str]:
    """Names of the data sets whose labels a run, what it went on from or its teachers learned from."""
    recipes = [one.recipe.data for one in (run, *origins_of(run)[0])]
    return {name for one in recipes for name in (one.dataset, *(other.dataset for other in one.mixed_with))}


def _card_rows(data: RunData, name: str, split: str) -> EvaluationRows:
    """Rows of a data set; beside a run of two classes, with neutral rows or stars where it has them."""
    names, columns = data.run.label_names, "text" if name == "flipkart" else None  # its title gives the stars away
    has_stars = name in _OF_STARS and len(names) == 2
    if has_stars or (name in _WITH_NEUTRAL and len(names) == 2):
        names = in_classes(np.empty((0, 5)), 5 if has_stars else 3, names)[0]
    meaning = _MEANING if name in _OF_STARS | _WITH_NEUTRAL and not has_stars else None
    section = DataConfig(
        dataset=name, text_columns=columns, label_column="stars" if has_stars else None, label_map=meaning
    )
    data.label_names = names
    return data.evaluation_rows(section, split)


def _named(data: str, split: str, zero_shot: bool) -> dict[str, Any]:
    return {"data": data, "title": CARD_DATA.get(data, data), "split": split, "zero_shot": zero_shot}


def _measured(
    small: Predictor, original: Predictor, rows: EvaluationRows
) -> tuple[dict[str, Any], tuple[npt.NDArray[Any], ...]]:
    """The figures of a data set; and of its rows that are not neutral the words, labels and probabilities."""
    texts, labels, names = rows.examples.texts, rows.examples.labels, small.label_names
    probabilities, stars = small.predict_stars(texts)
    before, words = original.predict_proba(texts), np.array([len(text.split()) for text in texts])
    found: dict[str, Any] = {}
    if rows.examples.label_names != names:
        if (of_stars := len(rows.examples.label_names) == 5) and stars.shape[1]:
            found |= star_errors(labels, stars)
        labels = _OF_FIVE[labels] if of_stars else labels
        if stars.shape[1] and (labels == 1).any():
            three, of_three = in_classes(stars, 3, names)
            found["macro_f1"] = classification_metrics(labels, of_three, three)["macro_f1"]
        told = labels != 1
        labels, probabilities, before, words = labels[told] // 2, probabilities[told], before[told], words[told]
    metrics = classification_metrics(labels, probabilities, names)
    chosen = {key: metrics[key] for key in ("n", "accuracy", "accuracy_interval", "ece", "roc_auc", "log_loss")}
    accuracy = float((before.argmax(axis=1) == labels).mean())
    return chosen | found | {"original": accuracy, "notes": list(rows.notes)}, (words, labels, probabilities)


def _calibration_by_length(
    words: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float64]
) -> list[dict[str, Any]]:
    place = np.digitize(words, (21, 101))
    found = []
    for number, title in enumerate(_LENGTHS):
        if (mask := place == number).any():
            bins = reliability_bins(labels[mask], probabilities[mask])
            accuracy = float((probabilities[mask].argmax(axis=1) == labels[mask]).mean())
            found.append({"words": title, "n": int(mask.sum()), "accuracy": accuracy, "ece": bins.calibration_error})
    return found


def measure_speed(directory: Path, texts: Sequence[str]) -> dict[str, Any]:
    """Scores texts of a run's domain as `sentrec recommend` does, 8,000 at most, and starts new processes.

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

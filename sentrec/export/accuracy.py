"""Accuracy of a quantized model and of its original, on their own test rows and zero-shot on other datasets."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentrec.data.examples import Examples
from sentrec.data.tables import mirror_folder
from sentrec.errors import DataError
from sentrec.evaluation.rows import RunData
from sentrec.inference.predictor import Predictor
from sentrec.metrics.classification import classification_metrics
from sentrec.recipe.sections import DataConfig
from sentrec.runs.origins import origins_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OtherData:
    """A dataset that sentiment models are evaluated on, most often zero-shot.

    Attributes:
        name: The dataset; its test split is meant.
        title: What to call it.
        neutral: Whether its labels are 0, negative, 1, neutral, which is left out, and 2, positive.
        rows_in: Another dataset that holds its training rows, too.
    """

    name: str
    title: str
    neutral: bool = False
    rows_in: str = ""

    @property
    def data(self) -> DataConfig:
        """How to read it."""
        meaning = {"0": "negative", "2": "positive"} if self.neutral else None
        return DataConfig(dataset=self.name, label_map=meaning)


OTHER_DATA = (
    OtherData("imdb", "IMDB"),
    OtherData("sst2", "SST-2"),
    OtherData("rotten_tomatoes", "Rotten Tomatoes"),
    OtherData("amazon_polarity", "Amazon", rows_in="amazon5_sample"),
    OtherData("blitzer_dvd", "Blitzer DVD"),
    OtherData("blitzer_electronics", "Blitzer electronics"),
    OtherData("yelp5_sample", "Yelp", neutral=True),
    OtherData("womens_clothing", "clothing", neutral=True),
    OtherData("restaurants_zomato", "restaurants", neutral=True),
    OtherData("drug_reviews", "drugs", neutral=True),
    OtherData("games_steam", "games", neutral=True),
    OtherData("tweets_semeval", "tweets", neutral=True),
)


def measure_accuracy(small: Predictor, original: Predictor) -> tuple[list[dict[str, Any]], list[str]]:
    """Measures both models on the original's own test rows, then on `OTHER_DATA`, as far as it is at hand.

    Args:
        small: The quantized model.
        original: What it was made from.

    Returns:
        For each data: its name and splits, whether it is ``zero_shot`` (neither the model nor what it went on from nor
        its teacher learned from that dataset), ``accuracy`` with its 95 % interval, ``ece``, ``n``, the ``original``'s
        accuracy, and ``notes``; and a sentence on each data that is missing. Nothing is downloaded.
    """
    data = RunData(original.run)
    own = original.run.recipe.data.dataset
    recipes = [one.recipe.data for one in (original.run, *origins_of(original.run).runs)]
    learned = {name for one in recipes for name in (one.dataset, *(other.dataset for other in one.mixed_with))}
    rows = data.evaluation_rows(None, "test")
    measured = [_measured(small, original, rows.examples, rows.notes) | _named(Path(own).stem, "", "test", False)]
    missing = []
    for other in OTHER_DATA:
        if other.name == own:
            continue
        try:
            examples, other_notes = _read(data, other)
        except DataError as error:
            missing.append(f"{other.name}: {error.message}")
            continue
        _log.info("Measuring on %s", other.name)
        name = _named(other.name, other.title, "test", not {other.name, other.rows_in} & learned)
        measured.append(_measured(small, original, examples, other_notes) | name)
    return measured, missing


def _named(data: str, title: str, split: str, zero_shot: bool) -> dict[str, Any]:
    known = {other.name: other.title for other in OTHER_DATA}
    return {"data": data, "title": title or known.get(data, data), "split": split, "zero_shot": zero_shot}


def _read(data: RunData, other: OtherData) -> tuple[Examples, tuple[str, ...]]:
    folder = mirror_folder(other.name)
    if folder is None or not (folder / "test.parquet").is_file():
        raise DataError("not in SENTREC_DATA, and no card is worth a download.")
    rows = data.evaluation_rows(other.data, "test")
    return rows.examples, rows.notes


def _measured(small: Predictor, original: Predictor, rows: Examples, notes: Sequence[str]) -> dict[str, Any]:
    figures = classification_metrics(rows.labels, small.predict_proba(rows.texts), small.label_names)
    before = float((original.predict_proba(rows.texts).argmax(axis=1) == rows.labels).mean())
    chosen = {key: figures[key] for key in ("n", "accuracy", "accuracy_interval", "ece", "roc_auc", "log_loss")}
    return chosen | {"original": before, "notes": list(notes)}

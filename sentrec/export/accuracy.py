"""Accuracy of a quantized model and of its original, on their own test rows and zero-shot on other datasets."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentrec.data.examples import Examples
from sentrec.data.tables import mirror_folder
from sentrec.errors import DataError
from sentrec.evaluation.rows import RunData
from sentrec.inference.predictor import Predictor
from sentrec.metrics.classification import classification_metrics
from sentrec.runs.origins import origins_of

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class OtherData:
    """A dataset that sentiment models are evaluated on, most often zero-shot.

    Attributes:
        name: The dataset.
        title: What to call it.
        splits: Which of its splits; all of them where its test split alone is small.
    """

    name: str
    title: str
    splits: tuple[str, ...] = ("test",)


OTHER_DATA = (
    OtherData("imdb", "IMDB"),
    OtherData("rotten_tomatoes", "Rotten Tomatoes"),
    OtherData("amazon_polarity", "Amazon"),
    OtherData("blitzer_dvd", "Blitzer DVD"),
    OtherData("blitzer_dvd", "Blitzer DVD", ("train", "test")),
    OtherData("blitzer_electronics", "Blitzer electronics"),
    OtherData("blitzer_electronics", "Blitzer electronics", ("train", "test")),
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
    learned = {one.recipe.data.dataset for one in (original.run, *origins_of(original.run).runs)}
    rows = data.evaluation_rows(None, "test")
    measured = [_measured(small, original, rows.examples, rows.notes) | _named(Path(own).stem, "", "test", False)]
    missing = []
    for other in OTHER_DATA:
        if other.name == own:
            continue
        try:
            examples, other_notes = _read(data, other)
        except DataError as error:
            missing.append(f"{other.name} {'+'.join(other.splits)}: {error.message}")
            continue
        _log.info("Measuring on %s", other.name)
        name = _named(other.name, other.title, "+".join(other.splits), other.name not in learned)
        measured.append(_measured(small, original, examples, other_notes) | name)
    return measured, missing


def _named(data: str, title: str, split: str, zero_shot: bool) -> dict[str, Any]:
    known = {other.name: other.title for other in OTHER_DATA}
    return {"data": data, "title": title or known.get(data, data), "split": split, "zero_shot": zero_shot}


def _read(data: RunData, other: OtherData) -> tuple[Examples, tuple[str, ...]]:
    folder = mirror_folder(other.name)
    if folder is None or not all((folder / f"{split}.parquet").is_file() for split in other.splits):
        raise DataError("not in SENTREC_DATA, and no card is worth a download.")
    parts = [data.evaluation_rows(other.name, split) for split in other.splits]
    labels = np.concatenate([part.examples.labels for part in parts])
    texts = [text for part in parts for text in part.examples.texts]
    notes = dict.fromkeys(note for part in parts for note in part.notes)
    return Examples(texts, labels, parts[0].examples.label_names), tuple(notes)


def _measured(small: Predictor, original: Predictor, rows: Examples, notes: Sequence[str]) -> dict[str, Any]:
    figures = classification_metrics(rows.labels, small.predict_proba(rows.texts), small.label_names)
    before = float((original.predict_proba(rows.texts).argmax(axis=1) == rows.labels).mean())
    chosen = {key: figures[key] for key in ("n", "accuracy", "accuracy_interval", "ece", "roc_auc", "log_loss")}
    return chosen | {"original": before, "notes": list(notes)}

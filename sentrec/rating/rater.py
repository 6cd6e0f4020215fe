"""A finished run that rates, ready to rate items."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from sentrec.data.items import Items, read_items
from sentrec.errors import DataError, RunError
from sentrec.inference.predictor import load
from sentrec.rating.facts import Facts, Floats, extract
from sentrec.rating.model import Rated, RatingModel
from sentrec.rating.rows import texts_of
from sentrec.rating.texts import TextRatings
from sentrec.runs.directory import ENVIRONMENT, MODEL, Run, open_run
from sentrec.runs.files import verify_files

TEXTS = "texts"
"""The fact that is the rating by a model of texts, and that model's checksum in a run's metrics."""
TEXT_MODEL = "member-1"
"""The folder of that model within a run."""
HELD_OUT = "held_out.csv"
"""The file of a run with ratings of its training rows, each by a model that had not learned from it."""
Contributions: TypeAlias = tuple[float, Mapping[str, Floats]]


@dataclass(frozen=True)
class RatedItem:
    """The rating of one row.

    Attributes:
        key: What the row is called: its key, or its line.
        title: Its title.
        rating: The rating to expect.
        low: Lower end of the interval.
        high: Its upper end.
        deviation: Standard deviation of the item's own rating around the expected one.
        base: What the ratings of all items begin with.
        reasons: The facts that add most to that, the largest first, with what each adds.
    """

    key: str
    title: str
    rating: float
    low: float
    high: float
    deviation: float
    base: float
    reasons: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """The rating in plain JSON types."""
        return asdict(self)

    def to_row(self) -> dict[str, Any]:
        """The same as a row of a table."""
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in vars(self).items()}
        return rounded | {"reasons": "; ".join(f"{fact} {value:+.3f}" for fact, value in self.reasons.items())}


class Rater(ABC):
    """Rates items as a run has learned to; `load_rater` opens one."""

    run: Run

    def rate(self, items: Items | str | Path, confidence: float = 0.9) -> Rated:
        """The rating of each row, with the variance of the item's own rating around it and an interval.

        Args:
            items: A table, or the file or folder of one, with the columns that the run was trained on; facts that it
                lacks are unknown.
            confidence: How often an interval holds the rating that very many votes give; of texts, a single rating.

        Raises:
            DataError: If the table cannot be read.
        """
        return self._rate(items if isinstance(items, Items) else read_items(items), confidence, 0)[0]

    def rate_items(self, items: Items, confidence: float = 0.9, reasons: int = 5) -> list[RatedItem]:
        """The rating of each row, with the facts that add most to it."""
        rated, (base, parts) = self._rate(items, confidence, reasons)
        names, added = list(parts), np.column_stack([np.zeros((len(items), 0)), *parts.values()])
        largest = np.argsort(-np.abs(added), axis=1, kind="stable")[:, :reasons]
        columns = (rated.mean, rated.low, rated.high, np.sqrt(rated.variance))
        found = []
        for row, (key, title) in enumerate(zip(items.keys, items.titles, strict=True)):
            why = {names[part]: float(added[row, part]) for part in largest[row] if added[row, part]}
            mean, low, high, deviation = (float(values[row]) for values in columns)
            found.append(RatedItem(key, title, mean, low, high, deviation, base, why))
        return found

    @abstractmethod
    def _rate(self, items: Items, confidence: float, reasons: int) -> tuple[Rated, Contributions]:
        """Ratings and, where `reasons` are asked for, what they begin with and what each fact adds."""


class FactRater(Rater):
    """Rates by facts, and by texts where the run has learned from some."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.model = RatingModel.load(run.path / MODEL)
        self.texts: TextRater | None = None
        if TEXTS in run.metrics:
            verify_files(run.path, {f"{TEXT_MODEL}/{ENVIRONMENT}": str(run.metrics[TEXTS])})
            self.texts = TextRater(open_run(run.path / TEXT_MODEL))

    def facts(self, items: Items) -> Facts:
        """What the model reads of a table.

        Raises:
            DataError: If it reads nothing of it.
        """
        known = self.model.schema.columns
        if self.texts is None and not any(name in items.columns for name in known):
            hint = f"It needs some of: {', '.join(known)}."
            raise DataError(f"{items.source} has none of the columns that {self.run.place} knows.", hint)
        facts = extract(items, self.model.schema)
        if self.texts is None:
            return facts
        texts = texts_of(items, self.run.recipe.data)
        return facts.with_number(TEXTS, self.texts.rate_texts(texts).mean)

    def _rate(self, items: Items, confidence: float, reasons: int) -> tuple[Rated, Contributions]:
        facts = self.facts(items)
        return self.model.rate(facts, confidence), self.model.contributions(facts) if reasons else (0.0, {})


class TextRater(Rater):
    """Rates by texts alone."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.predictor = load(run)
        self.ratings = TextRatings.from_dict(run.metrics["levels"])

    def rate_texts(self, texts: Sequence[str], confidence: float = 0.9) -> Rated:
        """The rating of each text."""
        return self.ratings.rate(self.predictor.predict_proba([text or " " for text in texts]), confidence)

    def _rate(self, items: Items, confidence: float, reasons: int) -> tuple[Rated, Contributions]:
        return self.rate_texts(texts_of(items, self.run.recipe.data), confidence), (0.0, {})


def load_rater(run: str | Path | Run) -> Rater:
    """Opens a finished run of a recipe with ``task: rate``.

    Raises:
        RunError: If it is missing, unfinished or altered, or classifies.
    """
    run = run if isinstance(run, Run) else open_run(run)
    if run.recipe.task != "rate":
        raise RunError(f"{run.place} classifies, and rates nothing.", "Train one that does: sentrec train tmdb-ratings")
    return TextRater(run) if run.recipe.data.facts is None else FactRater(run)

"""Texts with what is known of their stars: the number itself, or only their polarity."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.data.contamination import SeenTexts, normalized
from sentrec.data.examples import Examples, load_examples
from sentrec.data.polarity import NEUTRAL
from sentrec.data.splits import Splits, capped, mixed_sources
from sentrec.errors import DataError
from sentrec.recipe.sections import DataConfig

Decisions = npt.NDArray[np.float32]
"""Of each text 1, 0 or NaN (unknown): has it three stars; one, not two; five, not four; shape ``(texts, 3)``."""
_HELD_OUT = 0.1
_SEED = 3


@dataclass(frozen=True)
class StarTexts:
    """Texts, and what is known of their stars."""

    texts: list[str]
    decisions: Decisions

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, mask: npt.NDArray[np.bool_]) -> "StarTexts":
        """Those that a mask chooses."""
        return StarTexts([self.texts[row] for row in np.flatnonzero(mask)], self.decisions[mask])


def load_star_texts(data: DataConfig, splits: Splits) -> tuple[StarTexts, StarTexts]:
    """Reads what the star head learns from, of the recipe's dataset and those mixed in, and what calibrates it.

    The latter are validation texts, and a tenth of those that are of no class; test texts are left out. Raises a
    `DataError` if a column is missing, or nothing tells the stars apart.
    """
    names = splits.train.label_names
    if len(names) != 2:
        raise DataError(f"stars are told beside two classes, and the data has {len(names)}.", "Set objective.stars=0.")
    sources: list[tuple[DataConfig, str, str | None, int | None]] = [
        (data.model_copy(update={"mixed_with": ()}), data.train, None, None)
    ]
    mixed = zip(data.mixed_with, mixed_sources(data), strict=True)
    sources += [(section, split, other.neutral, other.most_per_class) for other, (section, split) in mixed]
    test, validation = SeenTexts(splits.test.texts), SeenTexts(splits.validation.texts)
    found: dict[bytes, tuple[str, npt.NDArray[np.float32]]] = {}
    for section, split, neutral, most in sources:
        part = _load(section, split, neutral, names)
        decisions = _decisions(part, names, neutral is not None)
        # Beside neutral texts, a cap draws others of the classes: no validation text may be lost by that.
        wanted = np.flatnonzero([text in validation for text in part.texts])
        for row in np.union1d(wanted, capped(part, most, data.split_seed)):
            if not np.isnan(decisions[row]).all():
                found.setdefault(normalized(part.texts[row]), (part.texts[row], decisions[row]))
    kept = [one for one in found.values() if one[0] not in test]
    every = StarTexts([text for text, _ in kept], np.array([one for _, one in kept], dtype=np.float32).reshape(-1, 3))
    if not (every.decisions[:, 0] == 1).any():
        every.decisions[:, 0] = 0  # IMDB has no such reviews: nobody could tell, and the head never does
    if missing := [what for what, column in zip(_WHAT, every.decisions.T[1:], strict=True) if not _differ(column)]:
        raise DataError(
            f"no texts tell {missing[0]}.",
            "Name data.stars_column, or that of datasets mixed in, or objective.stars=0.",
        )
    draws = np.random.default_rng([data.split_seed, _SEED]).random(len(every))
    held_out = np.array([text in validation for text in every.texts])
    held_out |= (every.decisions[:, 0] == 1) & (draws < _HELD_OUT)
    return every.take(~held_out), every.take(held_out)


_WHAT = ("one star from two", "five stars from four")


def _differ(column: npt.NDArray[np.float32]) -> bool:
    return bool((column == 0).any() and (column == 1).any())


def _load(section: DataConfig, split: str, neutral: str | None, names: tuple[str, ...]) -> Examples:
    changes: dict[str, Any] = {"rating_column": section.stars_column, "bad_rows": "skip"}
    if neutral is not None:
        label_map = section.label_map if isinstance(section.label_map, dict) else {name: name for name in names}
        changes |= {"label_map": label_map | {neutral: NEUTRAL}, "label_names": (*names, NEUTRAL)}
    return load_examples(section.model_copy(update=changes), split, for_training=True)


def _decisions(part: Examples, names: tuple[str, ...], has_neutral: bool) -> Decisions:
    labels = np.array(part.label_names)[part.labels]
    decisions = np.full((len(part), 3), np.nan, dtype=np.float32)
    if has_neutral and (labels == NEUTRAL).any():
        decisions[:, 0] = labels == NEUTRAL
    if part.ratings is None:
        return decisions
    stars = np.ceil(part.ratings / 2) if part.ratings.max() > 5 else part.ratings
    if (stars == 3).any():
        decisions[:, 0] = stars == 3
    for column, likelier, other in ((1, 1, 2), (2, 5, 4)):
        asked = (stars == likelier) | (stars == other)
        decisions[asked, column] = stars[asked] == likelier
    return decisions

"""What a reader of a study should know about its rows: texts on both sides of a border, classes matched by number."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sentrec.data.label_matching import matching_classes
from sentrec.transfer.origins import Origin
from sentrec.transfer.schema import Moves
from sentrec.transfer.target import TargetRows

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Noticed:
    """What was noticed about the rows of a study.

    Attributes:
        counts: In plain JSON types.
        sentences: What of it a reader should know; also logged as warnings.
    """

    counts: dict[str, Any]
    sentences: tuple[str, ...]


def look_at_rows(origins: Sequence[Origin], targets: Sequence[TargetRows], moves: Moves) -> Noticed:
    """Counts texts that a model has met with their labels before it is judged on them, by their exact text.

    Args:
        origins: The sources.
        targets: The targets' rows.
        moves: Tells which classes match.
    """
    within = {target.name: _within(target) for target in targets}
    between = [_between(origin, target) for target in targets for origin in origins]
    sentences = [
        *(_tell_within(target, within[target.name]) for target in targets),
        *(_tell_between(counts) for counts in between),
        *(_tell_classes(origin, target, moves) for target in targets for origin in origins),
    ]
    told = tuple(sentence for sentence in sentences if sentence is not None)
    for sentence in told:
        _log.warning("%s", sentence)
    return Noticed({"within_targets": within, "from_sources": between}, told)


def _within(target: TargetRows) -> dict[str, int]:
    splits = target.splits
    return {
        "test_rows": len(target.test),
        "train_duplicates": splits.duplicates,
        "test_texts_in_train": splits.overlap,
        "validation_texts_in_train": splits.validation_overlap,
    }


def _between(origin: Origin, target: TargetRows) -> dict[str, Any]:
    counts: dict[str, Any] = {"source": origin.name, "target": target.name}
    texts = origin.labelled_texts()
    if texts is None:
        _log.info("Whether %s has learned from texts of %s is not known", origin.name, target.name)
        return counts
    known = set(texts)
    for part, rows in (("test", target.test.texts), ("pool", target.pool.texts)):
        counts |= {f"{part}_rows": len(rows), f"{part}_texts_in_source": sum(text in known for text in rows)}
    return counts


def _tell_within(target: TargetRows, counts: dict[str, int]) -> str | None:
    if not counts["test_texts_in_train"]:
        return None
    share = f"{counts['test_texts_in_train']:,} of {counts['test_rows']:,}"
    return f"Test texts of {target.name} that also occur in its training rows: {share}."


def _tell_between(counts: dict[str, Any]) -> str | None:
    parts = [
        f"{counts[f'{part}_texts_in_source']:,} of {counts[f'{part}_rows']:,} {where}"
        for part, where in (("test", "in test"), ("pool", "to train on"))
        if counts.get(f"{part}_texts_in_source")
    ]
    if not parts:
        return None
    labelled = f"the labelled rows of {counts['source']}"
    return f"Texts of {counts['target']} that also occur among {labelled}: {', '.join(parts)}."


def _tell_classes(origin: Origin, target: TargetRows, moves: Moves) -> str | None:
    match = matching_classes(origin.label_names(), target.names_for_sources, moves.head)
    return f"From {origin.name} to {target.name}: {match.note}" if match and match.note else None

"""What a reader of a study should know about its rows: texts on both sides of a border, classes matched by number."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sentrec.data.contamination import SeenTexts
from sentrec.data.labels import matching_classes
from sentrec.transfer.schema import Moves
from sentrec.transfer.source import Source
from sentrec.transfer.target import TargetData

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Notes:
    """What was noticed about the rows of a study.

    Attributes:
        counts: In plain JSON types.
        sentences: What of it a reader should know; also logged as warnings.
    """

    counts: dict[str, Any]
    sentences: tuple[str, ...]


def look_at_rows(sources: Sequence[Source], targets: Sequence[TargetData], moves: Moves) -> Notes:
    """Counts texts that a model has met with their labels before it is judged on them, by their letters and digits.

    Args:
        sources: The sources.
        targets: The targets.
        moves: Tells which classes match.
    """
    within, between, sentences = {}, [], []
    for target in targets:
        within[target.name] = counts = _within(target)
        if found := counts["test_texts_in_train"]:
            share = f"{found:,} of {counts['test_rows']:,}"
            sentences.append(f"Test texts of {target.name} that also occur in its training rows: {share}.")
        for source in sources:
            between.append(shared := _between(source, target))
            parts = [
                f"{shared[f'{part}_texts_in_source']:,} of {shared[f'{part}_rows']:,} {where}"
                for part, where in (("test", "in test"), ("pool", "to train on"))
                if shared.get(f"{part}_texts_in_source")
            ]
            if parts:
                labelled = f"the labelled rows of {source.name}"
                sentences.append(f"Texts of {target.name} that also occur among {labelled}: {', '.join(parts)}.")
            match = matching_classes(source.label_names(), target.names_for_sources, moves.head)
            if match and match.note:
                sentences.append(f"From {source.name} to {target.name}: {match.note}")
    for sentence in sentences:
        _log.warning("%s", sentence)
    return Notes({"within_targets": within, "from_sources": between}, tuple(sentences))


def _within(target: TargetData) -> dict[str, int]:
    splits = target.splits
    return {
        "test_rows": len(target.test),
        "train_duplicates": splits.duplicates,
        "test_texts_in_train": splits.overlap,
        "validation_texts_in_train": splits.validation_overlap,
    }


def _between(source: Source, target: TargetData) -> dict[str, Any]:
    counts: dict[str, Any] = {"source": source.name, "target": target.name}
    texts = source.labelled_texts()
    if texts is None:
        _log.info("Whether %s has learned from texts of %s is not known", source.name, target.name)
        return counts
    known = SeenTexts(texts)
    for part, rows in (("test", target.test.texts), ("pool", target.pool.texts)):
        counts |= {f"{part}_rows": len(rows), f"{part}_texts_in_source": known.count(rows)}
    return counts

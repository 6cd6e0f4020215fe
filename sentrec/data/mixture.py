"""Training rows of several datasets as one: each with its own columns, labels and cap."""

import logging
from collections.abc import Iterator

import numpy as np

from sentrec.data.contamination import normalized
from sentrec.data.examples import Examples, load_examples
from sentrec.errors import DataError
from sentrec.recipe.sections import DataConfig, MixedConfig

_log = logging.getLogger(__name__)


def mixed_sources(data: DataConfig) -> Iterator[tuple[DataConfig, str]]:
    """For each dataset that is mixed in, the section that describes it and its split or file; nothing is read."""
    for other in data.mixed_with:
        own = other.model_dump(exclude={"most_per_class"})
        yield DataConfig(**own, label_names=data.label_names, bad_rows=data.bad_rows), other.train


def load_training_rows(data: DataConfig) -> Examples:
    """Reads the rows to learn from: those of the recipe's dataset, then those of each dataset that is mixed in.

    Of texts that occur in several datasets, by their letters and digits, the first is kept.

    Raises:
        DataError: If a dataset cannot be found or read, its classes are others, or stars or groups are asked for.
    """
    train = load_examples(data, data.train, for_training=True)
    if not data.mixed_with:
        return train
    if train.ratings is not None or train.groups is not None:
        raise DataError(
            "data.rating_column and data.group_column cannot be used with data.mixed_with.",
            "Other datasets have no such columns: leave one or the other out.",
        )
    parts, seen = [train], {normalized(text) for text in train.texts}
    for other, (section, split) in zip(data.mixed_with, mixed_sources(data), strict=True):
        part = _with_classes(load_examples(section, split), train, other)
        keys = {normalized(text): row for row, text in reversed(list(enumerate(part.texts)))}
        new = np.array([row for key, row in keys.items() if key not in seen], dtype=np.int64)
        seen.update(keys)
        part = _capped(part.take(np.sort(new)), other.most_per_class, data.split_seed)
        _log.info("%s rows of %s", f"{len(part):,}", other.dataset)
        parts.append(part)
    texts = [text for part in parts for text in part.texts]
    return Examples(texts, np.concatenate([part.labels for part in parts]), train.label_names)


def _with_classes(part: Examples, train: Examples, other: MixedConfig) -> Examples:
    unknown = sorted(set(part.label_names) - set(train.label_names))
    if unknown:
        raise DataError(
            f"{other.dataset}, which data.mixed_with names, has labels that train lacks: {', '.join(unknown)}.",
            f"Say what they mean, e.g. label_map: {{{unknown[0]}: {train.label_names[0]}}}",
        )
    numbers = np.array([train.label_names.index(name) for name in part.label_names], dtype=np.int64)
    return Examples(part.texts, numbers[part.labels], train.label_names)


def _capped(part: Examples, most: int | None, seed: int) -> Examples:
    if most is None:
        return part
    order = np.random.default_rng(seed).permutation(len(part))
    kept = [order[part.labels[order] == label][:most] for label in range(len(part.label_names))]
    return part.take(np.sort(np.concatenate(kept)))

"""Which rows to train on, select on and judge by; duplicates never straddle a border."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.data.contamination import SeenTexts, normalized
from sentrec.data.examples import Examples, at_levels, load_examples
from sentrec.data.items import rating_levels
from sentrec.data.locate import require_different_rows, source_of
from sentrec.errors import DataError
from sentrec.recipe.sections import DataConfig

_log = logging.getLogger(__name__)
_MANY_CLASSES = 100
_UNKNOWN = "LABEL"


@dataclass(frozen=True)
class Splits:
    """The rows of an experiment, and what was noticed about them."""

    train: Examples  # rows to learn from; only they have ratings, where the data section names a column of them
    validation: Examples  # rows to select the epoch and the temperature on
    test: Examples  # rows for the final metrics only
    duplicates: int  # training rows whose exact text occurs in train more than once
    overlap: int  # test rows whose text also occurs in train, by its letters and digits (`sentrec.data.contamination`)
    validation_overlap: int  # validation rows of which the same is true


def load_splits(data: DataConfig, say_overlap: bool = True) -> Splits:
    """Reads a dataset and divides it as the recipe says.

    `say_overlap` logs how many texts of another part also occur in train. A validation or test part that the dataset
    lacks is held out from train: stratified by label, with exact duplicates on one side, and with all rows of a group
    where `data` names a column of groups. Raises a `DataError` if the data cannot be read, two parts would be the same
    rows, classes differ between splits, train has one class only, or groups are named and no part is held out.
    """
    require_different_rows(data)
    sources = {name: source_of(data, name) for name in ("test", "validation")}
    if data.group_column and all(isinstance(source, str) for source in sources.values()):
        raise DataError(
            f"data.group_column divides train, and {data.dataset} has validation and test rows of its own.",
            "Hold out a share of train, --set data.validation=0.1, or leave it out: --set data.group_column=null",
        )
    train = load_training_rows(data)
    levels = None if data.target is None or train.ratings is None else rating_levels(train.ratings.astype(np.float64))
    train = train if levels is None else at_levels(train, levels)
    parts: dict[str, Examples] = {}
    for index, (name, source) in enumerate(sources.items()):
        if isinstance(source, str):
            hint = "State all classes in their order: --set data.label_names=[...]"
            part = load_examples(data, source)
            same = _same_classes(part, train, f"the {name} split", hint) if levels is None else at_levels(part, levels)
            parts[name] = same
        else:
            kept, held_out = stratified_holdout(train, source, seed=data.split_seed + 1000 * index)
            if not len(held_out):
                raise _too_few(train, name)
            # Rows are judged by their labels: they are the same ones whether train has ratings or not.
            part = train.take(held_out)
            train, parts[name] = train.take(kept), part if levels is not None else part.alone()
    if parts["validation"].texts == parts["test"].texts:  # a copy of a file, or a mirror beside the hub
        hint = "Select on a share of train instead: --set data.validation=0.1"
        raise DataError("validation and test hold the same rows.", hint)
    if data.train_rows is not None and data.train_rows < len(train):
        train = train.take(stratified_sample(train.labels, data.train_rows, data.split_seed))
    _require_two_classes(train)
    seen = SeenTexts(train.texts)
    overlap = {name: seen.count(part.texts) for name, part in parts.items()}
    for name, count in overlap.items():
        if count and say_overlap:
            level = logging.DEBUG if name == "test" else logging.INFO  # those of test are reported with the result
            _log.log(level, "%s of %s %s texts also occur in train", f"{count:,}", f"{len(parts[name]):,}", name)
    duplicates = len(train) - len(set(train.texts))
    return Splits(train, parts["validation"], parts["test"], duplicates, overlap["test"], overlap["validation"])


def mixed_sources(data: DataConfig) -> Iterator[tuple[DataConfig, str]]:
    """For each dataset that is mixed in, the section that describes it and its split or file; nothing is read."""
    for other in data.mixed_with:
        own = other.model_dump(exclude={"most_per_class", "neutral"})
        yield DataConfig(**own, label_names=data.label_names, bad_rows=data.bad_rows), other.train


def load_training_rows(data: DataConfig) -> Examples:
    """Reads the rows to learn from: those of the recipe's dataset, then those of each dataset that is mixed in.

    Of texts that occur in several datasets, by their letters and digits, the first is kept. Raises a `DataError` if
    their classes differ, or stars or groups are asked for beside `mixed_with`.
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
        hint = f"Say what they mean, e.g. label_map: {{{_UNKNOWN}: {train.label_names[0]}}}"
        who = f"{other.dataset}, which data.mixed_with names,"
        part = _same_classes(load_examples(section, split), train, who, hint)
        keys = {normalized(text): row for row, text in reversed(list(enumerate(part.texts)))}
        new = np.array([row for key, row in keys.items() if key not in seen], dtype=np.int64)
        seen.update(keys)
        part = part.take(np.sort(new))
        part = part.take(capped(part, other.most_per_class, data.split_seed))
        _log.info("%s rows of %s", f"{len(part):,}", other.dataset)
        parts.append(part)
    texts = [text for part in parts for text in part.texts]
    return Examples(texts, np.concatenate([part.labels for part in parts]), train.label_names)


def capped(part: Examples, most: int | None, seed: int) -> npt.NDArray[np.int64]:
    """The numbers of at most so many rows of each class, drawn at random, ascending."""
    order = np.random.default_rng(seed).permutation(len(part))
    kept = [order[part.labels[order] == label][:most] for label in range(len(part.label_names))]
    return np.sort(np.concatenate(kept))


def stratified_holdout(
    examples: Examples, share: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Divides rows into those that stay and the `share` that is held out, both ascending; classes keep their shares.

    Rows that equal texts or groups tie together are moved as one, by the class of most of them.
    """
    generator = np.random.default_rng(seed)
    _, first_row, group = np.unique(np.asarray(examples.texts, dtype=object), return_index=True, return_inverse=True)
    group_size, group_label = np.bincount(group), examples.labels[first_row]
    if examples.groups is not None:
        group = _tied(group, examples.groups)
        group_size, labels = np.bincount(group), np.unique(examples.labels)
        counts = [np.bincount(group, weights=examples.labels == label, minlength=len(group_size)) for label in labels]
        group_label = labels[np.argmax(counts, axis=0)]
    held_out = np.zeros(len(group_size), dtype=bool)
    for label in np.unique(group_label):
        members = generator.permutation(np.flatnonzero(group_label == label))
        target = max(1.0, share * group_size[members].sum())
        chosen = np.cumsum(group_size[members]) - group_size[members] / 2 <= target
        chosen[-1] = False  # a class must not vanish from train
        held_out[members[chosen]] = True
    is_out = held_out[group]
    return np.flatnonzero(~is_out), np.flatnonzero(is_out)


def _tied(texts: npt.NDArray[np.int64], groups: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Numbers of the sets of rows that a text or a group in common ties together, directly or through others."""
    from scipy import sparse

    _, groups = np.unique(groups, return_inverse=True)
    nodes = int(texts.max()) + 1 + int(groups.max()) + 1
    edges = sparse.coo_matrix((np.ones(len(texts)), (texts, texts.max() + 1 + groups)), shape=(nodes, nodes))
    _, components = sparse.csgraph.connected_components(edges, directed=False)
    numbers: npt.NDArray[np.int64] = np.unique(components[texts], return_inverse=True)[1]
    return numbers


def stratified_sample(labels: npt.NDArray[np.int64], rows: int, seed: int) -> npt.NDArray[np.int64]:
    """Chooses `rows` of the rows with these class numbers, the classes in their shares; their numbers, ascending.

    A smaller sample of one seed is part of a larger one.
    """
    generator = np.random.default_rng(seed)
    # Each row's place within its shuffled class, as a share of the class: taking the smallest keeps classes in step.
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(np.argsort(place, kind="stable")[:rows])


def _same_classes(part: Examples, train: Examples, who: str, hint: str) -> Examples:
    """The part with its classes numbered as those of train; in `hint`, `_UNKNOWN` stands for one that train lacks."""
    if unknown := sorted(set(part.label_names) - set(train.label_names)):
        message = f"{who} has labels that train lacks: {', '.join(unknown)}."
        raise DataError(message, hint.replace(_UNKNOWN, unknown[0]))
    numbers = np.array([train.label_names.index(name) for name in part.label_names], dtype=np.int64)
    return Examples(part.texts, numbers[part.labels], train.label_names)


def _require_two_classes(train: Examples) -> None:
    present = np.unique(train.labels)
    if len(present) < 2:
        message = f"all {len(train):,} training rows have the same label, '{train.label_names[present[0]]}'."
        raise DataError(message, "A classifier needs rows of at least two classes.")
    if len(present) > _MANY_CLASSES:
        _log.warning("%s classes: fitting them takes long. Is data.label_column the right one?", f"{len(present):,}")


def _too_few(train: Examples, name: str) -> DataError:
    different = len(set(train.texts))
    what = "rows" if different == len(train) else f"different texts in {len(train):,} rows"
    return DataError(
        f"{different:,} {what} are too few to hold out a {name} part.",
        f"Give more rows, or a file of its own: --set data.{name}=FILE",
    )

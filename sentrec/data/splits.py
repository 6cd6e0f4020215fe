"""Which rows to train on, select on and judge by; duplicates never straddle a border."""

import logging
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sentrec.data.contamination import SeenTexts
from sentrec.data.examples import Examples, load_examples
from sentrec.data.locate import require_different_rows, source_of
from sentrec.data.mixture import load_training_rows
from sentrec.errors import DataError
from sentrec.recipe.sections import DataConfig

_log = logging.getLogger(__name__)
_MANY_CLASSES = 100


@dataclass(frozen=True)
class Splits:
    """The rows of an experiment, and what was noticed about them.

    Attributes:
        train: Rows to learn from; only they have ratings, where the data section names a column of them.
        validation: Rows to select the epoch and the temperature on.
        test: Rows for the final figures only.
        duplicates: Training rows whose exact text occurs in train more than once.
        overlap: Test rows whose text also occurs in train, by its letters and digits (`sentrec.data.contamination`).
        validation_overlap: Validation rows of which the same is true.
    """

    train: Examples
    validation: Examples
    test: Examples
    duplicates: int
    overlap: int
    validation_overlap: int


def load_splits(data: DataConfig, say_overlap: bool = True) -> Splits:
    """Reads a dataset and divides it as the recipe says.

    A validation or test part that the dataset lacks is held out from train: stratified by label, with exact
    duplicates on one side, and with all rows of a group where `data` names a column of groups.

    Args:
        data: What to read.
        say_overlap: Whether to log how many texts of another part also occur in train.

    Raises:
        DataError: If the data cannot be read, two parts would be the same rows, classes differ between splits, train
            has one class only, or groups are named and no part is held out.
    """
    require_different_rows(data)
    sources = {name: source_of(data, name) for name in ("test", "validation")}
    if data.group_column and all(isinstance(source, str) for source in sources.values()):
        raise DataError(
            f"data.group_column divides train, and {data.dataset} has validation and test rows of its own.",
            "Hold out a share of train, --set data.validation=0.1, or leave it out: --set data.group_column=null",
        )
    train = load_training_rows(data)
    parts: dict[str, Examples] = {}
    for index, (name, source) in enumerate(sources.items()):
        if isinstance(source, str):
            parts[name] = _same_classes(load_examples(data, source), train, name)
        else:
            kept, held_out = stratified_holdout(train, source, seed=data.split_seed + 1000 * index)
            _require_rows(held_out, train, name)
            # Rows are judged by their labels: they are the same ones whether train has ratings or not.
            train, parts[name] = train.take(kept), train.take(held_out).alone()
    _require_unlike_parts(parts)
    if data.train_rows is not None and data.train_rows < len(train):
        train = train.take(stratified_sample(train.labels, data.train_rows, data.split_seed))
    _require_two_classes(train)
    seen = SeenTexts(train.texts)
    overlap = {name: seen.count(part.texts) for name, part in parts.items()}
    for name, count in overlap.items():
        if count and say_overlap:
            level = logging.DEBUG if name == "test" else logging.INFO  # those of test are told with the result
            _log.log(level, "%s of %s %s texts also occur in train", f"{count:,}", f"{len(parts[name]):,}", name)
    return Splits(train, parts["validation"], parts["test"], _duplicates(train), overlap["test"], overlap["validation"])


def stratified_holdout(
    examples: Examples, share: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Divides rows so that every class keeps its share and equal texts, and rows of a group, stay together.

    Rows that equal texts or groups tie together are moved as one, by the class of most of them.

    Args:
        examples: The rows to divide.
        share: Share of the rows to hold out, between 0 and 1.
        seed: Seed of the choice.

    Returns:
        The rows that stay and the rows held out, both ascending.
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
    """Chooses `rows` rows with the classes in their shares; a smaller sample of one seed is part of a larger one.

    Args:
        labels: Class numbers, shape ``(n,)``.
        rows: How many to choose, at most ``n``.
        seed: Seed of the choice.

    Returns:
        Row numbers, ascending.
    """
    generator = np.random.default_rng(seed)
    # Each row's place within its shuffled class, as a share of the class: taking the smallest keeps classes in step.
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        place[members] = (np.arange(len(members)) + 0.5) / len(members)
    return np.sort(np.argsort(place, kind="stable")[:rows])


def _require_rows(held_out: npt.NDArray[np.int64], train: Examples, name: str) -> None:
    if not len(held_out):
        different = len(set(train.texts))
        what = "rows" if different == len(train) else f"different texts in {len(train):,} rows"
        raise DataError(
            f"{different:,} {what} are too few to hold out a {name} part.",
            f"Give more rows, or a file of its own: --set data.{name}=FILE",
        )


def _same_classes(part: Examples, train: Examples, name: str) -> Examples:
    if part.label_names == train.label_names:
        return part
    unknown = sorted(set(part.label_names) - set(train.label_names))
    if unknown:
        raise DataError(
            f"the {name} split has labels that train lacks: {', '.join(unknown)}.",
            "State all classes in their order: --set data.label_names=[...]",
        )
    numbers = np.array([train.label_names.index(label) for label in part.label_names])
    return Examples(part.texts, numbers[part.labels], train.label_names)


def _require_unlike_parts(parts: dict[str, Examples]) -> None:
    # A copy of a file, or a mirror beside the hub, has another name and the same rows.
    if parts["validation"].texts == parts["test"].texts:
        raise DataError(
            "validation and test hold the same rows.",
            "Select on a share of train instead: --set data.validation=0.1",
        )


def _require_two_classes(train: Examples) -> None:
    present = np.unique(train.labels)
    if len(present) < 2:
        raise DataError(
            f"all {len(train):,} training rows have the same label, '{train.label_names[present[0]]}'.",
            "A classifier needs rows of at least two classes.",
        )
    if len(present) > _MANY_CLASSES:
        _log.warning("%s classes: fitting them takes long. Is data.label_column the right one?", f"{len(present):,}")


def _duplicates(train: Examples) -> int:
    return len(train) - len(set(train.texts))

"""Texts without labels: which of them may be learned from, and how many of the texts that judge are among them."""

from dataclasses import dataclass

from sentrec.data.contamination import SeenTexts
from sentrec.data.examples import load_texts
from sentrec.data.formats import looks_like_file
from sentrec.data.locate import has_split, is_dataset
from sentrec.data.splits import Splits
from sentrec.errors import DataError
from sentrec.recipe.sections import DataConfig


@dataclass(frozen=True)
class UnlabelledSplit:
    """The texts without labels, but for those that the model is judged or selected by."""

    texts: list[str]  # what may be learned from, in the order of the source
    left_out: int  # texts that may not
    overlap: int  # test rows whose text also occurs among those of the source, by its letters and digits
    validation_overlap: int  # validation rows of which the same is true


def load_unlabelled(data: DataConfig, splits: Splits, besides_train: bool = False) -> UnlabelledSplit | None:
    """Reads the recipe's texts without labels; None where it names none, a `DataError` where none are left.

    `besides_train` leaves training texts out, too: a model that labels what it learns from would judge by that.
    """
    if data.unlabelled is None:
        return None
    found = [text for section, split in sources_of(data) for text in load_texts(section, split)]
    judged = [*splits.validation.texts, *splits.test.texts]
    out = SeenTexts([*judged, *splits.train.texts] if besides_train else judged)
    texts = [text for text in found if text not in out]
    if not texts:
        names, others = ", ".join(data.unlabelled), "" if besides_train else ", e.g. --set data.unlabelled=train"
        raise DataError(
            f"all texts of {names} are {'training, ' if besides_train else ''}validation or test texts.",
            f"Name another split or file{others}",
        )
    known = SeenTexts(found)
    test, validation = known.count(splits.test.texts), known.count(splits.validation.texts)
    return UnlabelledSplit(texts, len(found) - len(texts), test, validation)


def sources_of(data: DataConfig) -> list[tuple[DataConfig, str]]:
    """Where the recipe's texts without labels are; no text is read.

    A name of `data.unlabelled` is a split of its dataset, a file, or another dataset, as ``amazon_polarity`` (its split
    train) or ``amazon_polarity/test``. Raises a `DataError` if it is none of these, or two mean the same.
    """
    sources = [_source(data, name) for name in data.unlabelled or ()]
    places = [(section.dataset, split) for section, split in sources]
    if twice := sorted({split for dataset, split in places if places.count((dataset, split)) > 1}):
        raise DataError(f"data.unlabelled names the same texts twice: {', '.join(twice)}.", "Name them once.")
    return sources


def _source(data: DataConfig, name: str) -> tuple[DataConfig, str]:
    dataset, _, split = name.partition("/")
    if looks_like_file(name) or has_split(data, name):
        return data, name
    if not is_dataset(dataset):
        raise DataError(
            f"data.unlabelled: {name} is no split of {data.dataset}, no file and no other dataset.",
            "Other datasets are named ones, and folders of SENTREC_DATA. Without texts: --set data.unlabelled=null",
        )
    # Columns that the recipe names are those of its own dataset.
    return (data if dataset == data.dataset else DataConfig(dataset=dataset)), split or "train"

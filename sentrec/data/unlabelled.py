"""Texts without labels: which of them may be learned from, and how many of the texts that judge are among them."""

from dataclasses import dataclass

from sentrec.data.examples import load_texts
from sentrec.data.splits import Splits
from sentrec.errors import DataError
from sentrec.recipe.sections import DataConfig


@dataclass(frozen=True)
class UnlabelledSplit:
    """The texts without labels, but for those that the model is judged or selected by.

    Attributes:
        texts: What may be learned from, in the order of the source.
        left_out: Texts that may not.
        overlap: Test rows whose exact text also occurs among those of the source.
        validation_overlap: Validation rows of which the same is true.
    """

    texts: list[str]
    left_out: int
    overlap: int
    validation_overlap: int


def load_unlabelled(data: DataConfig, splits: Splits) -> UnlabelledSplit | None:
    """Reads the recipe's texts without labels; None where it names none.

    Args:
        data: The recipe's data section.
        splits: What it was divided into.

    Raises:
        DataError: If the texts cannot be found or read, or all of them are validation or test texts.
    """
    if data.unlabelled is None:
        return None
    found = load_texts(data, data.unlabelled)
    judged = {*splits.validation.texts, *splits.test.texts}
    texts = [text for text in found if text not in judged]
    if not texts:
        raise DataError(
            f"all texts of {data.unlabelled} are validation or test texts.",
            "Name another split or file, e.g. --set data.unlabelled=train",
        )
    known = set(found)
    test, validation = (sum(text in known for text in part.texts) for part in (splits.test, splits.validation))
    return UnlabelledSplit(texts, len(found) - len(texts), test, validation)

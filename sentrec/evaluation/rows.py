"""Which rows a run is evaluated on, which it was trained on, and what a reader has to know of them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sentrec.data.examples import Examples, load_examples
from sentrec.data.splits import Splits, load_splits
from sentrec.data.tables import looks_like_file
from sentrec.errors import DataError
from sentrec.evaluation.label_matching import match_labels
from sentrec.recipe.schema import DataConfig
from sentrec.runs import Run, read_environment
from sentrec.text.vocabulary import fingerprint


@dataclass(frozen=True)
class EvaluationRows:
    """Labelled texts to evaluate on.

    Attributes:
        examples: The rows, with the run's class numbers.
        source: Name or file of the data.
        split: Its split.
        notes: What a reader has to know of the rows, in sentences.
    """

    examples: Examples
    source: str
    split: str
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """The rows in a few words, e.g. ``imdb test, n = 25,000``."""
        return f"{Path(self.source).name} {self.split}, n = {len(self.examples):,}"


class RunData:
    """The data of a run as it can be read now; read at most once.

    Args:
        run: The finished run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def splits(self) -> Splits:
        """The rows that the run was trained, selected and tested on.

        Raises:
            DataError: If the data cannot be read.
        """
        return load_splits(self.run.recipe.data)

    def training_rows(self) -> Examples:
        """Exactly the rows that the run was trained on.

        Raises:
            DataError: If the data cannot be read, or is no longer what it was.
        """
        train = self.splits.train
        recorded = read_environment(self.run.path).get("data", {}).get("train")
        if recorded != fingerprint(train.texts, train.labels.tobytes(), train.label_names):
            raise DataError(
                f"the training rows of {self.run.recipe.data.dataset} are no longer those of {self.run.path}.",
                "Restore the data, so that a baseline can learn from the same rows.",
            )
        return train

    def evaluation_rows(self, data: str | Path | DataConfig | None, split: str) -> EvaluationRows:
        """The rows to evaluate on.

        Args:
            data: A named dataset, a file, or a recipe's data section; None for the run's own data.
            split: Which split of it.

        Raises:
            DataError: If the data cannot be used, or has labels that the run does not know.
        """
        own = self.run.recipe.data
        if data is None or (not isinstance(data, DataConfig) and _is_same(str(data), own.dataset)):
            return self._own_rows(split)
        if not isinstance(data, DataConfig):
            # A file like the one that the run was trained on has its columns.
            both_files = looks_like_file(str(data)) and looks_like_file(own.dataset)
            columns = {"text_columns": own.text_columns, "label_column": own.label_column} if both_files else {}
            data = DataConfig.model_validate({"dataset": str(data), **columns})
        return self._matched(load_examples(data, split), data.dataset, split, ())

    def _own_rows(self, split: str) -> EvaluationRows:
        own = self.run.recipe.data
        if split == "train":
            note = "The run was trained on these rows: the figures say nothing about other texts."
            return self._matched(self.splits.train, own.dataset, split, (note,))
        if split == "validation":
            note = "Epoch and temperature were chosen on these rows: the figures are somewhat too good."
            return self._matched(self.splits.validation, own.dataset, split, (note,))
        examples = self.splits.test if split == "test" else load_examples(own, split)
        return self._matched(examples, own.dataset, split, ())

    def _matched(self, examples: Examples, source: str, split: str, notes: tuple[str, ...]) -> EvaluationRows:
        names = self.run.label_names
        labels, match = match_labels(examples.labels, examples.label_names, names, source)
        found = (match, *notes, *([] if notes else [self._overlap(examples)]))
        return EvaluationRows(
            Examples(examples.texts, labels, names), source, split, tuple(note for note in found if note)
        )

    def _overlap(self, examples: Examples) -> str | None:
        try:
            splits = self.splits
        except DataError as error:
            return f"Texts that also occur in train were not counted: {error.message}"
        seen = set(splits.train.texts) | set(splits.validation.texts)
        count = sum(text in seen for text in examples.texts)
        return f"{count:,} of the {len(examples):,} texts also occur in train or validation." if count else None


def _is_same(data: str, own: str) -> bool:
    both_files = looks_like_file(data) and looks_like_file(own)
    return data == own or (both_files and Path(data).resolve() == Path(own).resolve())

"""Which rows a run is evaluated on, which it was trained on, and what a reader has to know of them."""

import logging
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from sentrec.data.contamination import SeenTexts
from sentrec.data.examples import Examples, load_examples
from sentrec.data.formats import looks_like_file
from sentrec.data.labels import LEFT_OUT, match_labels
from sentrec.data.locate import is_local, locate_split
from sentrec.data.splits import Splits, load_splits
from sentrec.data.unlabelled import load_unlabelled, sources_of
from sentrec.errors import DataError, RunError, did_you_mean, messages_from
from sentrec.recipe.loading import describe_data
from sentrec.recipe.sections import DataConfig
from sentrec.runs.directory import METRICS, Run, find_model, look_at
from sentrec.runs.files import read_object
from sentrec.runs.references import origins_of
from sentrec.text.vocabulary import fingerprint

_MANY, _INVERTED = 20, 0.25
"""From so many rows on, up to such a ROC-AUC, labels are asked about."""
_OWN_NOTES = {
    "train": ("The run was trained on these rows: the metrics say nothing about other texts.",),
    "validation": ("Epoch and temperature were chosen on these rows: the metrics are somewhat too good.",),
    "test": (),
}


@dataclass(frozen=True)
class EvaluationRows:
    """Labelled texts to evaluate on, with the run's class numbers, where they are from, and what to know of them."""

    examples: Examples
    source: str
    split: str
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """The rows in a few words, e.g. ``imdb test, n = 25,000``."""
        return f"{Path(self.source).name} {self.split}, n = {len(self.examples):,}"


class RunData:
    """The data of a finished run as it can be read now; read at most once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.label_names = run.label_names  # of the classes that rows are matched with
        self._splits: Splits | None = None

    def beside(self, other: Run) -> "RunData":
        """The data of another run; what both share is not read twice."""
        data = RunData(other)
        if other.recipe.data == self.run.recipe.data:
            data._splits = self._splits
        return data

    def part(self, name: str) -> Examples:
        """The very rows of ``train``, ``validation`` or ``test`` that the run saw; a `DataError` if they changed."""
        rows: Examples = getattr(self._read_splits(), name)
        recorded = self.run.fingerprints.get(name)
        if recorded != rows.fingerprint():
            raise DataError(
                f"the {name} rows of {self.run.recipe.data.dataset} are no longer those of {self.run.place}.",
                "Restore the data, or measure on other rows with --data and without a baseline.",
            )
        return rows

    def evaluation_rows(
        self, data: str | Path | DataConfig | None, split: str, overrides: Sequence[str] = ()
    ) -> EvaluationRows:
        """The rows to evaluate on; a `DataError` if they cannot be used, or have labels that the run does not know.

        `data` is a named dataset, a file, or a recipe's data section; None stands for the run's own data. `overrides`
        describe it, e.g. ``data.label_column=stars``.
        """
        own = self.run.recipe.data
        if own.target is not None:
            hint = f"Measure it by cross-validation: sentrec evaluate {self.run.place} --folds 5"
            raise RunError(f"{self.run.place} rates, and classes are measured here.", hint)
        if data is None or (not isinstance(data, DataConfig) and _is_same(str(data), own.dataset)):
            if overrides:
                raise DataError(
                    "the run's own data is read as it was for training; --set describes other data.",
                    "Name the other data with --data, or leave out --set.",
                )
            return self._own_rows(split)
        section = data.model_dump() if isinstance(data, DataConfig) else {"dataset": str(data)}
        described = describe_data(section, overrides)
        # All of a file is its train split, whatever it is evaluated as.
        is_file = looks_like_file(described.dataset)
        # A file like the one that the run was trained on has its columns.
        like = own if is_file and looks_like_file(own.dataset) else None
        examples = load_examples(described, "train" if is_file else split, like=like)
        return self._matched(examples, described.dataset, split, (), self.overlap(examples))

    def overlap(self, examples: Examples, name: str = "") -> str | None:
        """Sentences on how many texts the run has seen, or on why that was not counted; None where it saw none.

        Texts are compared by their letters and digits, see `sentrec.data.contamination`. What a run has seen includes
        what its teacher and the run that it went on from have; `name` is empty for the run that is evaluated.
        """
        notes = self._overlaps(examples, name)
        if not name:
            origins, absent = self._origins
            for origin in origins:
                notes += origin._overlaps(examples, origin.run.place)
            notes += [
                f"{missing}, which it learned from, is not here: texts that it has seen were not counted."
                for missing in absent
            ]
        return " ".join(notes) or None

    def _overlaps(self, examples: Examples, name: str) -> list[str]:
        of_run = f" of {name}" if name else ""
        notes = [_overlap_note(examples, f"train or validation{of_run}", lambda: self._labelled_texts)]
        # What judges the run was left out of the unlabelled texts: there is nothing to count.
        if self._splits is None or examples.texts != self._splits.test.texts:
            notes.append(_overlap_note(examples, f"the unlabelled texts{of_run}", lambda: self._unlabelled_texts_here))
        return [note for note in notes if note]

    @cached_property
    def _origins(self) -> tuple[list["RunData"], list[str]]:
        found, absent = origins_of(self.run)
        return [RunData(one) for one in found if one.recipe.data != self.run.recipe.data], absent

    @cached_property
    def _labelled_texts(self) -> SeenTexts:
        self._require_local()
        return SeenTexts([*self.part("train").texts, *self.part("validation").texts])

    def unlabelled_texts(self) -> list[str]:
        """The texts without labels that the run learned from, if any; a `DataError` if they are others than then."""
        data = self.run.recipe.data
        if data.unlabelled is None:
            return []
        found = load_unlabelled(data, self._read_splits(), besides_train=self.run.recipe.init is not None)
        recorded = self.run.fingerprints.get("unlabelled")
        if found is None or recorded != fingerprint(found.texts):
            raise DataError(f"the unlabelled texts of {data.dataset} are no longer those of {self.run.place}.")
        return found.texts

    @cached_property
    def _unlabelled_texts_here(self) -> SeenTexts:
        if sources := sources_of(self.run.recipe.data):
            self._require_local(*sources)
        return SeenTexts(self.unlabelled_texts())

    def _read_splits(self) -> Splits:
        if self._splits is None:
            # What a reader has to know of the rows that are evaluated, the notes say.
            with messages_from(logging.WARNING, "sentrec.data"):
                self._splits = load_splits(self.run.recipe.data, say_overlap=False)
        return self._splits

    def _require_local(self, *sources: tuple[DataConfig, str]) -> None:
        # To count what a note says is no reason for a download.
        data = self.run.recipe.data
        if self._splits is None and not is_local(data):
            raise DataError(f"{data.dataset} is on the hub, not on this machine.")
        for section, split in sources:
            if not isinstance(locate_split(section, split), Path):
                raise DataError(f"{split} of {section.dataset} is on the hub, not on this machine.")

    def _own_rows(self, split: str) -> EvaluationRows:
        own = self.run.recipe.data
        if split in _OWN_NOTES:
            examples, notes = self.part(split), _OWN_NOTES[split]
        elif looks_like_file(own.dataset) and not looks_like_file(split):
            raise DataError(f"{self.run.place} has no split '{split}'.", did_you_mean(split, _OWN_NOTES))
        else:
            examples, notes = load_examples(own, split), ()
        return self._matched(examples, own.dataset, split, notes, None if notes else self.overlap(examples))

    def _matched(
        self, examples: Examples, source: str, split: str, notes: tuple[str, ...], overlap: str | None
    ) -> EvaluationRows:
        names = self.label_names
        labels, match = match_labels(examples.labels, examples.label_names, names, source)
        if (out := labels == LEFT_OUT).any():
            examples, labels = examples.take(np.flatnonzero(~out)), labels[~out]
            match = f"{match or ''} {int(out.sum()):,} rows are left out."
        if not len(labels):
            raise DataError(
                f"No row of {source} has a label that the run knows.", "Is data.label_column the right one?"
            )
        found = tuple(note for note in (match, *notes, overlap) if note)
        return EvaluationRows(Examples(examples.texts, labels, names), source, split, found)


def _overlap_note(examples: Examples, where: str, read: Callable[[], SeenTexts]) -> str | None:
    try:
        count = read().count(examples.texts)
    except DataError as error:
        return f"Texts that also occur in {where} were not counted: {error.message}"
    return f"{count:,} of the {len(examples):,} texts also occur in {where}." if count else None


def _is_same(data: str, own: str) -> bool:
    both_files = looks_like_file(data) and looks_like_file(own)
    return data == own or (both_files and Path(data).resolve() == Path(own).resolve())


def class_notes(metrics: Mapping[str, Any], label_names: Sequence[str]) -> list[str]:
    """What is left out where the data lacks a class; that labels seem to mean the opposite."""
    missing = ", ".join(name for name in label_names if not metrics["per_class"][name]["support"])
    if missing:
        return [f"No row is labelled {missing}: ROC-AUC, which needs every class, is left out."]
    if metrics["n"] < _MANY or metrics["roc_auc"] is None or metrics["roc_auc"] > _INVERTED:
        return []
    return [
        "Far worse than chance: do the labels count the other way round? --labels 1=good,5=bad says what each means."
    ]


def group_notes(given: str | Path | Run | None, opened: Run | None) -> list[str]:
    """That the run opened for what was given is one of a group of seeds, or an ensemble, and how good all are."""
    if opened is not None and opened.members:
        spread = _spread([100 * float(member.metrics["test"]["accuracy"]) for member in opened.members])
        return [
            f"{opened.path} is an ensemble of {len(opened.members)} runs. Test accuracy of each alone when it was "
            f"trained: {spread}."
        ]
    found = None if given is None or opened is None or isinstance(given, Run) else look_at(find_model(given))
    if found is None or opened is None or not found.seeds:
        return []
    path = found.path / METRICS
    try:
        runs = read_object(path)["runs"]
        accuracies = [100 * float(one["test_accuracy"]) for one in runs]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} was altered: it lacks the accuracy of its runs.", "Train the group again.") from error
    return [
        f"{given} holds {len(runs)} runs: this is seed {opened.recipe.seed}, the best of them by validation. "
        f"Test accuracy of all when they were trained: {_spread(accuracies)}."
    ]


def _spread(percentages: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(percentages):.2f} (mean ± standard deviation)" if len(percentages) > 1 else ""
    return f"{statistics.fmean(percentages):.2f} %{deviation}"

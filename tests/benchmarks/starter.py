"""The starter beside word lists, and beside n-grams that learned from the same texts, on the same test rows."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from sentrec.data.examples import load_examples
from sentrec.data.splits import mixed_sources, stratified_sample
from sentrec.errors import DataError
from sentrec.evaluation.rows import RunData
from sentrec.metrics.intervals import wilson_interval
from sentrec.runs.directory import Run, open_run

from .contender import Contender, Labels
from .linear import NaiveBayesNgrams, TextBlobPolarity, TfidfPipeline, Vader
from .measure import all_cores, seconds_of
from .sentrec_recipe import SentrecRecipe
from .settings import Settings
from .table import Column, Section
from .workplace import NothingToMeasure, Workplace, variable

_WARM_UP = 64
TestRows = dict[str, tuple[list[str], Labels]]


def measure_starter(place: Workplace, settings: Settings, tell: Callable[[str], None]) -> list[Section]:
    """Judges all on the test rows of every dataset that the starter's recipe names, neutral rows left out."""
    run = open_run(settings.init)
    try:
        with variable("SENTREC_DATA", place.source):
            data = RunData(run)
            train, tests = data.part("train"), test_rows(run, data, settings.scored_rows)
    except DataError as error:
        raise NothingToMeasure(error.message) from error
    peers = (Vader(), TextBlobPolarity(), TfidfPipeline(), NaiveBayesNgrams())
    absent = [
        f"{one.title} is left out: it is not installed (pip install '.[bench]')." for one in peers if one.missing()
    ]
    own = SentrecRecipe(settings.init, ())
    own.load(run.path)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    columns, spent = [Column("data", "data"), Column("n", "n", ",")], []
    for contender in (own, *(one for one in peers if not one.missing())):
        tell(contender.title)
        folder = place.model(contender.title)
        folder.mkdir(parents=True, exist_ok=True)
        seconds = 0.0
        if contender is not own:
            seconds = seconds_of(lambda: contender.train(train.texts, train.labels, folder))  # noqa: B023 - called at once
        found[contender.title] = _judged(contender, tests)
        columns.append(Column(contender.title, contender.title))
        spent.append(_speed(contender.title, found[contender.title], tests, seconds))
    rows = [_row(name, len(labels), found) for name, (_, labels) in tests.items()]
    means = {title: f"{np.mean([one['accuracy'] for one in sets.values()]):.3f}" for title, sets in found.items()}
    rows.append({"data": f"mean of {len(tests)}", "n": sum(len(labels) for _, labels in tests.values())} | means)
    notes = (
        f"At most {settings.scored_rows:,} test rows of a dataset. Wilson intervals of 95 %.",
        f"n-grams learned from the very {len(train):,} texts that the starter's labels are of; the border between the "
        "classes of VADER and TextBlob was chosen on 4,000 of them.",
        *absent,
    )
    speed_notes = [f"From raw text to probabilities, on {all_cores()} cores, of which the peers use one by themselves."]
    return [
        Section("The starter beside word lists and n-grams: accuracy in two classes", columns, rows, notes),
        Section("and their speed", _SPEEDS, spent, speed_notes),
    ]


_SPEEDS = (
    Column("title", "model"),
    Column("long", "texts/s, reviews", ",.0f"),
    Column("all", "texts/s, all rows", ",.0f"),
    Column("seconds", "training, s", ",.0f"),
)


def test_rows(run: Run, data: RunData, most: int) -> TestRows:
    """Texts of the test split of each dataset, and whether they are positive; at most so many."""
    parts = {run.recipe.data.dataset: data.part("test")}
    parts |= {section.dataset: load_examples(section, "test") for section, _ in mixed_sources(run.recipe.data)}
    found = {}
    for name, part in parts.items():
        labels = (np.array(part.label_names)[part.labels] == run.label_names[1]).astype(np.int64)
        rows = stratified_sample(labels, most, 1) if len(labels) > most else np.arange(len(labels))
        found[name] = ([part.texts[row] for row in rows], labels[rows])
    return found


def _judged(contender: Contender, tests: TestRows) -> dict[str, dict[str, Any]]:
    first, _ = next(iter(tests.values()))
    contender.predict_proba(list(islice(first, _WARM_UP)))
    found = {}
    for name, (texts, labels) in tests.items():
        answers: list[Any] = []
        seconds = seconds_of(lambda: answers.append(contender.predict_proba(texts)))  # noqa: B023 - called at once
        accuracy = float((answers[0].argmax(axis=1) == labels).mean())
        found[name] = {"accuracy": accuracy, "seconds": seconds}
    return found


def _row(name: str, n: int, found: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    row: dict[str, Any] = {"data": name, "n": n}
    for title, sets in found.items():
        accuracy = sets[name]["accuracy"]
        low, high = wilson_interval(accuracy, n)
        row[title] = f"{accuracy:.3f} ({low:.3f} to {high:.3f})"
    return row


def _speed(title: str, sets: dict[str, dict[str, Any]], tests: TestRows, seconds: float) -> dict[str, Any]:
    def per_second(names: Sequence[str]) -> float:
        return sum(len(tests[name][1]) for name in names) / sum(sets[name]["seconds"] for name in names)

    names = list(tests)
    return {"title": title, "long": per_second(names[:1]), "all": per_second(names), "seconds": seconds or None}

"""What a few labels of another domain add to a trained model, beside what they are worth without it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as parquet

import sentrec
from sentrec import load_recipe
from sentrec.data.examples import Examples
from sentrec.data.labels import matching_classes
from sentrec.metrics.intervals import paired_difference
from sentrec.ngrams.baselines import make_baseline
from sentrec.recipe import recipe_from_dict
from sentrec.runs.directory import Run, open_run
from sentrec.training.interrupt import StopRequest
from sentrec.training.loop import make_accelerator
from sentrec.training.optimizer import recipe_plan
from sentrec.training.train import Start
from sentrec.transfer.cell import Fitting, fit_cell, fit_linear, target_only_model
from sentrec.transfer.results import Cell
from sentrec.transfer.schema import TransferRecipe
from sentrec.transfer.target import Rows, TargetData, budget_training

from .settings import Settings
from .table import Column, Section
from .workplace import NothingToMeasure, Workplace, variable

TARGETS = ("blitzer_dvd", "blitzer_electronics", "amazon_polarity")
_LABELS = ("negative", "positive")
_FINE_TUNED = "fine-tuned"
_TAUGHT = "fine-tuned, with unlabelled texts"
_VECTORS = {"name": "6B", "dim": 50}

Right = npt.NDArray[np.bool_]


def measure_adaptation(place: Workplace, settings: Settings, tell: Callable[[str], None]) -> list[Section]:
    """Fine-tunes a model on a few labels of each target, as `recipes/my-reviews.yaml` does.

    A seed is another choice of labelled rows, which all arms share. Test rows judge and choose nothing.
    """
    rows: list[dict[str, Any]] = []
    with variable("SENTREC_DATA", place.source):
        for name in TARGETS:
            if not (place.source / name / "test.parquet").is_file():
                raise NothingToMeasure(f"{place.source} has no {name}/test.parquet.")
            rows += _target_rows(Bench(name, settings, place.folder / "adaptation" / name), tell)
    title = f"{settings.init}, fine-tuned on {settings.labels} labels of another domain; {settings.seeds} seeds"
    columns = (
        Column("target", "target"),
        Column("arm", "model"),
        Column("accuracy", "test accuracy", ".3f"),
        Column("interval", "95 % interval"),
        Column("ahead", "fine-tuned is ahead by"),
        Column("taught_ahead", "with unlabelled texts by"),
        Column("seconds", "seconds", ".1f"),
    )
    notes = (
        "Points with 95 % intervals, paired over test rows and seeds; scratch and TF-IDF know no other labels.",
        "Unlabelled texts: those of all other training rows of the target.",
    )
    return [Section(title, columns, rows, notes)]


@dataclass(frozen=True)
class Bench:
    """One target and what is trained on it."""

    name: str
    settings: Settings
    folder: Path

    @cached_property
    def source(self) -> Run:
        """The model to start from."""
        return open_run(self.settings.init)

    @cached_property
    def target(self) -> TargetData:
        """The rows, and a recipe with the source's encoder for a model from scratch."""
        theirs = self.source.recipe
        tree = {
            "name": self.name,
            "data": {"dataset": self.name, "label_names": _LABELS},
            "text": {"max_tokens": theirs.text.max_tokens, "keep": theirs.text.keep},
            "glove": _VECTORS,
            "encoder": theirs.encoder,
        }
        return TargetData(self.name, recipe_from_dict(tree))

    def arms(self) -> dict[str, Callable[[int, Rows, Rows], npt.NDArray[np.integer]]]:
        """What predicts the classes of the test rows, given a seed, training rows and validation rows."""
        return {
            _FINE_TUNED: partial(self._fine_tuned, taught=False),
            _TAUGHT: partial(self._fine_tuned, taught=True),
            "zero-shot": lambda seed, train, validation: self._unchanged,
            "scratch": self._from_scratch,
            "tfidf-lr": self._tfidf,
        }

    def _fine_tuned(self, seed: int, train: Rows, validation: Rows, taught: bool) -> npt.NDArray[np.integer]:
        folder, pool = self.folder / f"{seed}-{taught}", self.target.pool
        parts = {"dataset": pool.take(train), "validation": pool.take(validation)}
        if taught:
            parts["unlabelled"] = pool.take(np.setdiff1d(np.arange(len(pool)), np.concatenate([train, validation])))
        files = {key: _write_rows(folder / f"{key}.parquet", part) for key, part in parts.items()}
        files["test"] = _write_rows(self.folder / "test.parquet", self.target.test)
        overrides = [f"data.{key}={file}" for key, file in files.items()]
        names = f"data.label_names=[{','.join(_LABELS)}]"
        recipe = load_recipe("my-reviews", [*overrides, names, f"init={self.settings.init}", f"seed={seed}"])
        run = sentrec.train(recipe, folder / "run")
        return _classes(sentrec.load(run).predict_proba(self.target.test.texts))

    @cached_property
    def _unchanged(self) -> npt.NDArray[np.integer]:
        match = matching_classes(self.source.label_names, _LABELS)
        if match is None:
            raise NothingToMeasure(f"{self.settings.init} does not tell {' from '.join(_LABELS)}.")
        return _classes(sentrec.load(self.source).predict_proba(self.target.test.texts)[:, match.numbers])

    def _from_scratch(self, seed: int, train: Rows, validation: Rows) -> npt.NDArray[np.integer]:
        target = self.target
        study = TransferRecipe.model_validate({"source": "imdb", "target": "imdb"})  # for its numbers of steps
        training = budget_training(target.recipe.training, len(train), study)
        recipe = target.recipe.model_copy(update={"seed": seed, "training": training})
        model = target_only_model("scratch", recipe, target.tokenizer, len(_LABELS))
        data = target.prepared(target.encode(target.tokenizer), train, validation)
        cell = Cell(self.name, None, "scratch", self.settings.labels, seed)
        fitting = Fitting(cell, recipe, Start(model, recipe_plan(recipe, model), "last"), data)
        accelerator, run = make_accelerator("auto"), self.folder / f"scratch-{seed}"
        return fit_cell(fitting, run, accelerator, StopRequest(), lambda _: None).predicted

    def _tfidf(self, seed: int, train: Rows, validation: Rows) -> npt.NDArray[np.integer]:
        baseline = make_baseline("tfidf-lr")
        pool, test = baseline.count(self.target.pool.texts), baseline.count(self.target.test.texts)
        rows = np.sort(np.concatenate([train, validation]))
        cell = Cell(self.name, None, "tfidf-lr", self.settings.labels, seed)
        return fit_linear(cell, rows, len(rows), self.target, pool, test).predicted


def _target_rows(bench: Bench, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    right, seconds = {}, {}
    for arm, predict in bench.arms().items():
        started = time.perf_counter()
        seeds = range(1, bench.settings.seeds + 1)
        predicted = [predict(seed, *bench.target.divide(bench.settings.labels, seed)) for seed in seeds]
        right[arm] = np.stack(predicted) == bench.target.test.labels
        seconds[arm] = (time.perf_counter() - started) / bench.settings.seeds
        tell(f"{bench.name}, {arm}: {right[arm].mean():.3f}")
    return [
        {"target": bench.name, "arm": arm, "seconds": seconds[arm], "accuracy": float(of.mean())}
        | {"interval": _interval(of, np.zeros_like(of), "{:.3f} to {:.3f}", 1.0)}
        | {
            column: _ahead(right[first], of)
            for column, first in (("ahead", _FINE_TUNED), ("taught_ahead", _TAUGHT))
            if arm not in (_FINE_TUNED, first)
        }
        for arm, of in right.items()
    ]


def _classes(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)


def _ahead(first: Right, second: Right) -> str:
    difference = 100 * (first.mean() - second.mean())
    return f"{difference:+.2f} ({_interval(first, second, '{:+.2f} to {:+.2f}', 100.0)})"


def _interval(first: Right, second: Right, form: str, unit: float) -> str:
    return form.format(*(unit * end for end in paired_difference(first, second).interval))


def _write_rows(path: Path, rows: Examples) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table({"text": rows.texts, "label": rows.labels}), path)
    return path

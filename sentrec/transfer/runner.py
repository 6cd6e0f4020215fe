"""Runs the cells of a study: prepares each target once, trains each source once, keeps what is finished."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from accelerate import Accelerator
from scipy import sparse

from sentrec.errors import Interrupted
from sentrec.inference.predictor import model_of
from sentrec.models.kinds import kind_of
from sentrec.ngrams.baselines import make_baseline
from sentrec.recipe import Recipe
from sentrec.runs.directory import Run
from sentrec.text.vocabulary import fingerprint
from sentrec.training.interrupt import StopRequest
from sentrec.training.loop import Progress
from sentrec.training.train import Start
from sentrec.transfer.cell import (
    Fitting,
    fit_cell,
    fit_linear,
    judge_unseen,
    learning_plan,
    load_cell,
    save_cell,
    target_only_model,
    unfinished_runs,
)
from sentrec.transfer.results import LINEAR_ARMS, ZERO_SHOT, Cell, CellResult, StudyProgress, arm_name, label_count
from sentrec.transfer.schema import Moves, TransferRecipe
from sentrec.transfer.source import Source, code_behind, move_weights, require_layers, settings_of
from sentrec.transfer.target import EncodedTarget, TargetData, budget_training

OnProgress = Callable[[StudyProgress], None]

_EVERYTHING = Moves(head=True)
_WITHOUT_STEPS = (*LINEAR_ARMS, ZERO_SHOT)
_ENOUGH_SECONDS, _ENOUGH_SHARE, _ENOUGH_WITHOUT_STEPS = 30.0, 0.01, 0.1
"""How much must be done before there is an estimate of the time left."""

_log = logging.getLogger(__name__)


class StudyMeter:
    """Tells how far a study is, and how long it will take.

    The time left is that of the work left, a unit of work being one text read in training, by what the units between
    the steps of trainings have cost so far: what comes before a first step (reading, encoding, counting) is mostly done
    once, and would make a study of minutes seem one of hours. Where nothing takes steps, all that was done counts.
    """

    def __init__(self, works: Mapping[str, float], done: int, cells: int, listener: OnProgress | None) -> None:
        self._works, self._listener = works, listener
        self._done, self._cells = done, cells
        self._doing, self._work = "", 0.0
        self._units = 0.0  # of finished pieces of work
        self._began = time.perf_counter()
        self._measured = 0.0, 0.0
        self._first_step: tuple[float, float] | None = None

    def begin(self, doing: str) -> None:
        """A piece of work begins."""
        self._doing, self._work = doing, self._works.get(doing, 0.0)
        self._first_step = None
        self._tell(0.0)

    def step(self, progress: Progress) -> None:
        """The training that is at work took a step."""
        share = progress.step / progress.total_steps
        if self._first_step is None:
            self._first_step = share * self._work, time.perf_counter()
        self._tell(share)

    def finish(self, result: CellResult | None = None) -> None:
        """The piece of work is done; a cell has a result."""
        self._measured = self._measured_until(self._work)
        self._units += self._work
        self._work, self._first_step = 0.0, None
        self._done += result is not None
        self._tell(1.0, result)

    def _tell(self, share: float, finished: CellResult | None = None) -> None:
        if self._listener is not None:
            left = self._seconds_left(share * self._work)
            self._listener(StudyProgress(self._done, self._cells, self._doing, share, left, finished))

    def _measured_until(self, of_this: float) -> tuple[float, float]:
        """Units and seconds since the first step of each training, so many units of the one at work being done."""
        units, seconds = self._measured
        if self._first_step is None:
            return units, seconds
        before, began = self._first_step
        return units + of_this - before, seconds + time.perf_counter() - began

    def _seconds_left(self, of_this: float) -> float | None:
        total, done = sum(self._works.values()), self._units + of_this
        units, seconds = self._measured_until(of_this)
        if units > 0.0 and (units >= _ENOUGH_SHARE * total or seconds >= _ENOUGH_SECONDS):
            return seconds / units * (total - done)
        if units == 0.0 and done >= _ENOUGH_WITHOUT_STEPS * total > 0.0:
            return (time.perf_counter() - self._began) / done * (total - done)
        return None


class StudyRunner:
    """Measures the cells of one study, and keeps finished ones in a directory; ends before the next step on `stop`."""

    def __init__(
        self,
        study: TransferRecipe,
        directory: Path,
        sources: Sequence[Source],
        targets: Sequence[TargetData],
        accelerator: Accelerator,
        stop: StopRequest,
    ) -> None:
        self.study, self.directory = study, directory
        self._accelerator, self._stop = accelerator, stop
        self.sources = {one.name: one for one in sources}
        self.targets = {one.name: one for one in targets}
        self.cells = study.cells(list(self.sources), list(self.targets))
        self._runs: dict[tuple[str, int], Run] = {}
        self._encoded: dict[tuple[str, str | None], EncodedTarget] = {}
        self._ngrams: dict[tuple[str, str], tuple[sparse.csr_matrix, sparse.csr_matrix]] = {}
        self._linear: dict[tuple[str, str, bytes], CellResult] = {}

    def check_plans(self) -> None:
        """Finds before any training what could only fail after hours: budgets, classes, layers, stages."""
        for cell in self.cells:
            if cell.arm not in _WITHOUT_STEPS:
                target = self.targets[cell.target]
                recipe = self._recipe(cell)
                model = target_only_model(cell.arm, recipe, target.tokenizer, len(target.pool.label_names))
                learning_plan(cell.arm, recipe, model, self.study)
                if cell.source is not None:
                    require_layers(self.study.moves, model)

    def run(self, on_progress: OnProgress | None) -> list[CellResult]:
        """Measures every cell that is not finished yet; all results, in the order of `cells`.

        Raises `Interrupted` if the study was asked to stop; finished cells are saved.
        """
        results = {cell: self._finished(cell) for cell in self.cells}
        keys, unfinished = {self._key(cell) for cell in results}, unfinished_runs(self.directory)
        for run in unfinished.glob("*"):
            if run.name not in keys:  # what it depended on has changed
                shutil.rmtree(run, ignore_errors=True)
        missing = [cell for cell, result in results.items() if result is None]
        works = {_describe(cell): self._work(cell) for cell in missing}
        for name, seed in {(cell.source, cell.seed) for cell in missing if cell.source is not None}:
            works[_source_work(name, seed)] = self.sources[name].work(seed)
        meter = StudyMeter(works, len(results) - len(missing), len(results), on_progress)
        for place, cell in enumerate(missing):
            self._train_source(cell, meter)
            if self._stop.requested:
                raise self._interrupted()
            meter.begin(_describe(cell))
            try:
                results[cell] = self._measure(cell, meter)
            except Interrupted as error:
                raise self._interrupted() from error
            meter.finish(results[cell])
            self._forget_all_but(missing[place + 1 :])
        shutil.rmtree(unfinished, ignore_errors=True)
        return [result for result in results.values() if result is not None]

    def _measure(self, cell: Cell, meter: StudyMeter) -> CellResult:
        key = self._key(cell)
        if cell.arm in _WITHOUT_STEPS:
            result = self._judge_unseen(cell) if cell.arm == ZERO_SHOT else self._fit_linear(cell)
            save_cell(self.directory, result, key)
            return result
        # The run of a cell has one place as long as nothing changes, so that an interrupted one is gone on with.
        run = unfinished_runs(self.directory) / key
        result = fit_cell(self._fitting(cell), run, self._accelerator, self._stop, meter.step)
        self._stop.defer()  # the end of a training acts on signals at once
        save_cell(self.directory, result, key, run if self.study.keep_models else None)
        shutil.rmtree(run, ignore_errors=True)
        return result

    def _fitting(self, cell: Cell) -> Fitting:
        target, recipe, encoded = self.targets[cell.target], self._recipe(cell), self._encode(cell)
        model = target_only_model(cell.arm, recipe, encoded.tokenizer, len(target.pool.label_names))
        if cell.source is not None:
            run = self._runs[cell.source, cell.seed]
            move_weights(model_of(run), run.label_names, model, target.names_for_sources, self.study.moves)
        start = Start(model, learning_plan(cell.arm, recipe, model, self.study), self.study.select)
        return Fitting(cell, recipe, start, target.prepared(encoded, *target.divide(cell.budget, cell.seed)))

    def _judge_unseen(self, cell: Cell) -> CellResult:
        assert cell.source is not None  # every zero-shot cell has one
        target, encoded, run = self.targets[cell.target], self._encode(cell), self._runs[cell.source, cell.seed]
        names = target.names_for_sources
        model = target_only_model(cell.arm, self._recipe(cell), encoded.tokenizer, len(names))
        move_weights(model_of(run), run.label_names, model, names, _EVERYTHING)
        return judge_unseen(cell, model.to(self._accelerator.device), target, encoded.test)

    def _fit_linear(self, cell: Cell) -> CellResult:
        target, counted = self.targets[cell.target], (cell.target, cell.arm)
        # Of the same rows as the networks of its budget: validation rows teach no arm.
        rows, validation = target.divide(cell.budget, cell.seed)
        # A linear model has no seed: the same rows give the same answer.
        key, labels = (*counted, rows.tobytes()), len(rows) + len(validation)
        if counted not in self._ngrams:
            baseline = make_baseline(cell.arm)
            self._ngrams[counted] = (baseline.count(target.pool.texts), baseline.count(target.test.texts))
        if key not in self._linear:
            self._linear[key] = fit_linear(cell, rows, labels, target, *self._ngrams[counted])
        return replace(self._linear[key], cell=cell, labels=labels)

    def _train_source(self, cell: Cell, meter: StudyMeter) -> None:
        """Sees to it that the source of a cell is trained; a cell without one needs none."""
        if cell.source is None or (cell.source, cell.seed) in self._runs:
            return
        meter.begin(_source_work(cell.source, cell.seed))
        run = self.sources[cell.source].train(cell.seed, self._accelerator, self._stop, meter.step)
        self._stop.defer()  # the end of a training acts on signals at once
        self._runs[cell.source, cell.seed] = run
        # A source that has learned little has little to give.
        accuracy = run.metrics["test"]["accuracy"]
        _log.info("Source %s, seed %s: accuracy %.4f on its own test rows", cell.source, cell.seed, accuracy)
        meter.finish()

    def _finished(self, cell: Cell) -> CellResult | None:
        needs_model = self.study.keep_models and cell.arm not in _WITHOUT_STEPS
        return load_cell(self.directory, cell, self._key(cell), needs_model)

    def _key(self, cell: Cell) -> str:
        """What changes when the outcome of a cell would."""
        target, recipe = self.targets[cell.target], self._recipe(cell)
        source = self.sources[cell.source].key(cell.seed) if cell.source is not None else None
        options = self.study.model_dump(mode="json", include={"select", *(("moves", cell.arm) if cell.source else ())})
        names = target.names_for_sources if cell.source is not None else None
        known = settings_of(recipe), target.fingerprint, source, options, vars(cell), names
        return fingerprint([], *known, *code_behind(recipe))

    def _recipe(self, cell: Cell) -> Recipe:
        target = self.targets[cell.target]
        recipe = target.recipe.model_copy(update={"seed": cell.seed})
        if cell.arm in _WITHOUT_STEPS:
            return recipe
        train, _ = target.divide(cell.budget, cell.seed)
        return recipe.model_copy(update={"training": budget_training(recipe.training, len(train), self.study)})

    def _encode(self, cell: Cell) -> EncodedTarget:
        target, source = self.targets[cell.target], cell.source
        if (target.name, source) not in self._encoded:
            tokenizer = target.tokenizer
            if source is not None:
                kind, theirs = kind_of(target.recipe), self.sources[source].tokenizer()
                tokenizer = kind.join_tokenizers(target.recipe, tokenizer, theirs)
            self._encoded[target.name, source] = target.encode(tokenizer)
        return self._encoded[target.name, source]

    def _forget_all_but(self, missing: Sequence[Cell]) -> None:
        """Lets go of token ids and n-grams that none of these cells needs."""
        networks = {(cell.target, cell.source) for cell in missing if cell.arm not in LINEAR_ARMS}
        linear = {(cell.target, cell.arm) for cell in missing}
        self._encoded = {key: encoded for key, encoded in self._encoded.items() if key in networks}
        self._ngrams = {key: counts for key, counts in self._ngrams.items() if key in linear}

    def _interrupted(self) -> Interrupted:
        done = sum(self._finished(cell) is not None for cell in self.cells)
        return Interrupted(f"{done} of {len(self.cells)} cells are finished and saved.")

    def _work(self, cell: Cell) -> float:
        """How much a cell is to do, in texts read in training: scoring a text costs about a third of that."""
        target = self.targets[cell.target]
        rows, test = target.available if cell.budget == "all" else cell.budget, len(target.test)
        if cell.arm in LINEAR_ARMS:
            return 0.05 * (rows + test)
        if cell.arm == ZERO_SHOT:
            return test / 3
        share = 1 / 3 if cell.arm == "probe" else 1.0
        return share * rows * self._recipe(cell).training.epochs + test / 3


def _describe(cell: Cell) -> str:
    """A cell in words, e.g. ``full from ag-news, 500 labels of imdb, seed 2``."""
    arm = arm_name(cell.arm, cell.source)
    if cell.arm == ZERO_SHOT:
        return f"{arm} on {cell.target}, seed {cell.seed}"
    return f"{arm}, {label_count(cell.budget)} of {cell.target}, seed {cell.seed}"


def _source_work(source: str, seed: int) -> str:
    return f"source {source}, seed {seed}"

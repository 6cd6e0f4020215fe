"""Runs the cells of a study: prepares each target once, trains each source once, keeps what is finished."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from accelerate import Accelerator
from scipy import sparse

from sentrec.errors import Interrupted
from sentrec.models.kinds import kind_of
from sentrec.ngrams.baselines import make_baseline
from sentrec.recipe import Recipe
from sentrec.runs.directory import Run
from sentrec.text.vocabulary import fingerprint
from sentrec.training.interrupt import StopRequest
from sentrec.training.train import Start
from sentrec.transfer.arms import learning_plan, move_weights, require_labels, require_layers, target_only_model
from sentrec.transfer.cell import Fitting, fit_cell, fit_linear, judge_unseen, load_cell, save_cell, unfinished_runs
from sentrec.transfer.notes import Notes, look_at_rows
from sentrec.transfer.progress import OnProgress, StudyMeter
from sentrec.transfer.results import LINEAR_ARMS, TRANSFER_ARMS, ZERO_SHOT, Cell, CellResult
from sentrec.transfer.schema import Moves, TransferRecipe
from sentrec.transfer.source import Source, code_behind, model_of, settings_of
from sentrec.transfer.target import EncodedTarget, TargetData, budget_training

_EVERYTHING = Moves(head=True)


_log = logging.getLogger(__name__)


class StudyRunner:
    """Measures the cells of one study.

    Args:
        study: What to measure.
        directory: Where finished cells are kept.
        sources: The sources.
        targets: The targets' rows.
        accelerator: The device.
        stop: Ends the study before the next step once it is requested.
    """

    def __init__(
        self,
        study: TransferRecipe,
        directory: Path,
        sources: Sequence[Source],
        targets: Sequence[TargetData],
        accelerator: Accelerator,
        stop: StopRequest,
    ) -> None:
        self.study = study
        self.directory = directory
        self.sources = {one.name: one for one in sources}
        self.targets = {one.name: one for one in targets}
        self._accelerator = accelerator
        self._stop = stop
        self._runs: dict[tuple[str, int], Run] = {}
        self._encoded: dict[tuple[str, str | None], EncodedTarget] = {}
        self._ngrams: dict[tuple[str, str], tuple[sparse.csr_matrix, sparse.csr_matrix]] = {}
        self._linear: dict[tuple[str, str, bytes], CellResult] = {}

    def cells(self) -> list[Cell]:
        """All cells in the order of their measurement."""
        return study_cells(self.study, list(self.sources), list(self.targets))

    def check(self) -> Notes:
        """Finds before any training what could only fail after hours: budgets, classes, label sets, layers, stages.

        Returns:
            What was notes about the rows.

        Raises:
            DataError: If a budget is too large or lacks a class, or label sets rule out what is asked for.
            RecipeError: If gradual unfreezing does not fit into the training, or nothing would move.
        """
        for target in self.targets.values():
            for source in self.sources.values():
                ours, theirs = source.label_names(), target.names_for_sources
                require_labels(self.study, source.name, ours, target.name, theirs)
            for cell in self.cells():
                if cell.target == target.name and cell.arm != ZERO_SHOT and cell.arm not in LINEAR_ARMS:
                    self._check_plan(cell, target)
        return look_at_rows(list(self.sources.values()), list(self.targets.values()), self.study.moves)

    def run(self, on_progress: OnProgress | None) -> list[CellResult]:
        """Measures every cell that is not finished yet.

        Returns:
            All results, in the order of `cells`.

        Raises:
            Interrupted: If the study was asked to stop; finished cells are saved.
        """
        results = {cell: self._finished(cell) for cell in self.cells()}
        keys = {self._key(cell) for cell in results}
        for run in unfinished_runs(self.directory).glob("*"):
            if run.name not in keys:  # what it depended on has changed
                shutil.rmtree(run, ignore_errors=True)
        missing = [cell for cell, result in results.items() if result is None]
        works = self._source_works(missing) | {_describe(cell): self._work(cell) for cell in missing}
        meter = StudyMeter(works, len(results) - len(missing), len(results), on_progress)
        for place, cell in enumerate(missing):
            self._train_source(cell, meter)
            meter.begin(_describe(cell))
            try:
                results[cell] = self._measure(cell, meter)
            except Interrupted as error:
                raise self._interrupted() from error
            meter.finish(results[cell])
            self._forget_all_but(missing[place + 1 :])
        shutil.rmtree(unfinished_runs(self.directory), ignore_errors=True)
        return [result for result in results.values() if result is not None]

    def _measure(self, cell: Cell, meter: StudyMeter) -> CellResult:
        self._end_if_asked()
        target, key = self.targets[cell.target], self._key(cell)
        if cell.arm in LINEAR_ARMS:
            result = self._fit_linear(cell, target)
        elif cell.arm == ZERO_SHOT:
            result = self._judge_unseen(cell, target)
        else:
            # The run of a cell has one place as long as nothing changes, so that an interrupted one is gone on with.
            run = unfinished_runs(self.directory) / key
            result = fit_cell(self._fitting(cell, target), run, self._accelerator, self._stop, meter.step)
            self._stop.defer()  # the end of a training acts on signals at once
            save_cell(self.directory, result, key, run if self.study.keep_models else None)
            shutil.rmtree(run, ignore_errors=True)
            return result
        save_cell(self.directory, result, key)
        return result

    def _fitting(self, cell: Cell, target: TargetData) -> Fitting:
        recipe, encoded = self._recipe(cell, target), self._encode(target, cell.source)
        model = target_only_model(cell.arm, recipe, encoded.tokenizer, len(target.pool.label_names))
        if cell.source is not None:
            run = self._runs[cell.source, cell.seed]
            move_weights(model_of(run), run.label_names, model, target.names_for_sources, self.study.moves)
        start = Start(model, learning_plan(cell.arm, recipe, model, self.study), self.study.select)
        return Fitting(cell, recipe, start, target.prepared(encoded, *target.divide(cell.budget, cell.seed)))

    def _judge_unseen(self, cell: Cell, target: TargetData) -> CellResult:
        assert cell.source is not None  # every zero-shot cell has one
        encoded = self._encode(target, cell.source)
        run, names = self._runs[cell.source, cell.seed], target.names_for_sources
        model = target_only_model(cell.arm, self._recipe(cell, target), encoded.tokenizer, len(names))
        move_weights(model_of(run), run.label_names, model, names, _EVERYTHING)
        return judge_unseen(cell, model.to(self._accelerator.device), target, encoded.test)

    def _fit_linear(self, cell: Cell, target: TargetData) -> CellResult:
        # Of the same rows as the networks of its budget: validation rows teach no arm.
        rows, validation = target.divide(cell.budget, cell.seed)
        # A linear model has no seed: the same rows give the same answer.
        key, labels = (target.name, cell.arm, rows.tobytes()), len(rows) + len(validation)
        if key not in self._linear:
            self._linear[key] = fit_linear(cell, rows, labels, target, *self._count_ngrams(target, cell.arm))
        return replace(self._linear[key], cell=cell, labels=labels)

    def _train_source(self, cell: Cell, meter: StudyMeter) -> None:
        """Sees to it that the source of a cell is trained; a cell without one needs none."""
        if cell.source is None or (cell.source, cell.seed) in self._runs:
            return
        self._end_if_asked()
        source = self.sources[cell.source]
        meter.begin(_source_work(source, cell.seed))
        run = source.train(cell.seed, self._accelerator, self._stop, meter.step)
        self._stop.defer()  # the end of a training acts on signals at once
        self._runs[cell.source, cell.seed] = run
        # A source that has learned little has little to give.
        accuracy = run.metrics["test"]["accuracy"]
        _log.info("Source %s, seed %s: accuracy %.4f on its own test rows", source.name, cell.seed, accuracy)
        meter.finish()

    def _finished(self, cell: Cell) -> CellResult | None:
        return load_cell(self.directory, cell, self._key(cell), self._keeps_model(cell))

    def _keeps_model(self, cell: Cell) -> bool:
        return self.study.keep_models and cell.arm not in (*LINEAR_ARMS, ZERO_SHOT)

    def _key(self, cell: Cell) -> str:
        """What changes when the outcome of a cell would."""
        target, study = self.targets[cell.target], self.study
        recipe = self._recipe(cell, target)
        source = self.sources[cell.source].key(cell.seed) if cell.source is not None else None
        options = study.model_dump(mode="json", include={"select", *(("moves", cell.arm) if cell.source else ())})
        names = target.names_for_sources if cell.source is not None else None
        known = settings_of(recipe), target.fingerprint, source, options, vars(cell), names
        return fingerprint([], *known, *code_behind(recipe))

    def _recipe(self, cell: Cell, target: TargetData) -> Recipe:
        recipe = target.recipe.model_copy(update={"seed": cell.seed})
        if cell.arm == ZERO_SHOT or cell.arm in LINEAR_ARMS:
            return recipe
        train, _ = target.divide(cell.budget, cell.seed)
        return recipe.model_copy(update={"training": budget_training(recipe.training, len(train), self.study)})

    def _encode(self, target: TargetData, source: str | None) -> EncodedTarget:
        if (target.name, source) not in self._encoded:
            tokenizer = target.tokenizer
            if source is not None:
                kind, theirs = kind_of(target.recipe), self.sources[source].tokenizer()
                tokenizer = kind.join_tokenizers(target.recipe, tokenizer, theirs)
            self._encoded[target.name, source] = target.encode(tokenizer)
        return self._encoded[target.name, source]

    def _count_ngrams(self, target: TargetData, arm: str) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        if (target.name, arm) not in self._ngrams:
            baseline = make_baseline(arm)
            self._ngrams[target.name, arm] = (baseline.count(target.pool.texts), baseline.count(target.test.texts))
        return self._ngrams[target.name, arm]

    def _forget_all_but(self, missing: Sequence[Cell]) -> None:
        """Lets go of token ids and n-grams that none of these cells needs."""
        networks = {(cell.target, cell.source) for cell in missing if cell.arm not in LINEAR_ARMS}
        linear = {(cell.target, cell.arm) for cell in missing}
        self._encoded = {key: encoded for key, encoded in self._encoded.items() if key in networks}
        self._ngrams = {key: counts for key, counts in self._ngrams.items() if key in linear}

    def _check_plan(self, cell: Cell, target: TargetData) -> None:
        recipe = self._recipe(cell, target)
        model = target_only_model(cell.arm, recipe, target.tokenizer, len(target.pool.label_names))
        learning_plan(cell.arm, recipe, model, self.study)
        if cell.source is not None:
            require_layers(self.study.moves, model)

    def _end_if_asked(self) -> None:
        if self._stop.requested:
            raise self._interrupted()

    def _interrupted(self) -> Interrupted:
        done = sum(self._finished(cell) is not None for cell in self.cells())
        return Interrupted(f"{done} of {len(self.cells())} cells are finished and saved.")

    def _work(self, cell: Cell) -> float:
        target = self.targets[cell.target]
        rows = target.available if cell.budget == "all" else cell.budget
        return _cell_work(cell, rows, self._recipe(cell, target).training.epochs, len(target.test))

    def _source_works(self, missing: Sequence[Cell]) -> dict[str, float]:
        wanted = {(cell.source, cell.seed) for cell in missing if cell.source is not None}
        sources = ((self.sources[source], seed) for source, seed in wanted)
        return {_source_work(source, seed): source.work(seed) for source, seed in sources}


def study_cells(study: TransferRecipe, sources: Sequence[str], targets: Sequence[str]) -> list[Cell]:
    """Every cell of a study, seed by seed, so that a first full picture is there early.

    Args:
        study: Arms, budgets and seeds.
        sources: Names of the sources.
        targets: Names of the targets.
    """
    cells = []
    for seed in range(study.seed, study.seed + study.seeds):
        for target in targets:
            if study.has_zero_shot:
                cells += [Cell(target, source, ZERO_SHOT, 0, seed) for source in sources]
            for budget in study.budgets:
                for arm in study.arms:
                    origins = sources if arm in TRANSFER_ARMS else () if arm == ZERO_SHOT else (None,)
                    cells += [Cell(target, source, arm, budget, seed) for source in origins]
    return cells


def _describe(cell: Cell) -> str:
    """A cell in words, e.g. ``full from ag-news, 500 labels of imdb, seed 2``."""
    origin = "" if cell.source is None else f" from {cell.source}"
    if cell.arm == ZERO_SHOT:
        return f"{cell.arm}{origin} on {cell.target}, seed {cell.seed}"
    labels = f"{cell.budget:,}" if isinstance(cell.budget, int) else "all"
    return f"{cell.arm}{origin}, {labels} labels of {cell.target}, seed {cell.seed}"


def _cell_work(cell: Cell, train_texts: int, epochs: int, test_texts: int) -> float:
    """How much a cell is to do, in texts read in training: scoring a text costs about a third of that."""
    if cell.arm in LINEAR_ARMS:
        return 0.05 * (train_texts + test_texts)
    if cell.arm == ZERO_SHOT:
        return test_texts / 3
    share = 1 / 3 if cell.arm == "probe" else 1.0
    return share * train_texts * epochs + test_texts / 3


def _source_work(source: Source, seed: int) -> str:
    return f"source {source.name}, seed {seed}"

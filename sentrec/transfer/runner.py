"""Runs the cells of a study: prepares each target once, trains each source once, keeps what is finished."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from accelerate import Accelerator
from scipy import sparse

from sentrec.errors import Interrupted
from sentrec.files.versions import code_of, code_version
from sentrec.models.kinds import kind_of
from sentrec.ngrams.baselines import make_baseline
from sentrec.plugins import registry
from sentrec.recipe import Recipe
from sentrec.runs.directory import Run
from sentrec.text.vocabulary import fingerprint
from sentrec.training.interrupt import StopRequest
from sentrec.training.loop import Progress
from sentrec.transfer.arms import learning_plan, target_only_model
from sentrec.transfer.cell import Fitting, fit_cell, fit_linear, judge_unseen
from sentrec.transfer.feasibility import require_labels, require_layers
from sentrec.transfer.grid import OnProgress, StudyMeter, cell_work, describe, study_cells
from sentrec.transfer.notes import Noticed, look_at_rows
from sentrec.transfer.origins import Origin, lasting_settings
from sentrec.transfer.results import LINEAR_ARMS, ZERO_SHOT, Cell, CellResult
from sentrec.transfer.schema import Moves, TransferRecipe
from sentrec.transfer.store import load_cell, save_cell, unfinished_model
from sentrec.transfer.target import EncodedTarget, TargetRows, budget_training, encode_target
from sentrec.transfer.weights import move_weights, read_source

_EVERYTHING = Moves(head=True)


_log = logging.getLogger(__name__)


class StudyRunner:
    """Measures the cells of one study.

    Args:
        study: What to measure.
        directory: Where finished cells are kept.
        origins: The sources.
        targets: The targets' rows.
        accelerator: The device.
        stop: Ends the study before the next step once it is requested.
    """

    def __init__(
        self,
        study: TransferRecipe,
        directory: Path,
        origins: Sequence[Origin],
        targets: Sequence[TargetRows],
        accelerator: Accelerator,
        stop: StopRequest,
    ) -> None:
        self.study = study
        self.directory = directory
        self.origins = {one.name: one for one in origins}
        self.targets = {one.name: one for one in targets}
        self._accelerator = accelerator
        self._stop = stop
        self._runs: dict[tuple[str, int], Run] = {}
        self._encoded: dict[tuple[str, str | None], EncodedTarget] = {}
        self._ngrams: dict[tuple[str, str], tuple[sparse.csr_matrix, sparse.csr_matrix]] = {}
        self._linear: dict[tuple[str, str, bytes], CellResult] = {}

    def cells(self) -> list[Cell]:
        """All cells in the order of their measurement."""
        return study_cells(self.study, list(self.origins), list(self.targets))

    def check(self) -> Noticed:
        """Finds before any training what could only fail after hours: budgets, classes, label sets, layers, stages.

        Returns:
            What was noticed about the rows.

        Raises:
            DataError: If a budget is too large or lacks a class, or label sets rule out what is asked for.
            RecipeError: If gradual unfreezing does not fit into the training, or nothing would move.
        """
        for target in self.targets.values():
            for origin in self.origins.values():
                ours, theirs = origin.label_names(), target.names_for_sources
                require_labels(self.study, origin.name, ours, target.name, theirs)
            for cell in self.cells():
                if cell.target == target.name and cell.arm != ZERO_SHOT and cell.arm not in LINEAR_ARMS:
                    self._check_plan(cell, target)
        return look_at_rows(list(self.origins.values()), list(self.targets.values()), self.study.moves)

    def run(self, on_progress: OnProgress | None) -> list[CellResult]:
        """Measures every cell that is not finished yet.

        Returns:
            All results, in the order of `cells`.

        Raises:
            Interrupted: If the study was asked to stop; finished cells are saved.
        """
        results = {cell: self._finished(cell) for cell in self.cells()}
        missing = [cell for cell, result in results.items() if result is None]
        works = self._source_works(missing) | {describe(cell): self._work(cell) for cell in missing}
        meter = StudyMeter(works, len(results) - len(missing), len(results), on_progress)
        for place, cell in enumerate(missing):
            self._train_source(cell, meter)
            meter.begin(describe(cell))
            results[cell] = self._measure(cell, meter)
            meter.finish(results[cell])
            self._forget_all_but(missing[place + 1 :])
        return [result for result in results.values() if result is not None]

    def _measure(self, cell: Cell, meter: StudyMeter) -> CellResult:
        self._end_if_asked()
        target = self.targets[cell.target]
        with unfinished_model(self.directory) as folder:
            model_folder = Path(folder) / "run" if self._keeps_model(cell) else None
            if cell.arm in LINEAR_ARMS:
                result = self._fit_linear(cell, target)
            elif cell.arm == ZERO_SHOT:
                result = self._judge_unseen(cell, target)
            else:
                result = self._fit(cell, target, meter, model_folder)
            save_cell(self.directory, result, self._key(cell), model_folder)
        return result

    def _fit(self, cell: Cell, target: TargetRows, meter: StudyMeter, keep_in: Path | None) -> CellResult:
        def on_step(progress: Progress) -> None:
            meter.step(progress)
            self._end_if_asked()

        train, validation = target.divide(cell.budget, cell.seed)
        recipe = self._recipe(cell, target)
        encoded = self._encode(target, cell.source)
        model = target_only_model(cell.arm, recipe, encoded.tokenizer, len(target.pool.label_names))
        if cell.source is not None:
            run = self._runs[cell.source, cell.seed]
            move_weights(read_source(run), run.label_names, model, target.names_for_sources, self.study.moves)
        plan = learning_plan(cell.arm, recipe, model, self.study)
        fitting = Fitting(cell, recipe, model, plan, train, validation, self.study.select)
        return fit_cell(fitting, target, encoded, self._accelerator, on_step, keep_in)

    def _judge_unseen(self, cell: Cell, target: TargetRows) -> CellResult:
        assert cell.source is not None  # every zero-shot cell has one
        encoded = self._encode(target, cell.source)
        run, names = self._runs[cell.source, cell.seed], target.names_for_sources
        model = target_only_model(cell.arm, self._recipe(cell, target), encoded.tokenizer, len(names))
        move_weights(read_source(run), run.label_names, model, names, _EVERYTHING)
        return judge_unseen(cell, model.to(self._accelerator.device), target, encoded)

    def _fit_linear(self, cell: Cell, target: TargetRows) -> CellResult:
        # Of the same rows as the networks of its budget: validation rows teach no arm.
        rows, validation = target.divide(cell.budget, cell.seed)
        # A linear model has no seed: the same rows give the same answer.
        key = (target.name, cell.arm, rows.tobytes())
        if key not in self._linear:
            pool, test = self._count_ngrams(target, cell.arm)
            self._linear[key] = fit_linear(cell, rows, target, pool, test)
        return replace(self._linear[key], cell=cell, labels=len(rows) + len(validation))

    def _train_source(self, cell: Cell, meter: StudyMeter) -> None:
        """Sees to it that the source of a cell is trained; a cell without one needs none."""
        if cell.source is None or (cell.source, cell.seed) in self._runs:
            return
        self._end_if_asked()
        origin = self.origins[cell.source]
        meter.begin(_source_work(origin, cell.seed))
        run = origin.run(cell.seed, self._accelerator, self._stop, meter.step)
        self._stop.defer()  # the end of a training acts on signals at once
        self._runs[cell.source, cell.seed] = run
        # A source that has learned little has little to give.
        accuracy = run.metrics["test"]["accuracy"]
        _log.info("Source %s, seed %s: accuracy %.4f on its own test rows", origin.name, cell.seed, accuracy)
        meter.finish()

    def _finished(self, cell: Cell) -> CellResult | None:
        return load_cell(self.directory, cell, self._key(cell), self._keeps_model(cell))

    def _keeps_model(self, cell: Cell) -> bool:
        return self.study.keep_models and cell.arm not in (*LINEAR_ARMS, ZERO_SHOT)

    def _key(self, cell: Cell) -> str:
        """What changes when the outcome of a cell would."""
        target, study = self.targets[cell.target], self.study
        settings = lasting_settings(self._recipe(cell, target))
        origin = self.origins[cell.source].key(cell.seed) if cell.source is not None else None
        options = study.model_dump(mode="json", include={"select", *(("moves", cell.arm) if cell.source else ())})
        names = target.names_for_sources if cell.source is not None else None
        code = code_version(), code_of(registry().entry(target.recipe.encoder_name).implementation)
        return fingerprint([], settings, target.fingerprint, origin, options, vars(cell), names, *code)

    def _recipe(self, cell: Cell, target: TargetRows) -> Recipe:
        recipe = target.recipe.model_copy(update={"seed": cell.seed})
        if cell.arm == ZERO_SHOT or cell.arm in LINEAR_ARMS:
            return recipe
        train, _ = target.divide(cell.budget, cell.seed)
        return recipe.model_copy(update={"training": budget_training(recipe.training, len(train), self.study)})

    def _encode(self, target: TargetRows, source: str | None) -> EncodedTarget:
        if (target.name, source) not in self._encoded:
            tokenizer = target.tokenizer
            if source is not None:
                kind, theirs = kind_of(target.recipe), self.origins[source].tokenizer()
                tokenizer = kind.join_tokenizers(target.recipe, tokenizer, theirs)
            self._encoded[target.name, source] = encode_target(target, tokenizer)
        return self._encoded[target.name, source]

    def _count_ngrams(self, target: TargetRows, arm: str) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
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

    def _check_plan(self, cell: Cell, target: TargetRows) -> None:
        recipe = self._recipe(cell, target)
        model = target_only_model(cell.arm, recipe, target.tokenizer, len(target.pool.label_names))
        learning_plan(cell.arm, recipe, model, self.study)
        if cell.source is not None:
            require_layers(self.study.moves, model)

    def _end_if_asked(self) -> None:
        if self._stop.requested:
            done = sum(self._finished(cell) is not None for cell in self.cells())
            raise Interrupted(f"{done} of {len(self.cells())} cells are finished and saved.")

    def _work(self, cell: Cell) -> float:
        target = self.targets[cell.target]
        rows = target.available if cell.budget == "all" else cell.budget
        return cell_work(cell, rows, self._recipe(cell, target).training.epochs, len(target.test))

    def _source_works(self, missing: Sequence[Cell]) -> dict[str, float]:
        wanted = {(cell.source, cell.seed) for cell in missing if cell.source is not None}
        origins = ((self.origins[source], seed) for source, seed in wanted)
        return {_source_work(origin, seed): origin.work(seed) for origin, seed in origins}


def _source_work(origin: Origin, seed: int) -> str:
    return f"source {origin.name}, seed {seed}"

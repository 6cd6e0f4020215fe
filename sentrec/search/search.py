"""`search`: trials of a recipe with other options, judged on validation rows alone, by Optuna (Akiba et al. 2019)."""

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from sentrec.errors import Interrupted, RunError, SentrecError
from sentrec.files.lock import BusyError, sole_use
from sentrec.files.storage import write_json, write_text
from sentrec.recipe import Recipe, to_yaml
from sentrec.search.results import Metric, Search, Trial, finished_trial, write_plots
from sentrec.search.space import Parameter, overrides_of, own_values, read_space, require_valid
from sentrec.training.interrupt import StopRequest, stop_on_signals
from sentrec.training.loop import Progress, make_accelerator
from sentrec.training.prepare import PreparedData, prepare
from sentrec.training.recipe import load_recipe
from sentrec.training.train import OnProgress, fit

JOURNAL, BEST, SUMMARY = "journal.log", "best.yaml", "search.json"
_STUDY = "search"
_MOST_FAILURES = 3
_log = logging.getLogger(__name__)


def search(
    recipe: str | Path,
    space: str | Path,
    out: str | Path,
    *,
    trials: int,
    overrides: Sequence[str] = (),
    metric: Metric = "accuracy",
    seeds: int = 1,
    on_progress: OnProgress | None = None,
    on_trial: Callable[[Trial], None] | None = None,
) -> Search:
    """Tries values of a recipe's keys until there are so many finished trials.

    A trial trains the recipe with values that a tree-structured Parzen estimator draws (Bergstra et al. 2011), the
    first one with its own. Test rows are never scored: a trial has validation rows in their place. Where the metric is
    accuracy, a trial that is behind the median of the others after a validation ends early. The folder holds all that
    a search knows: the same call goes on with it after any interruption, and several processes may share it.

    Args:
        recipe: The file or name of a recipe.
        space: A YAML file, see `sentrec.search.space`.
        out: The search's folder.
        trials: How many finished trials there are to be in all.
        overrides: As of `load_recipe`, for all trials.
        metric: What a trial is judged by on the validation rows, with temperature.
        seeds: Trainings of a trial, whose metrics are averaged.
        on_progress: Called after every step of every training.
        on_trial: Called with every trial that this process finishes.

    Raises:
        RecipeError: If the recipe or the space cannot be used.
        RunError: If the folder holds another search, or something else.
        Interrupted: If SIGINT or SIGTERM came; finished trials are kept.
        SentrecError: If Optuna is not installed, or trials fail one after another.
    """
    parameters = read_space(Path(space))
    loaded = require_valid(recipe, overrides, parameters)
    runner = _Runner(recipe, loaded, overrides, parameters, Path(out), metric, seeds, on_progress)
    runner.open()
    with stop_on_signals() as stop:
        for trial in runner.run(trials, stop):
            if on_trial is not None:
                on_trial(trial)
    return runner.summary()


class _Runner:
    """One process at a search."""

    def __init__(
        self,
        recipe: str | Path,
        loaded: Recipe,
        overrides: Sequence[str],
        space: list[Parameter],
        out: Path,
        metric: Metric,
        seeds: int,
        on_progress: OnProgress | None,
    ) -> None:
        self.recipe, self.loaded, self.overrides, self.space = recipe, loaded, overrides, space
        self.out, self.metric, self.seeds, self.on_progress = out, metric, seeds, on_progress
        self.accelerator: Accelerator = make_accelerator(loaded.training.device)
        self._prepared: tuple[str, PreparedData] | None = None

    def open(self) -> None:
        """Opens the study, or begins it; refuses the folder of another one."""
        try:
            import optuna
            from optuna.storages.journal import JournalFileBackend
        except ImportError as error:
            hint = 'Install the extra: pip install -c constraints.txt "sentrec[search]"'
            raise SentrecError(f"a search needs optuna, which cannot be imported: {error}.", hint) from error
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        facts = {"recipe": self.loaded.model_dump(mode="json"), "space": [vars(one) for one in self.space]}
        facts = json.loads(json.dumps(facts | {"metric": self.metric, "seeds": self.seeds}))
        if self.out.is_dir() and any(self.out.iterdir()) and not (self.out / JOURNAL).is_file():
            raise RunError(f"{self.out} holds something else than a search.", "Choose another --out.")
        self.out.mkdir(parents=True, exist_ok=True)
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(self.out / JOURNAL)))
        with sole_use(self.out / JOURNAL):
            self.study = optuna.create_study(
                study_name=_STUDY,
                storage=storage,
                load_if_exists=True,
                direction="minimize" if self.metric == "log_loss" else "maximize",
                pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
            )
            known = self.study.user_attrs.get("facts")
            if known is None:
                self.study.set_user_attr("facts", facts)
                if (own := own_values(self.loaded, self.space)) is not None:
                    self.study.enqueue_trial(own, user_attrs={"own": True})
            elif known != facts:
                changed = ", ".join(key for key in facts if known.get(key) != facts[key])
                raise RunError(f"{self.out} holds a search with another {changed}.", "Choose another --out.")
        # Every process draws values of its own; a search by one process that is never interrupted can be repeated.
        seed = self.loaded.seed + len(self.study.trials)
        self.study.sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)

    def run(self, wanted: int, stop: StopRequest) -> Iterator[Trial]:
        """Runs trials until so many are finished or under way, and yields those that it finishes."""
        import optuna

        states, failures = optuna.trial.TrialState, 0
        interrupted = Interrupted("stopped; finished trials are kept.", "Go on with the same command.")
        while True:
            stop.raise_at_once(interrupted)
            with ExitStack() as held:
                with sole_use(self.out / JOURNAL):
                    self._give_up_killed()
                    counted = (states.COMPLETE, states.PRUNED, states.RUNNING)
                    if len(self.study.get_trials(deepcopy=False, states=counted)) >= wanted:
                        return
                    trial = self.study.ask()
                    folder = self._folder(trial.number)
                    held.enter_context(sole_use(folder, f"another process is at work in {folder}."))
                try:
                    self.study.tell(trial, self._score(trial, folder, stop))
                except optuna.TrialPruned:
                    self.study.tell(trial, state=states.PRUNED)
                except SentrecError as error:
                    self.study.tell(trial, state=states.FAIL)
                    if isinstance(error, Interrupted):
                        self.study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)
                        raise interrupted from error
                    failures += 1
                    if failures == _MOST_FAILURES:
                        raise
                    _log.warning("Trial %s failed: %s", trial.number, error.message)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
            if (done := finished_trial(self.study.trials[trial.number])) is not None:
                yield done

    def _give_up_killed(self) -> None:
        """Trials whose process was killed are begun anew."""
        import optuna

        for trial in self.study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            folder = self._folder(trial.number)
            with suppress(BusyError), sole_use(folder, "at work"):
                self.study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                self.study.enqueue_trial(trial.params, user_attrs=trial.user_attrs)
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, number: int) -> Path:
        return self.out / "trials" / str(number)

    def _score(self, trial: Any, folder: Path, stop: StopRequest) -> float:
        """Trains a trial's recipe, and gives what it validates at; raises where it is to end early."""
        import optuna

        values = {one.key: one.suggest(trial) for one in self.space}
        recipe = load_recipe(self.recipe, [*self.overrides, *overrides_of(values)])
        data = self._data(recipe)
        scores = []
        for seed in range(recipe.seed, recipe.seed + self.seeds):

            def watch(now: Progress, is_first: bool = seed == recipe.seed) -> None:
                if self.on_progress is not None:
                    self.on_progress(now)
                if now.validated and is_first and self.metric == "accuracy" and now.validation_accuracy is not None:
                    trial.report(now.validation_accuracy, now.step)
                    if trial.should_prune():
                        raise optuna.TrialPruned

            seeded = recipe.model_copy(update={"seed": seed})
            run = fit(seeded, data, folder, self.accelerator, stop, resume=False, on_progress=watch)
            scores.append(float(run.metrics["validation"][self.metric]))
        return sum(scores) / len(scores)

    def _data(self, recipe: Recipe) -> PreparedData:
        """The recipe's data with validation rows in the place of test rows, which a search is not to see."""
        key = recipe.model_dump_json(exclude={"seed", "training"})
        if self._prepared is None or self._prepared[0] != key:
            data = prepare(recipe)
            splits = replace(data.splits, test=data.splits.validation)
            self._prepared = key, replace(data, splits=splits, test=data.validation)
        return self._prepared[1]

    def summary(self) -> Search:
        """Writes the best recipe, the list of trials and the plots, and gives the search."""
        with suppress(OSError):
            self._folder(0).parent.rmdir()  # empty, unless another process is at work
        finished = [one for one in map(finished_trial, self.study.trials) if one is not None]
        scored = [one for one in finished if one.state == "complete"]
        if not scored:
            raise SentrecError("no trial was finished.", "Go on with the same command.")
        number = self.study.best_trial.number
        best = next(one for one in scored if one.number == number)
        own = next((one for one in scored if self.study.trials[one.number].user_attrs.get("own")), None)
        found = Search(self.out, self.metric, tuple(finished), best, own)
        loaded = load_recipe(self.recipe, [*self.overrides, *overrides_of(best.values)])
        name = f"{loaded.name}-search"
        head = (
            f"# {loaded.name} with the values that validated best of {len(scored)} trials: {self.metric} "
            f"{best.score:.4f} on validation rows.\n"
            f"# Its test metrics, which no trial saw: sentrec train --recipe {self.out / BEST}\n"
        )
        write_text(self.out / BEST, head + to_yaml(loaded.model_copy(update={"name": name})))
        facts = {"metric": self.metric, "best": best.number, "own": own.number if own else None}
        write_json(self.out / SUMMARY, facts | {"trials": [vars(one) for one in finished]})
        write_plots(self.study, found)
        return found

"""Sources, trained once: a source of the same recipe, seed and data is opened where it lies, by whichever study."""

import logging
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from sentrec.data.locate import is_local
from sentrec.data.splits import Splits, load_splits
from sentrec.errors import Interrupted, RecipeError, RunError, SentrecError
from sentrec.files.lock import next_training
from sentrec.files.parse import read_text
from sentrec.files.storage import cache_home
from sentrec.files.versions import code_of, code_version
from sentrec.plugins import registry
from sentrec.recipe import Recipe
from sentrec.runs.directory import TOKENIZER, Run, is_finished, open_run, read_environment
from sentrec.text.vocabulary import fingerprint, folds_case
from sentrec.training.interrupt import StopRequest
from sentrec.training.loop import Progress
from sentrec.training.prepare import PreparedData, prepare
from sentrec.training.train import fit
from sentrec.transfer.loading import NamedSource, NamedTarget, hints_for

_log = logging.getLogger(__name__)


class Origin:
    """One source of a study, trained when it is first asked for.

    Args:
        source: The recipe or the run.
    """

    def __init__(self, source: NamedSource) -> None:
        self.name = source.name
        self.recipe = source.recipe
        self._run = source.run
        self._setting = source.setting
        self._data: PreparedData | None = None

    def tokenizer(self) -> str:
        """The source's tokenizer, which its seeds share."""
        return read_text(self._run.path / TOKENIZER, RunError) if self._run else self._prepared().tokenizer

    def work(self, seed: int) -> float:
        """What there is to do before its weights of a seed can be had, in texts read in training."""
        if self._run is not None or is_finished(self._directory(seed)):
            return 0.0
        data = self._prepared()
        return len(data.train) * self.recipe.training.epochs + (len(data.test) + len(data.validation)) / 3

    def label_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers."""
        return self._run.label_names if self._run else self._prepared().label_names

    def labelled_texts(self) -> list[str] | None:
        """The texts whose labels it has learned from or was selected on; None where they are not at hand.

        Those of a run are read again from its recipe's data, unless they would have to be downloaded.
        """
        splits = self._prepared().splits if self._run is None else _read_again(self._run)
        return None if splits is None else splits.train.texts + splits.validation.texts

    def run(self, seed: int, accelerator: Accelerator, stop: StopRequest, on_step: Callable[[Progress], None]) -> Run:
        """The run of a seed, trained now if no study has trained it before.

        Raises:
            Interrupted: If a signal came; the training can be gone on with.
        """
        if self._run is not None:
            return self._run
        recipe, data = self.recipe.model_copy(update={"seed": seed}), self._prepared()
        directory = self._directory(seed)
        if is_finished(directory):
            return open_run(directory)
        with next_training(directory, lambda: _end_waiting(stop, self.name, seed)):
            if is_finished(directory):  # by the study that was waited for
                return open_run(directory)
            _log.info("Training the source %s, seed %s", self.name, seed)
            try:
                return fit(recipe, data, directory, accelerator, stop, resume=True, on_progress=on_step)
            except Interrupted as error:
                raise Interrupted(f"source {self.name}, seed {seed}: {error.message}") from error

    def key(self, seed: int) -> str:
        """What changes when the source's weights would."""
        if self._run is not None:
            return fingerprint([], sorted(read_environment(self._run.path)["sha256"].items()))
        return self._directory(seed).name

    def _directory(self, seed: int) -> Path:
        """Where the run of a seed lies in the cache, named after all that it depends on."""
        data = self._prepared()
        settings = lasting_settings(self.recipe.model_copy(update={"seed": seed}))
        code = code_version(), code_of(registry().entry(self.recipe.encoder_name).implementation)
        key = fingerprint([], settings, self._data_fingerprints, data.fingerprint_of_vectors, data.tokenizer, *code)
        return cache_home() / "sources" / key

    @cached_property
    def _data_fingerprints(self) -> list[tuple[str, str]]:
        return sorted(self._prepared().fingerprints().items())

    def _prepared(self) -> PreparedData:
        if self._data is None:
            with hints_for(self._setting):
                self._data = prepare(self.recipe)
        return self._data


def lasting_settings(recipe: Recipe) -> dict[str, Any]:
    """The settings of a recipe that its outcome depends on."""
    settings = recipe.model_dump(mode="json", exclude={"name", "description"})
    del settings["training"]["checkpoint_seconds"]
    return settings


def require_alike(source: NamedSource, target: NamedTarget) -> None:
    """Makes sure that a source's weights fit a model of the target.

    Raises:
        RecipeError: If the encoders, the vectors or the token rules differ; the message says which.
    """
    ours, theirs = _shape(source.recipe), _shape(target.recipe)
    differences = [
        f"{key} is {ours.get(key)} in {source.name} and {theirs.get(key)} in {target.name}"
        for key in ours | theirs
        if ours.get(key) != theirs.get(key)
    ]
    if differences:
        hint = "Set it for both in the transfer recipe"
        way = "use a run of the target's architecture" if source.run else f"{hint}, e.g. --set encoder.name=bilstm"
        raise RecipeError(
            f"the weights of {source.name} do not fit {target.name}: {'; '.join(differences)}.", f"{way}."
        )


def _end_waiting(stop: StopRequest, source: str, seed: int) -> None:
    if stop.requested:
        raise Interrupted(f"source {source}, seed {seed}: stopped while another study trains it.")


def _read_again(run: Run) -> Splits | None:
    try:
        return load_splits(run.recipe.data) if is_local(run.recipe.data) else None
    except SentrecError as error:
        _log.info("The data of %s cannot be read again: %s", run.path, error.message)
        return None


def _shape(recipe: Recipe) -> dict[str, object]:
    """What two recipes must have in common for weights to move, by the recipe's own names."""
    encoder = {f"encoder.{key}": value for key, value in recipe.encoder.items()}
    glove = recipe.glove
    words: dict[str, object] = (
        {"glove.name": glove.name, "glove.dim": glove.dim}
        if glove
        else {"model.embedding_dim": recipe.model.embedding_dim}
    )
    return encoder | words | {"text.lowercase": folds_case(recipe.text, glove.name if glove else None)}

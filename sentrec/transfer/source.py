"""The source of a study: a recipe, trained once for all studies, or a finished run; and which of its weights move."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from sentrec.data.labels import matching_classes
from sentrec.data.locate import is_local
from sentrec.data.splits import load_splits
from sentrec.errors import DataError, Interrupted, RecipeError, RunError, SentrecError
from sentrec.files.lock import next_training
from sentrec.files.parse import read_text
from sentrec.files.storage import cache_home
from sentrec.files.versions import code_of, code_version
from sentrec.models.base import EMBEDDINGS, HEAD, TextModel
from sentrec.plugins import registry
from sentrec.recipe import Recipe
from sentrec.runs.directory import TOKENIZER, Run, is_finished, open_run
from sentrec.text.vocabulary import fingerprint, folds_case
from sentrec.training.interrupt import StopRequest
from sentrec.training.loop import Progress
from sentrec.training.prepare import PreparedData, prepare
from sentrec.training.train import fit
from sentrec.transfer.schema import Moves, TransferRecipe, hints_for
from sentrec.transfer.target import TargetData

_LEAVE_HEAD = "Leave the head: --set moves.head=false"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """One source of a study: a finished run, which serves every seed, or a recipe, trained when it is first asked for.

    `name` is what the report calls it, `setting` how the study changes its recipe, for hints.
    """

    name: str
    recipe: Recipe
    run: Run | None = None
    setting: str = "--set source.set."

    def tokenizer(self) -> str:
        """The source's tokenizer, which its seeds share."""
        return read_text(self.run.path / TOKENIZER, RunError) if self.run else self._data.tokenizer

    def label_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers."""
        return self.run.label_names if self.run else self._data.label_names

    def labelled_texts(self) -> list[str] | None:
        """The texts whose labels it has learned from or was selected on; None where they are not at hand.

        Those of a run are read again from its recipe's data, unless they would have to be downloaded.
        """
        splits = self._data.splits if self.run is None else None
        if self.run is not None and is_local(self.recipe.data):
            try:
                splits = load_splits(self.recipe.data)
            except SentrecError as error:
                _log.info("The data of %s cannot be read again: %s", self.run.path, error.message)
        return None if splits is None else splits.train.texts + splits.validation.texts

    def work(self, seed: int) -> float:
        """What there is to do before its weights of a seed can be had, in texts read in training."""
        if self.run is not None or is_finished(self._directory(seed)):
            return 0.0
        return len(self._data.train) * self.recipe.training.epochs + len(self._data.test) / 3

    def train(self, seed: int, accelerator: Accelerator, stop: StopRequest, on_step: Callable[[Progress], None]) -> Run:
        """The run of a seed, trained now if no study has trained it before.

        Raises:
            Interrupted: If a signal came; the training can be gone on with.
        """
        if self.run is not None:
            return self.run
        directory = self._directory(seed)
        if is_finished(directory):
            return open_run(directory)

        def end_waiting() -> None:
            if stop.requested:
                raise Interrupted(f"source {self.name}, seed {seed}: stopped while another study trains it.")

        with next_training(directory, end_waiting):
            if is_finished(directory):  # by the study that was waited for
                return open_run(directory)
            _log.info("Training the source %s, seed %s", self.name, seed)
            recipe = self.recipe.model_copy(update={"seed": seed})
            try:
                return fit(recipe, self._data, directory, accelerator, stop, resume=True, on_progress=on_step)
            except Interrupted as error:
                raise Interrupted(f"source {self.name}, seed {seed}: {error.message}") from error

    def key(self, seed: int) -> str:
        """What changes when the source's weights would."""
        if self.run is not None:
            return fingerprint([], sorted(self.run.environment["sha256"].items()))
        return self._directory(seed).name

    def require_fit(self, target: TargetData) -> None:
        """Raises a `RecipeError` that says why its weights do not fit a model of the target."""
        ours, theirs = _architecture(self.recipe), _architecture(target.recipe)
        differences = [
            f"{key} is {ours.get(key)} in {self.name} and {theirs.get(key)} in {target.name}"
            for key in ours | theirs
            if ours.get(key) != theirs.get(key)
        ]
        if differences:
            hint = "Set it for both in the transfer recipe, e.g. --set encoder.name=bilstm."
            message = f"the weights of {self.name} do not fit {target.name}: {'; '.join(differences)}."
            raise RecipeError(message, "Use a run of the target's architecture." if self.run else hint)

    def _directory(self, seed: int) -> Path:
        """Where the run of a seed lies in the cache, named after all that it depends on, the code included."""
        data, recipe = self._data, self.recipe.model_copy(update={"seed": seed})
        known = settings_of(recipe), self._fingerprints, data.fingerprint_of_vectors, data.tokenizer
        return cache_home() / "sources" / fingerprint([], *known, *code_behind(recipe))

    @cached_property
    def _fingerprints(self) -> list[tuple[str, str]]:
        return sorted(self._data.fingerprints().items())

    @cached_property
    def _data(self) -> PreparedData:
        with hints_for(self.setting):
            return prepare(self.recipe)


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """The settings of a recipe that its outcome depends on."""
    settings = recipe.model_dump(mode="json", exclude={"name", "description"})
    del settings["training"]["checkpoint_seconds"]
    return settings


def code_behind(recipe: Recipe) -> tuple[str, str]:
    """The version of the code that trains a recipe, and of its encoder's, which may be a plugin's."""
    return code_version(), code_of(registry().entry(recipe.encoder_name).implementation)


def _architecture(recipe: Recipe) -> dict[str, object]:
    """What two recipes must have in common for weights to move, by the recipe's own names."""
    found: dict[str, object] = {f"encoder.{key}": value for key, value in recipe.encoder.items()}
    if glove := recipe.glove:
        found |= {"glove.name": glove.name, "glove.dim": glove.dim}
    else:
        found["model.embedding_dim"] = recipe.model.embedding_dim
    return found | {"text.lowercase": folds_case(recipe.text, glove.name if glove else None)}


def move_weights(
    source: TextModel, source_labels: Sequence[str], model: TextModel, label_names: Sequence[str], moves: Moves
) -> None:
    """Overwrites the starting weights of `model` with the source's, in place, as far as `moves` says.

    Words that the source does not know keep the vectors that the model has. `label_names` are the model's classes, as
    the source would call them; a `DataError` tells where they rule out a head that is to move.
    """
    classes = matching_classes(source_labels, label_names, moves.head)
    if moves.head and classes is None:
        raise DataError(_different_labels(source_labels, label_names), _LEAVE_HEAD)
    layers = [layer for layer in model.layers() if _moves(moves, layer)]
    if moves.head is not False and classes is not None:
        layers.append(HEAD)
    model.copy_layers(source, layers, classes.numbers if classes else None)


def require_labels(study: TransferRecipe, source: Source, target: TargetData) -> None:
    """Raises a `DataError` or `RecipeError` if the label sets rule out what a study asks for, or nothing would move."""
    moves, ours, theirs = study.moves, source.label_names(), target.names_for_sources
    match = matching_classes(ours, theirs, moves.head)
    if study.has_zero_shot and match is None:
        message = f"{source.name} cannot be tried on {target.name} without training: {_different_labels(ours, theirs)}"
        hint = "Leave `zero-shot` out of the arms"
        if len(ours) != len(theirs):
            raise DataError(message, f"{hint}.")
        pairs = ", ".join(f"{name}: {called}" for name, called in zip(theirs, ours, strict=True))
        hint += f", or say what the source calls each class of the target, e.g. --set 'target.labels={{{pairs}}}'"
        raise DataError(message, hint)
    if moves.head and match is None:
        raise DataError(_different_labels(ours, theirs), _LEAVE_HEAD)
    moves_head = moves.head is not False and match is not None
    if study.transfer_arms and not (moves.embeddings or moves.encoder not in ("none", ()) or moves_head):
        message = f"nothing moves from {source.name} to {target.name}, for: {', '.join(study.transfer_arms)}."
        raise RecipeError(message, "Let `moves` name a part.")


def require_layers(moves: Moves, model: TextModel) -> None:
    """Raises a `RecipeError` if the encoder lacks a layer that is to move."""
    known = {_number(layer) for layer in model.layers() if layer not in (EMBEDDINGS, HEAD)}
    unknown = [] if isinstance(moves.encoder, str) else sorted(set(moves.encoder) - known)
    if unknown:
        listed = ", ".join(str(layer) for layer in sorted(known)) or "none"
        raise RecipeError(f"moves.encoder: the encoder has no layer {unknown[0]}.", f"Its layers are: {listed}.")


def _moves(moves: Moves, layer: str) -> bool:
    if layer in (EMBEDDINGS, HEAD):
        return layer == EMBEDDINGS and moves.embeddings
    return moves.encoder == "all" or (moves.encoder != "none" and _number(layer) in moves.encoder)


def _number(layer: str) -> int:
    return int(layer.partition(".")[2])


def _different_labels(source: Sequence[str], target: Sequence[str]) -> str:
    return f"the source's labels ({', '.join(source)}) are not the target's ({', '.join(target)})."

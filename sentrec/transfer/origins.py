"""Sources, trained once: a source of the same recipe, seed and data is opened where it lies, by whichever study."""

import logging
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from accelerate import Accelerator
from tokenizers import Tokenizer

from sentrec.errors import Interrupted, RecipeError
from sentrec.files import cache_home
from sentrec.recipe import Recipe
from sentrec.runs import TOKENIZER, Run, is_finished, open_run
from sentrec.text.vocabulary import fingerprint, folds_case
from sentrec.training.interrupt import StopRequest
from sentrec.training.lock import sole_training
from sentrec.training.loop import Progress
from sentrec.training.prepare import PreparedData, prepare
from sentrec.training.train import fit
from sentrec.transfer.loading import NamedSource, NamedTarget

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
        self._data: PreparedData | None = None

    def tokenizer(self) -> Tokenizer:
        """The source's tokenizer, which its seeds share."""
        return Tokenizer.from_file(str(self._run.path / TOKENIZER)) if self._run else self._prepared().tokenizer

    def work(self, seed: int) -> float:
        """What there is to do before its weights of a seed can be had, in texts read in training."""
        if self._run is not None or is_finished(self._directory(seed)):
            return 0.0
        data = self._prepared()
        return len(data.train) * self.recipe.training.epochs + (len(data.test) + len(data.validation)) / 3

    def label_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their numbers."""
        return self._run.label_names if self._run else self._prepared().label_names

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
        _log.info("Training the source %s, seed %s", self.name, seed)
        with sole_training(directory):
            try:
                return fit(recipe, data, directory, accelerator, stop, resume=True, on_progress=on_step)
            except Interrupted as error:
                raise Interrupted(f"source {self.name}, seed {seed}: {error.message}") from error

    def key(self, seed: int) -> str:
        """What changes when the source's weights would."""
        if self._run is not None:
            return fingerprint([], str(self._run.path.resolve()), (self._run.path / "environment.json").read_text())
        return self._directory(seed).name

    def _directory(self, seed: int) -> Path:
        """Where the run of a seed lies in the cache, named after all that it depends on."""
        data = self._prepared()
        settings = self.recipe.model_copy(update={"seed": seed}).model_dump(
            mode="json", exclude={"name", "description"}
        )
        vectors = data.vectors.fingerprint if data.vectors else None
        key = fingerprint([], settings, self._data_fingerprints, vectors, data.tokenizer.to_str())
        return cache_home() / "sources" / key

    @cached_property
    def _data_fingerprints(self) -> list[tuple[str, str]]:
        return sorted(self._prepared().fingerprints().items())

    def _prepared(self) -> PreparedData:
        if self._data is None:
            self._data = prepare(self.recipe)
        return self._data


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

"""What a plugin may add to sentrec.

A plugin is a module (or object) with functions marked by `sentrec.hookimpl`, named by an entry point of the group
``sentrec``; one that adds commands, by an entry point of the group ``sentrec.commands``; one that adds recommenders, of
the group ``sentrec.recommenders``. Built-in encoders, datasets and recommenders use the same hooks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pluggy

if TYPE_CHECKING:
    from sentrec.encoder import Encoder
    from sentrec.recommender import Recommender

PROJECT = "sentrec"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

NGRAMS = "ngrams"
"""The kind of model that consists of n-grams alone, as a recipe's ``encoder:`` names it."""


@dataclass(frozen=True)
class DatasetSpec:
    """What sentrec has to know of a dataset to use it by name.

    Attributes:
        name: The name that recipes use, e.g. ``imdb``.
        hub_id: Repository of the Hugging Face hub, e.g. ``stanfordnlp/imdb``; None for a dataset that is only local.
        label_names: Names of the classes in the order of their numbers, e.g. ``("negative", "positive")``; empty: as
            the data say.
        text_columns: Columns that make up the text, joined by a line break where there are several.
        label_column: Column with the class number or name.
        splits: The name that each split has on the hub, by the names ``train``, ``validation``, ``test``.
        hub_config: Configuration name on the hub, where the repository has several.
        description: One line for listings.
        packaged: Files that hold splits, for a dataset that comes with a package, by split.
    """

    name: str
    hub_id: str | None
    label_names: tuple[str, ...]
    text_columns: tuple[str, ...] = ("text",)
    label_column: str = "label"
    splits: Mapping[str, str] = field(default_factory=lambda: {"train": "train", "test": "test"})
    hub_config: str | None = None
    description: str = ""
    packaged: Mapping[str, Path] = field(default_factory=dict)

    @property
    def split_names(self) -> tuple[str, ...]:
        """The splits that can be had from the package or the hub."""
        return tuple(sorted({*self.packaged, *(self.splits if self.hub_id else ())}))


RegisterEncoder: TypeAlias = Callable[[str, type["Encoder"]], None]
"""Makes an encoder class known by the name that recipes use."""
RegisterModel: TypeAlias = Callable[[str, type[Any]], None]
"""Makes a kind of model, a subclass of `sentrec.TextModel`, known by the name that recipes use in ``encoder:``."""
RegisterDataset: TypeAlias = Callable[[DatasetSpec], None]
"""Makes a dataset known by the name in its spec."""


class RegisterRecommender(Protocol):
    """Makes a recommender class known by the name that ``sentrec recommend --recommender`` takes."""

    def __call__(self, name: str, recommender: type["Recommender"]) -> None: ...  # noqa: D102


class RegisterCommand(Protocol):
    """Adds a subcommand: its name, the function as ``"module:function"``, and one line for ``sentrec --help``."""

    def __call__(self, name: str, target: str, summary: str = "") -> None: ...  # noqa: D102


@hookspec
def sentrec_register_encoders(register: RegisterEncoder) -> None:
    """Registers encoder architectures, e.g. ``register("my-encoder", MyEncoder)``."""


@hookspec
def sentrec_register_models(register: RegisterModel) -> None:
    """Registers kinds of models that own the way from text to logits, e.g. ``register("my-model", MyModel)``."""


@hookspec
def sentrec_register_datasets(register: RegisterDataset) -> None:
    """Registers named datasets, e.g. ``register(DatasetSpec(name="imdb", hub_id="stanfordnlp/imdb", ...))``."""


@hookspec
def sentrec_register_recommenders(register: RegisterRecommender) -> None:
    """Registers recommenders that learn from ratings, e.g. ``register("my-recommender", MyRecommender)``."""


@hookspec
def sentrec_register_commands(register: RegisterCommand) -> None:
    """Registers subcommands, e.g. ``register("label", "my_package.label:label", "Label texts by hand.")``.

    The function is what `typer` takes as a command (or it is a `typer.Typer`). Its module is imported when the command
    is run; the module with this hook is imported at every start of `sentrec`, so it should import nothing heavy.
    """

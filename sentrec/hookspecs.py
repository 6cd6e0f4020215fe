"""What a plugin may add to sentrec.

A plugin is a module (or object) named by an entry point of the group ``sentrec``, with functions marked by
`sentrec.hookimpl`. Built-in encoders and datasets enter through the very same hooks.
"""

from typing import TYPE_CHECKING, Protocol

import pluggy

if TYPE_CHECKING:
    from sentrec.data.registry import DatasetSpec
    from sentrec.models.encoder import Encoder

PROJECT = "sentrec"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class RegisterEncoder(Protocol):
    """Makes an encoder class known by the name that recipes use."""

    def __call__(self, name: str, encoder: type["Encoder"]) -> None: ...  # noqa: D102


class RegisterDataset(Protocol):
    """Makes a dataset known by the name in its spec."""

    def __call__(self, spec: "DatasetSpec") -> None: ...  # noqa: D102


@hookspec
def sentrec_register_encoders(register: RegisterEncoder) -> None:
    """Registers encoder architectures, e.g. ``register("my-encoder", MyEncoder)``."""


@hookspec
def sentrec_register_datasets(register: RegisterDataset) -> None:
    """Registers named datasets, e.g. ``register(DatasetSpec(name="imdb", hub_id="stanfordnlp/imdb", ...))``."""

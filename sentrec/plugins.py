"""Finds plugins, lets each one register, and keeps a broken one from breaking the tool."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pluggy

from sentrec import hookspecs
from sentrec.errors import DataError, PluginError, SentrecError, did_you_mean

if TYPE_CHECKING:
    from sentrec.data.registry import DatasetSpec
    from sentrec.models.encoder import Encoder, EncoderConfig

ENTRY_POINT_GROUP = "sentrec"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PluginReport:
    """What became of one plugin.

    Attributes:
        name: Its entry point's name.
        origin: The distribution that brought it, e.g. ``sentrec 0.1.0``.
        error: Why it could not be used, else None.
    """

    name: str
    origin: str
    error: str | None = None


@dataclass(frozen=True)
class EncoderEntry:
    """An encoder by its recipe name, with the distribution that brought it."""

    name: str
    encoder: type["Encoder"]
    origin: str

    @property
    def summary(self) -> str:
        """The first line of the encoder's docstring."""
        return (self.encoder.__doc__ or "").strip().partition("\n")[0]

    def build(self, options: "EncoderConfig", input_size: int) -> "Encoder":
        """Makes the encoder and tries it on a tiny batch, so that a fault of its author is named as one, and early.

        Args:
            options: An instance of the encoder's own ``Config``.
            input_size: Width of the embedded tokens.

        Returns:
            The encoder in training mode; torch's random numbers are as if it had only been made.

        Raises:
            PluginError: If it cannot be made, fails on a batch, or breaks its promise of a shape.
        """
        try:
            encoder = self.encoder(options, input_size)
            shape, promised = _features_of_a_tiny_batch(encoder, input_size), (2, encoder.output_size)
        # An encoder is foreign code and may raise anything.
        except Exception as error:
            raise self._fault(f"fails: {type(error).__name__}: {error}") from error
        if shape != promised:
            raise self._fault(f"gives features of shape {shape} for 2 texts, but its output_size promises {promised}")
        return encoder

    def _fault(self, what: str) -> PluginError:
        hint = (
            f"`sentrec encoders {self.name}` shows its options. If they are right, tell those who made {self.origin}."
        )
        return PluginError(f"encoder '{self.name}' ({self.origin}) {what}.", hint)


def _features_of_a_tiny_batch(encoder: "Encoder", input_size: int) -> tuple[int, ...]:
    import torch

    from sentrec.models.compute import one_thread

    # Texts of three tokens and of one; neither random numbers nor the state of the encoder may change by it.
    mask = torch.tensor([[True, True, True], [True, False, False]])
    with torch.random.fork_rng(devices=[]), torch.no_grad(), one_thread(torch.device("cpu")):
        features = encoder.eval()(torch.zeros(2, 3, input_size), mask)
    encoder.train()
    return tuple(features.shape)


@dataclass
class Registry:
    """Everything that plugins added, and a report on each of them."""

    encoders: dict[str, EncoderEntry] = field(default_factory=dict)
    datasets: dict[str, "DatasetSpec"] = field(default_factory=dict)
    reports: list[PluginReport] = field(default_factory=list)

    def encoder(self, name: str) -> EncoderEntry:
        """The encoder called `name`.

        Raises:
            PluginError: If no plugin registered that name; the hint gives the nearest one.
        """
        if name not in self.encoders:
            from sentrec.recipe.schema import NO_ENCODER

            raise PluginError(
                f"'{name}' is not a registered encoder.",
                f"{did_you_mean(name, [*self.encoders, NO_ENCODER])} `sentrec encoders` lists all; "
                "`sentrec doctor` shows plugins that failed to load.",
            )
        return self.encoders[name]

    def dataset(self, name: str) -> "DatasetSpec":
        """The dataset called `name`.

        Raises:
            DataError: If no plugin registered that name; the hint gives the nearest one.
        """
        if name not in self.datasets:
            from sentrec.data.tables import mirrored_datasets

            known = {*self.datasets, *mirrored_datasets()}
            raise DataError(f"'{name}' is not a known dataset, nor a file.", did_you_mean(name, known))
        return self.datasets[name]

    def add(self, name: str, origin: str, load: Callable[[], Any]) -> None:
        """Loads one plugin and takes what it registers: all of it, or nothing and a report of what went wrong."""
        staged = Registry()
        try:
            _register(name, load(), origin, staged)
            self._merge(staged)
        # A plugin is foreign code and may raise anything, even ask to leave; it is reported, and the tool goes on.
        except (Exception, SystemExit) as error:
            reason = error.message if isinstance(error, SentrecError) else f"{type(error).__name__}: {error}"
            self.reports.append(PluginReport(name, origin, reason))
            _log.warning("plugin '%s' (%s) was left out: %s", name, origin, reason)
        else:
            self.reports.append(PluginReport(name, origin))

    def _merge(self, staged: "Registry") -> None:
        for mine, new in ((self.encoders, staged.encoders), (self.datasets, staged.datasets)):
            for taken in mine.keys() & new.keys():
                raise PluginError(f"the name '{taken}' is registered already.")
        self.encoders.update(staged.encoders)
        self.datasets.update(staged.datasets)


def _register(name: str, plugin: Any, origin: str, registry: Registry) -> None:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=name)
    manager.check_pending()

    def register_encoder(name: str, encoder: type["Encoder"]) -> None:
        from sentrec.models.encoder import Encoder, EncoderConfig
        from sentrec.recipe.schema import NO_ENCODER

        if not (isinstance(encoder, type) and issubclass(encoder, Encoder)):
            raise PluginError(f"encoder '{name}' is not a subclass of sentrec.Encoder.")
        if not (isinstance(encoder.Config, type) and issubclass(encoder.Config, EncoderConfig)):
            raise PluginError(f"the Config of encoder '{name}' is not a subclass of sentrec.EncoderConfig.")
        if name == NO_ENCODER:
            raise PluginError(f"'{name}' is no encoder's name: recipes say by it that there is none.")
        if "name" in encoder.Config.model_fields:
            raise PluginError(f"encoder '{name}' has an option 'name'; in a recipe that is the encoder's own name.")
        registry.encoders[name] = EncoderEntry(name, encoder, origin)

    def register_dataset(spec: "DatasetSpec") -> None:
        from sentrec.data.registry import DatasetSpec

        if not isinstance(spec, DatasetSpec):
            raise PluginError(f"a dataset is a sentrec.DatasetSpec, not {spec!r}.")
        registry.datasets[spec.name] = spec

    manager.hook.sentrec_register_encoders(register=register_encoder)
    manager.hook.sentrec_register_datasets(register=register_dataset)


@functools.cache
def registry() -> Registry:
    """What all installed plugins registered; built at the first call, which imports every plugin."""
    from sentrec.data import registry as builtin_datasets

    result = Registry()
    result.add("datasets", "sentrec", lambda: builtin_datasets)
    for point in sorted(metadata.entry_points(group=ENTRY_POINT_GROUP), key=_builtin_first):
        distribution = point.dist
        origin = f"{distribution.name} {distribution.version}" if distribution else "unknown"
        result.add(point.name, origin, point.load)
    return result


def _builtin_first(point: metadata.EntryPoint) -> tuple[bool, str]:
    # Built-ins register first, so that no third-party plugin can take one of their names.
    return (point.dist is None or point.dist.name != "sentrec", point.name)

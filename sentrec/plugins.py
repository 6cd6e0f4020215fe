"""Finds plugins, lets each one register, and keeps a broken one from breaking the tool."""

import functools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any

import pluggy

from sentrec import hookspecs
from sentrec.errors import DataError, PluginError, SentrecError, did_you_mean, shortened
from sentrec.hookspecs import DatasetSpec

if TYPE_CHECKING:
    from sentrec.encoder import Encoder, EncoderConfig
    from sentrec.recommender import Recommender

ENTRY_POINT_GROUP = "sentrec"
COMMAND_GROUP = "sentrec.commands"
RECOMMENDER_GROUP = "sentrec.recommenders"
_CORE = (
    metadata.EntryPoint("datasets", "sentrec.data.registry", ENTRY_POINT_GROUP),
    metadata.EntryPoint("models", "sentrec.models.kinds", ENTRY_POINT_GROUP),
)
_CORE_RECOMMENDERS = (metadata.EntryPoint("recommenders", "sentrec.recommend.ratings.builtin", RECOMMENDER_GROUP),)
"""What the package itself registers, by the same hooks as plugins."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PluginReport:
    """One plugin: its entry point's name, its distribution, e.g. ``sentrec 0.1.0``, and why it could not be used."""

    name: str
    origin: str
    error: str | None = None


@dataclass(frozen=True)
class Entry:
    """What a recipe may name in ``encoder:``: an encoder, which reads embeddings, or a kind of text model."""

    name: str  # what recipes call it
    origin: str  # the distribution that brought it
    implementation: type[Any]  # the registered class, a subclass of `sentrec.Encoder` or `sentrec.TextModel`

    @property
    def config(self) -> "type[EncoderConfig]":
        """The class of its options."""
        config: type[EncoderConfig] = self.implementation.Config
        return config

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.implementation.__doc__ or "").strip().partition("\n")[0]

    def fault(self, what: str) -> PluginError:
        """The error to raise where its own code does not keep its contract."""
        return PluginError(
            f"encoder '{self.name}' ({self.origin}) {what}.",
            f"`sentrec encoders {self.name}` shows its options. If they are right, tell those who made {self.origin}.",
        )


@dataclass(frozen=True)
class CommandEntry:
    """A subcommand of a plugin: where its function is, as ``"module:function"``, and its line in ``--help``."""

    name: str
    target: str
    summary: str
    origin: str

    def load(self) -> Any:
        """Imports the function; a `PluginError` names the plugin if that fails."""
        try:
            return metadata.EntryPoint(self.name, self.target, COMMAND_GROUP).load()
        except KeyboardInterrupt:
            raise
        # A plugin is foreign code and may raise anything, even ask to leave.
        except BaseException as error:
            raise PluginError(
                f"command '{self.name}' ({self.origin}) cannot be loaded: {_reason(error)}.",
                f"Update or uninstall {self.origin.partition(' ')[0]}.",
            ) from error


@dataclass
class Registry:
    """Everything that plugins added, and a report on each of them."""

    encoders: dict[str, Entry] = field(default_factory=dict)
    models: dict[str, Entry] = field(default_factory=dict)
    datasets: dict[str, DatasetSpec] = field(default_factory=dict)
    commands: dict[str, CommandEntry] = field(default_factory=dict)
    recommenders: dict[str, type["Recommender"]] = field(default_factory=dict)
    reports: list[PluginReport] = field(default_factory=list)

    def entry(self, name: str) -> Entry:
        """The encoder or the kind of model called `name`; a `PluginError` with the nearest name if there is none."""
        known = self.encoders | self.models
        if name not in known:
            raise PluginError(
                f"'{name}' is not a registered encoder.",
                f"{did_you_mean(name, known)} `sentrec encoders` lists all; "
                "`sentrec doctor` shows plugins that failed to load.",
            )
        return known[name]

    def dataset(self, name: str, others: tuple[str, ...] = ()) -> DatasetSpec:
        """The dataset called `name`; a `DataError` with the nearest name, also of `others`, if there is none."""
        if name not in self.datasets:
            raise DataError(
                f"'{name}' is not a known dataset, nor a file.", did_you_mean(name, {*self.datasets, *others})
            )
        return self.datasets[name]

    def recommender(self, name: str) -> type["Recommender"]:
        """The recommender called `name`; a `PluginError` with the nearest name if there is none."""
        if name not in self.recommenders:
            raise PluginError(f"'{name}' is not a registered recommender.", did_you_mean(name, self.recommenders))
        return self.recommenders[name]

    def add(self, name: str, origin: str, load: Callable[[], Any]) -> None:
        """Loads one plugin and takes what it registers: all of it, or nothing and a report of what went wrong."""
        staged = Registry()
        try:
            _register(name, load(), origin, staged)
            self._merge(staged)
        except KeyboardInterrupt:
            raise
        # A plugin is foreign code and may raise anything, even ask to leave; it is reported, and the tool goes on.
        except BaseException as error:
            self.reports.append(PluginReport(name, origin, reason := _reason(error)))
            _log.warning("Plugin '%s' (%s) was left out: %s", name, origin, reason)
        else:
            self.reports.append(PluginReport(name, origin))

    def _merge(self, staged: "Registry") -> None:
        kinds: list[tuple[dict[str, Any], dict[str, Any]]] = [
            (getattr(self, kind), getattr(staged, kind))
            for kind in ("encoders", "models", "datasets", "commands", "recommenders")
        ]
        for mine, new in kinds:
            for taken in mine.keys() & new.keys():
                raise PluginError(f"the name '{taken}' is registered already.")
        for taken in {*self.encoders, *staged.encoders} & {*self.models, *staged.models}:
            raise PluginError(f"the name '{taken}' is that of an encoder and of a model; recipes name either by it.")
        for mine, new in kinds:
            mine.update(new)


def _reason(error: BaseException) -> str:
    return (
        error.message
        if isinstance(error, SentrecError)
        else f"{type(error).__name__}: {shortened(' '.join(str(error).split()), 500)}"
    )


def _register(name: str, plugin: Any, origin: str, registry: Registry) -> None:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=name)
    manager.check_pending()

    def register_encoder(name: str, encoder: type["Encoder"]) -> None:
        from sentrec.encoder import Encoder

        _require_name("encoder", name, registry.encoders)
        if not (isinstance(encoder, type) and issubclass(encoder, Encoder)):
            raise PluginError(f"encoder '{name}' is not a subclass of sentrec.Encoder.")
        _require_options("encoder", name, encoder)
        registry.encoders[name] = Entry(name, origin, encoder)

    def register_model(name: str, model: type[Any]) -> None:
        _require_name("model", name, registry.models)
        # Whether it is a text model is asked in `sentrec.models.kinds`: the interface lies above this module.
        _require_options("model", name, model)
        registry.models[name] = Entry(name, origin, model)

    def register_dataset(spec: DatasetSpec) -> None:
        if not isinstance(spec, DatasetSpec):
            raise PluginError(f"a dataset is a sentrec.DatasetSpec, not {spec!r}.")
        _require_name("dataset", spec.name, registry.datasets)
        registry.datasets[spec.name] = spec

    def register_command(name: str, target: str, summary: str = "") -> None:
        _require_name("command", name, registry.commands)
        if not isinstance(target, str) or not all(target.partition(":")):
            raise PluginError(f"command '{name}' names its function as 'module:function', not {target!r}.")
        registry.commands[name] = CommandEntry(name, target, str(summary), origin)

    def register_recommender(name: str, recommender: type["Recommender"]) -> None:
        from sentrec.recommender import Recommender

        _require_name("recommender", name, registry.recommenders)
        if not (isinstance(recommender, type) and issubclass(recommender, Recommender)):
            raise PluginError(f"recommender '{name}' is not a subclass of sentrec.Recommender.")
        registry.recommenders[name] = recommender

    manager.hook.sentrec_register_recommenders(register=register_recommender)
    manager.hook.sentrec_register_encoders(register=register_encoder)
    manager.hook.sentrec_register_models(register=register_model)
    manager.hook.sentrec_register_datasets(register=register_dataset)
    manager.hook.sentrec_register_commands(register=register_command)


def _require_options(kind: str, name: str, implementation: Any) -> None:
    from sentrec.encoder import EncoderConfig

    config = getattr(implementation, "Config", None)
    if not isinstance(implementation, type):
        raise PluginError(f"{kind} '{name}' is no class but {shortened(repr(implementation))}.")
    if not (isinstance(config, type) and issubclass(config, EncoderConfig)):
        raise PluginError(f"the Config of {kind} '{name}' is not a subclass of sentrec.EncoderConfig.")
    if "name" in config.model_fields:
        raise PluginError(f"{kind} '{name}' has an option 'name'; in a recipe that is the {kind}'s own name.")


def _require_name(kind: str, name: Any, known: Mapping[str, Any]) -> None:
    if not isinstance(name, str) or not name or name != name.strip() or not name.isprintable():
        raise PluginError(f"the name of {'an' if kind == 'encoder' else 'a'} {kind} is printable text, not {name!r}.")
    if name in known:
        raise PluginError(f"the {kind} '{name}' is registered twice.")


@functools.cache
def registry() -> Registry:
    """What all installed plugins registered; built at the first call, which imports every plugin."""
    return _of_group(ENTRY_POINT_GROUP, _CORE)


@functools.cache
def command_registry() -> Registry:
    """The commands of plugins; only modules of the entry-point group ``sentrec.commands`` are imported for it."""
    return _of_group(COMMAND_GROUP, ())


@functools.cache
def recommender_registry() -> Registry:
    """The recommenders; only modules of the entry-point group ``sentrec.recommenders`` are imported for it."""
    return _of_group(RECOMMENDER_GROUP, _CORE_RECOMMENDERS)


def _of_group(group: str, core: tuple[metadata.EntryPoint, ...]) -> Registry:
    result = Registry()
    for point in core:
        result.add(point.name, "sentrec", point.load)
    found = [(point.dist.name if point.dist else "unknown", point) for point in metadata.entry_points(group=group)]
    # Built-ins register first, so that no third-party plugin can take one of their names.
    for name, point in sorted(found, key=lambda one: (one[0] != "sentrec", one[1].name)):
        result.add(point.name, f"{name} {point.dist.version}" if point.dist else name, point.load)
    return result

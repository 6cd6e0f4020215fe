"""Whatever a plugin does, it is named, and the rest works."""

from types import SimpleNamespace
from typing import Any

import pytest
from hostile_cases import require_one_clean_line
from pydantic import Field, field_serializer, field_validator
from torch import Tensor
from typer.testing import CliRunner

from sentrec import Encoder, EncoderConfig, hookimpl, load_recipe, plugins
from sentrec.cli.main import app
from sentrec.errors import PluginError
from sentrec.plugins import Entry, Registry


class Plain(Encoder):
    """Sums tokens."""

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return embedded.sum(dim=1)


class _OwnError(BaseException):
    pass


def _raise(error: BaseException) -> Any:
    raise error


def _plugin(hook: str, *arguments: Any) -> SimpleNamespace:
    def implementation(register: Any) -> None:
        register(*arguments)

    implementation.__name__ = hook
    return SimpleNamespace(**{hook: hookimpl(implementation)})


ENCODERS, COMMANDS, DATASETS = (f"sentrec_register_{kind}" for kind in ("encoders", "commands", "datasets"))
BROKEN = {
    "base exception at import": lambda: _raise(_OwnError("boom")),
    "exit at import": lambda: _raise(SystemExit(3)),
    "generator exit at import": lambda: _raise(GeneratorExit()),
    "recursion at import": lambda: _raise(RecursionError("deep")),
    "a message of a megabyte": lambda: _raise(ValueError("x" * 1_000_000)),
    "name that is a number": lambda: _plugin(ENCODERS, 3, Plain),
    "name that is None": lambda: _plugin(ENCODERS, None, Plain),
    "name that is a list": lambda: _plugin(ENCODERS, ["a"], Plain),
    "empty name": lambda: _plugin(ENCODERS, "", Plain),
    "name with an escape sequence": lambda: _plugin(ENCODERS, "\x1b[31mred", Plain),
    "name with a line break": lambda: _plugin(ENCODERS, "a\nb", Plain),
    "an instance": lambda: _plugin(ENCODERS, "x", Plain.__new__(Plain)),
    "too many arguments": lambda: _plugin(ENCODERS, "x", Plain, 3),
    "no dataset": lambda: _plugin(DATASETS, {"name": "x"}),
    "command without function": lambda: _plugin(COMMANDS, "x", "module"),
    "command that is a function": lambda: _plugin(COMMANDS, "x", print),
    "command with a name that is a number": lambda: _plugin(COMMANDS, 3, "module:function"),
}


@pytest.mark.parametrize("load", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_plugin_is_named_and_adds_nothing(load: Any, caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry()
    registry.add("broken", "broken 0.1", load)
    registry.add("fine", "fine 1.0", lambda: _plugin(ENCODERS, "fine", Plain))
    assert (set(registry.encoders), registry.datasets, registry.commands) == ({"fine"}, {}, {})
    [report] = [one for one in registry.reports if one.error]
    require_one_clean_line(str(report.error), None)
    assert "Plugin 'broken' (broken 0.1) was left out" in caplog.text


def test_the_user_may_still_interrupt_while_plugins_load() -> None:
    with pytest.raises(KeyboardInterrupt):
        Registry().add("slow", "slow 1.0", lambda: _raise(KeyboardInterrupt()))


class _Raising(EncoderConfig):
    width: int = Field(3, description="A width.")

    @field_validator("width")
    @classmethod
    def _fails(cls, value: int) -> int:
        raise KeyError("not a ValueError")


class _Unserialisable(EncoderConfig):
    width: int = Field(3, description="A width.")

    @field_serializer("width")
    def _object(self, value: int) -> Any:
        return object()


class _NotFinite(EncoderConfig):
    width: float = Field(float("nan"), description="A width.")


@pytest.mark.parametrize("config", [_Raising, _Unserialisable, _NotFinite])
def test_options_that_fail_name_the_plugin(config: type[EncoderConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = type("Theirs", (Plain,), {"Config": config, "__doc__": "Theirs."})
    registry = Registry(encoders={"theirs": Entry("theirs", "theirs 0.3", encoder)})
    monkeypatch.setattr(plugins, "registry", lambda: registry)
    with pytest.raises(PluginError, match=r"encoder 'theirs' \(theirs 0.3\) cannot take its options") as caught:
        load_recipe("quickstart", ["encoder={name: theirs, width: 5}" if config is _Raising else "encoder.name=theirs"])
    require_one_clean_line(caught.value.message, caught.value.hint)
    assert CliRunner().invoke(app, ["encoders"]).exit_code == 0

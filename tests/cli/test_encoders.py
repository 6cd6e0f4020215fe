"""`sentrec encoders` shows what a recipe may say, and which plugins failed."""

import json
from typing import Any

import pytest
from command_line import Invoke
from pydantic import Field
from torch import Tensor

from sentrec import Encoder, EncoderConfig, plugins
from sentrec.errors import PluginError
from sentrec.plugins import Entry, PluginReport, Registry


class _Options(EncoderConfig):
    widths: tuple[int, ...] = Field((2, 3), description="Some widths.")
    cap: float | None = Field(None, gt=0, description="A cap.")


class _Stub(Encoder):
    """Adds [up] tokens."""

    Config = _Options

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return embedded.sum(dim=1)


class _Undescribable(_Stub):
    """Its options are no pydantic model."""

    Config: Any = int


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry(
        encoders={"stub": Entry("stub", "stubs 1.0", _Stub)},
        reports=[PluginReport("stub", "stubs 1.0"), PluginReport("bad", "bad 2.0", "ImportError: [x] is absent")],
    )
    monkeypatch.setattr(plugins, "registry", lambda: registry)
    return registry


def test_built_in_encoders_are_listed_with_origin_and_options(invoke: Invoke) -> None:
    result = invoke("encoders", "--json")
    assert result.exit_code == 0
    listed = {encoder["name"]: encoder for encoder in json.loads(result.stdout)["encoders"]}
    assert {"bilstm", "gru", "textcnn"} <= listed.keys()
    for name in ("bilstm", "gru", "textcnn"):
        assert listed[name]["origin"].startswith("sentrec ")
        assert listed[name]["summary"]
        assert all(option["description"] and option["default"] is not None for option in listed[name]["options"])
    [pooling] = [option for option in listed["bilstm"]["options"] if option["name"] == "pooling"]
    assert pooling["type"] == "mean-max | mean | max | last"


def test_options_are_described_in_words(invoke: Invoke, stubbed: Registry) -> None:
    result = invoke("encoders", "stub", "--json")
    assert json.loads(result.stdout) == {
        "name": "stub",
        "origin": "stubs 1.0",
        "summary": "Adds [up] tokens.",
        "options": [
            {"name": "widths", "type": "list of integer", "default": [2, 3], "description": "Some widths."},
            {"name": "cap", "type": "number > 0 | null", "default": None, "description": "A cap."},
        ],
    }


def test_plugins_that_failed_are_shown_with_the_reason(invoke: Invoke, stubbed: Registry) -> None:
    shown = invoke("encoders").stdout
    assert "stub (stubs 1.0)  Adds [up] tokens." in shown
    assert "number > 0 | null" in shown
    assert "bad (bad 2.0) failed to load: ImportError: [x] is absent" in shown
    failed = json.loads(invoke("encoders", "--json").stdout)["failed"]
    assert failed == [{"name": "bad", "origin": "bad 2.0", "error": "ImportError: [x] is absent"}]


def test_options_that_cannot_be_shown_hide_no_other_encoder(invoke: Invoke, stubbed: Registry) -> None:
    stubbed.encoders["odd"] = Entry("odd", "odd 0.1", _Undescribable)
    result = invoke("encoders")
    assert result.exit_code == 0
    assert "its options cannot be shown: AttributeError" in result.stdout
    assert "Some widths." in result.stdout


def test_an_unknown_name_is_an_error_with_the_nearest_one(invoke: Invoke, stubbed: Registry) -> None:
    result = invoke("encoders", "stubb")
    assert isinstance(result.exception, PluginError)
    assert "did you mean 'stub'?" in str(result.exception.hint)

"""Plugins are foreign code: each one adds all it has or is reported, and never harms the rest."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pydantic import Field
from small_models import tokenizer_of
from torch import Tensor

from sentrec import DatasetSpec, Encoder, EncoderConfig, hookimpl, load_recipe, train
from sentrec.errors import PluginError
from sentrec.models import embedding, kinds
from sentrec.models.embedding import build_encoder
from sentrec.plugins import Entry, Registry


class Mine(Encoder):
    """My encoder.

    With more to say below.
    """

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return embedded.sum(dim=1)


class NamedOptions(Encoder):
    """An option hides the encoder's own name."""

    class Config(EncoderConfig):
        name: str = Field("mean", description="Which mean.")

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        return embedded.sum(dim=1)


def plugin(*encoders: tuple[str, Any]) -> SimpleNamespace:
    """A plugin that registers `encoders`."""

    @hookimpl
    def sentrec_register_encoders(register: Any) -> None:
        for name, encoder in encoders:
            register(name, encoder)

    return SimpleNamespace(sentrec_register_encoders=sentrec_register_encoders)


def models(*kinds: tuple[str, Any]) -> SimpleNamespace:
    """A plugin that registers kinds of models."""
    registering = plugin(*kinds).sentrec_register_encoders
    return SimpleNamespace(sentrec_register_models=registering)


def _fails_to_import() -> Any:
    raise ImportError("No module named 'absent'")


@hookimpl
def _raising_hook(register: Any) -> None:
    register("half", Mine)
    raise RuntimeError("on the way")


@hookimpl
def _unknown_hook(register: Any) -> None:
    register("late", Mine)


def test_a_plugin_adds_its_encoder_with_origin_and_summary() -> None:
    registry = Registry()
    registry.add("mine", "my-plugin 1.0", lambda: plugin(("mine", Mine)))
    entry = registry.entry("mine")
    assert (entry.implementation, entry.origin, entry.summary) == (Mine, "my-plugin 1.0", "My encoder.")
    assert [(report.name, report.error) for report in registry.reports] == [("mine", None)]


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (_fails_to_import, "ImportError: No module named 'absent'"),
        (lambda: plugin(("number", 3)), "encoder 'number' is not a subclass of sentrec.Encoder."),
        (lambda: plugin(("fine", Mine), ("text", str)), "encoder 'text' is not a subclass of sentrec.Encoder."),
        (lambda: models(("none", 3)), "model 'none' is no class but 3."),
        (lambda: models(("text", str)), "the Config of model 'text' is not a subclass of sentrec.EncoderConfig."),
        (lambda: plugin(("named", NamedOptions)), "encoder 'named' has an option 'name'"),
        (lambda: plugin(("first", Mine)), "the name 'first' is registered already."),
        (lambda: SimpleNamespace(sentrec_register_encoders=_raising_hook), "RuntimeError: on the way"),
        (lambda: SimpleNamespace(sentrec_register_encodrs=_unknown_hook), "unknown hook 'sentrec_register_encodrs'"),
    ],
    ids=[
        "import error",
        "not an encoder",
        "one of two is none",
        "a model that is no class",
        "a class that is no model",
        "option name",
        "name clash",
        "hook raises",
        "unknown hook",
    ],
)
def test_a_broken_plugin_is_reported_and_adds_nothing(load: Any, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry()
    registry.add("first", "first 1.0", lambda: plugin(("first", Mine)))
    registry.add("broken", "broken 0.1", load)
    registry.add("last", "last 1.0", lambda: plugin(("last", Mine)))
    assert set(registry.encoders) == {"first", "last"}
    assert registry.entry("first").origin == "first 1.0"
    [report] = [report for report in registry.reports if report.error]
    assert (report.name, report.origin) == ("broken", "broken 0.1")
    assert reason in str(report.error)
    assert "Plugin 'broken' (broken 0.1) was left out" in caplog.text


def _entry(encoder: type[Encoder]) -> Entry:
    return Entry("theirs", "theirs 0.3", encoder)


class FailsToBuild(Mine):
    def __init__(self, config: Any, input_size: int) -> None:
        super().__init__(config, input_size)
        raise KeyError("weights")


class FailsOnBatch(Mine):
    output_size = 5

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        raise RuntimeError("sizes do not fit")


class WrongSize(Mine):
    output_size = 7


@pytest.mark.parametrize(
    ("encoder", "reason"),
    [
        (FailsToBuild, "fails: KeyError: 'weights'"),
        (FailsOnBatch, "fails: RuntimeError: sizes do not fit"),
        (Mine, "fails: AttributeError: .*output_size"),
        (WrongSize, r"gives features of shape \(2, 5\) for 2 texts, but its output_size promises \(2, 7\)"),
    ],
)
def test_an_encoder_that_fails_is_named_with_its_origin(
    encoder: type[Encoder], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(encoders={"theirs": _entry(encoder)})
    for module in (embedding, kinds):
        monkeypatch.setattr(module, "registry", lambda: registry)
    recipe = load_recipe("quickstart").model_copy(update={"encoder": {"name": "theirs"}})
    with pytest.raises(PluginError, match=rf"encoder 'theirs' \(theirs 0.3\) {reason}") as caught:
        kinds.build_model(
            recipe.model_copy(update={"model": recipe.model.model_copy(update={"embedding_dim": 5})}),
            tokenizer_of(10),
            2,
        )
    assert "theirs 0.3" in str(caught.value.hint)


def test_an_encoder_that_fails_is_named_before_any_data_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    registry = Registry(encoders={"theirs": _entry(FailsOnBatch)})
    for module in (embedding, kinds):
        monkeypatch.setattr(module, "registry", lambda: registry)
    recipe = load_recipe("quickstart", [f"data.dataset={tmp_path / 'absent.csv'}"])
    with pytest.raises(PluginError, match="sizes do not fit"):
        train(recipe.model_copy(update={"encoder": {"name": "theirs"}}), tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Drawing(Mine):
    output_size = 5

    def forward(self, embedded: Tensor, mask: Tensor) -> Tensor:
        assert not self.training
        return embedded.sum(dim=1) + torch.rand(1)


def test_trying_an_encoder_leaves_random_numbers_and_training_mode_as_they_were() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    assert build_encoder(_entry(Drawing), EncoderConfig(), 5).training
    assert torch.equal(torch.rand(1), expected)


def test_a_plugin_adds_datasets() -> None:
    @hookimpl
    def sentrec_register_datasets(register: Any) -> None:
        register(DatasetSpec("mine", None, ("no", "yes")))

    registry = Registry()
    registry.add("mine", "mine 1.0", lambda: SimpleNamespace(sentrec_register_datasets=sentrec_register_datasets))
    assert registry.dataset("mine").label_names == ("no", "yes")


def test_an_unknown_encoder_names_the_nearest_one() -> None:
    registry = Registry()
    registry.add("mine", "mine 1.0", lambda: plugin(("self-attention", Mine)))
    with pytest.raises(PluginError) as caught:
        registry.entry("self-atention")
    assert "did you mean 'self-attention'?" in str(caught.value.hint)


SENTREC = "import sys; from sentrec.cli.main import run; sys.argv[0] = 'sentrec'; run()"

BROKEN = {
    "leaves_the_program": "raise SystemExit(3)",
    "breaks_on_import": "raise RuntimeError('boom on import')",
    "steals_a_name": (
        "from sentrec import hookimpl\nfrom sentrec_plugins.gru import GRU\n"
        "@hookimpl\ndef sentrec_register_encoders(register):\n    register('bilstm', GRU)\n"
    ),
    "odd_options": (
        "from sentrec import Encoder, hookimpl\nclass Odd(Encoder):\n    'Odd.'\n    Config = int\n"
        "    def forward(self, embedded, mask): return embedded.sum(1)\n"
        "@hookimpl\ndef sentrec_register_encoders(register):\n    register('odd', Odd)\n"
    ),
}


@pytest.fixture
def broken_site(tmp_path: Path) -> Path:
    """A folder of installed plugins, each broken in its own way."""
    for name, source in BROKEN.items():
        (tmp_path / f"{name}.py").write_text(source)
        info = tmp_path / f"{name}-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(f"[sentrec]\n{name} = {name}\n")
    return tmp_path


def _sentrec(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-c", SENTREC, *arguments], env=environment, capture_output=True, text=True, timeout=900
    )


def test_installed_broken_plugins_break_nothing(broken_site: Path) -> None:
    shown = _sentrec(broken_site, "--help")
    assert shown.returncode == 0
    assert "encoders" in shown.stdout

    listed = _sentrec(broken_site, "encoders")
    assert listed.returncode == 0, listed.stderr
    for name in ("bilstm (sentrec", "gru (sentrec", "textcnn (sentrec"):
        assert name in listed.stdout
    assert "breaks_on_import (breaks_on_import 0.1) failed to load: RuntimeError: boom on import" in listed.stdout
    assert "the name 'bilstm' is registered already" in listed.stdout
    assert "leaves_the_program (leaves_the_program 0.1) failed to load: SystemExit: 3" in listed.stdout
    assert "Traceback" not in listed.stderr

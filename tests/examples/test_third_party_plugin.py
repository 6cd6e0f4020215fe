"""The example plugin works as a stranger would use it: installed into an environment of its own, tested and trained."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fresh_environment import make_environment

pytestmark = pytest.mark.slow
PLUGIN = Path(__file__).parents[2] / "examples" / "self-attention-plugin"
SENTREC = "import sys; from sentrec.cli.main import run; sys.argv[0] = 'sentrec'; run()"


def _run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    finished = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=900)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment that has sentrec's dependencies and the plugin, made without network."""
    folder = tmp_path_factory.mktemp("environment")
    make_environment(folder)
    interpreter = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    # A copy, because building leaves files beside the source.
    source = shutil.copytree(PLUGIN, folder / "plugin")
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    _run(sys.executable, "-m", "pip", "--python", interpreter, "install", "--quiet", *offline, source)
    return interpreter


def test_it_is_not_installed_here() -> None:
    missing = subprocess.run([sys.executable, "-c", "import sentrec_self_attention"], capture_output=True)
    assert missing.returncode != 0


def test_the_encoder_is_listed_with_its_origin_and_options(python: Path) -> None:
    listed = json.loads(_run(python, "-c", SENTREC, "encoders", "self-attention", "--json").stdout)
    assert listed["origin"] == "sentrec-self-attention 0.1.0"
    assert [option["name"] for option in listed["options"]] == ["width", "heads", "layers", "dropout"]


def test_its_own_tests_pass(python: Path) -> None:
    shown = _run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=python.parents[1] / "plugin")
    assert "passed" in shown.stdout


def test_it_trains_by_naming_it_in_a_recipe(python: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ("encoder.name=self-attention", "encoder.width=16", "encoder.heads=2", "training.max_steps=2")
    overrides = [part for setting in settings for part in ("--set", setting)]
    _run(python, "-c", SENTREC, "train", "--recipe", "quickstart.yaml", *overrides, "--out", run, "--quiet")
    assert "name: self-attention" in (run / "recipe.yaml").read_text(encoding="utf-8")
    assert 0.0 <= json.loads((run / "metrics.json").read_text(encoding="utf-8"))["test"]["accuracy"] <= 1.0

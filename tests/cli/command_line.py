"""The command line, run within the process of the tests."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from sentrec.cli import main
from sentrec.runs import directory as runs
from sentrec.runs.directory import Run

Sentrec = Callable[..., tuple[int, str, str]]
Invoke = Callable[..., Result]


@pytest.fixture
def sentrec(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sentrec:
    """Runs a command as the script does and gives exit code, output and errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["sentrec", *arguments])
        with pytest.raises(SystemExit) as caught:
            main.run()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def invoke() -> Invoke:
    """Runs a command and gives its result, with the exception that it ended with."""
    return lambda *arguments, input=None: CliRunner().invoke(main.app, [*map(str, arguments)], input=input)


@pytest.fixture
def starter(small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small run in the place of the starter, seen from an empty folder."""
    place = shutil.copytree(small_run.path, tmp_path / "installed" / "starter")
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {"starter": place})
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return place

"""The command line, run within the process of the tests."""

from collections.abc import Callable

import pytest

from sentrec.cli import main

Sentrec = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sentrec(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sentrec:
    """Runs a command and gives exit code, output and errors."""

    def invoke(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["sentrec", *arguments])
        with pytest.raises(SystemExit) as caught:
            main.run()
        captured = capsys.readouterr()
        return int(caught.value.code or 0), captured.out, captured.err

    return invoke

"""Every shape of file, given to whole commands: they answer each row, or refuse with the hint and nothing else."""

import json
import shutil
from pathlib import Path

import pytest
from file_shapes import ALL, ITEMS, NONE, SOME
from typer.testing import CliRunner

from sentrec.cli.main import app
from sentrec.errors import SentrecError
from sentrec.runs import directory as runs
from sentrec.runs.directory import Run

pytestmark = pytest.mark.slow
COMMANDS = {
    "predict": ["predict", "FILE", "--json"],
    "recommend": ["recommend", "FILE", "--json", "--min-reviews", "1", "--positive", "good"],
    "evaluate": ["evaluate", "starter", "--data", "FILE", "--no-plots", "--json", "--out", "evaluation"],
}


@pytest.mark.parametrize("shape", [*ALL, *SOME, *NONE])
def test_commands_answer_or_say_what_to_do(
    shape: str, small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {"starter": shutil.copytree(small_run.path, tmp_path / "starter")})
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    name, content, hints = (*ALL[shape], {}) if shape in ALL else (SOME | NONE)[shape]
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    for command, words in COMMANDS.items():
        result = CliRunner().invoke(app, [f"./{name}" if word == "FILE" else word for word in words])
        if hint := hints.get(command):
            assert isinstance(result.exception, SentrecError), (command, result.output)
            assert hint in str(result.exception.hint)
            continue
        assert result.exit_code == 0, (command, result.output, result.exception)
        rows = [json.loads(line) for line in result.stdout.splitlines()] if command != "evaluate" else []
        if command == "predict":
            assert [one["label"] in ("good", "bad") for one in rows] == [True] * 4
        elif command == "recommend":
            assert {one["movie"]: one["reviews"] for one in rows} == dict.fromkeys(ITEMS, 2)
        else:
            assert sum(one["support"] for one in json.loads(result.stdout)["metrics"]["per_class"].values()) == 4

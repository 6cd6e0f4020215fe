"""An output that cannot be written is refused by every command before its work, and nothing is left of the attempt."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
import typer
from hostile_cases import BAD_OUTPUTS, each, make_places, require_one_clean_line
from typer.testing import CliRunner

from sentrec.cli.main import app
from sentrec.errors import SentrecError
from sentrec.files.storage import atomic_directory, atomic_path, require_writable

INPUTS = {"from_file", "movies", "exclude", "destination", "scores", "truth", "ratings", "space", "target"}
"""Options that name files to read; `--scores` is written only where it does not exist."""


def _commands(part: typer.Typer, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for command in part.registered_commands:
        assert command.callback is not None
        yield (*words, command.name or command.callback.__name__), command.callback
    for group in part.registered_groups:
        assert group.typer_instance is not None
        yield from _commands(group.typer_instance, (*words, str(group.name)))


def outputs() -> list[Any]:
    """Every option of every command that names a file or folder to write."""
    found = []
    for words, function in _commands(app):
        hints = get_type_hints(function, vars(importlib.import_module(function.__module__)), include_extras=True)
        for name, hint in hints.items():
            kind, *notes = get_args(hint) if get_origin(hint) is Annotated else (hint,)
            if Path in (kind, *get_args(kind)) and name not in INPUTS:
                words_of = [(note.default, *(note.param_decls or ())) for note in notes]
                named = [one for each_of in words_of for one in each_of if str(one).startswith("--")]
                option = named[0] if named else f"--{name.replace('_', '-')}"
                found.append(pytest.param(words, option, id=f"{' '.join(words)} {option}"))
    return found


def test_the_outputs_of_commands_are_found() -> None:
    assert {"train --out", "export --out", "recommend --html"} <= {one.id for one in outputs()}


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.chdir(tmp_path)
    make_places(tmp_path)
    return sorted(tmp_path.iterdir())


@pytest.mark.parametrize("output", each(BAD_OUTPUTS))
@pytest.mark.parametrize(("words", "option"), outputs())
def test_a_command_refuses_it_before_its_work(
    words: tuple[str, ...], option: str, output: str, tmp_path: Path, places: list[Path]
) -> None:
    result = CliRunner().invoke(app, [*words, f"{option}={output}", "quickstart"])
    if "\0" not in output:  # which no command line can hold
        assert isinstance(result.exception, SentrecError), (result.output, repr(result.exception))
        assert "rite" in result.exception.message
        require_one_clean_line(result.exception.message, result.exception.hint)
    assert sorted(tmp_path.iterdir()) == places


def _write_file(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("x")


def _write_folder(path: Path) -> None:
    with atomic_directory(path) as temporary:
        (temporary / "x").write_text("x")


@pytest.mark.parametrize("output", [*each(BAD_OUTPUTS), "", "..", "/", "."])
@pytest.mark.parametrize("write", [require_writable, _write_file, _write_folder])
def test_writing_there_is_one_error(write: Any, output: str, tmp_path: Path, places: list[Path]) -> None:
    with pytest.raises(SentrecError) as caught:
        write(Path(output))
    require_one_clean_line(caught.value.message, caught.value.hint)
    assert sorted(tmp_path.iterdir()) == places


def test_what_can_be_written_leaves_no_trace_of_the_attempt(tmp_path: Path, places: list[Path]) -> None:
    require_writable(tmp_path / "new" / "deep" / "file.csv")
    require_writable(tmp_path / "new" / "deep", folder=True)
    require_writable(tmp_path / "file")
    require_writable(Path("/dev/null"))
    assert sorted(tmp_path.iterdir()) == places


def test_what_a_killed_process_left_is_removed_and_what_a_running_one_writes_is_not(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import os, pathlib\nfrom sentrec.files.storage import atomic_path\n"
        "with atomic_path(pathlib.Path('x.png')) as temporary:\n"
        "    temporary.write_text('half'); print(temporary.name, flush=True); os.kill(os.getpid(), 9)"
    )
    left = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True).stdout.strip()
    assert (tmp_path / left).is_file()
    with atomic_path(tmp_path / "y.png") as temporary:
        assert not (tmp_path / left).exists()
        temporary.write_text("whole")
        _write_file(tmp_path / "z.png")
        assert temporary.exists()

"""Plugins add commands, which are imported only when they are run; a broken one cannot harm the rest."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SENTREC = "import sys; from sentrec.cli.main import run; sys.argv[0] = 'sentrec'; run()"
HOOK = "from sentrec import hookimpl\n@hookimpl\ndef sentrec_register_commands(register):\n    "
MODULES = {
    "good": f"{HOOK}register('greet', 'good_work:greet', 'Greet somebody.')\n    register('absent', 'gone:away')",
    "good_work": (
        "print('imported')\n"
        "def greet(name: str, loud: bool = False):\n"
        "    'Greet with a name.'\n"
        "    print(f'Hello {name}{\"!\" * loud}')\n"
        "def not_typed(a: dict[str, object]): pass\n"
    ),
    "leaves": "raise SystemExit(3)",
    "raises": "class Own(BaseException): pass\nraise Own('boom')",
    "steals": f"{HOOK}register('train', 'good_work:greet', 'Not the training.')",
    "odd": f"{HOOK}register('odd', 'good_work:not_typed')\n    register('evil\\x1b[31m', 'x:y')",
    "fails": f"{HOOK}register('number', 'good_work:__name__')\n    register('exits', 'leaves:x', 'Leaves.')",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed plugins with commands, most of them broken in their own way."""
    folder = tmp_path_factory.mktemp("site")
    for name, source in MODULES.items():
        (folder / f"{name}.py").write_text(source)
        info = folder / f"{name}-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1\n")
        if name != "good_work":
            (info / "entry_points.txt").write_text(f"[sentrec.commands]\n{name} = {name}\n")
    return folder


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(site), "COLUMNS": "200"}
    command = [sys.executable, "-c", SENTREC, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


def test_help_lists_the_commands_of_plugins_without_importing_them(site: Path) -> None:
    shown = run(site, "--help")
    assert shown.returncode == 0
    assert "Greet somebody." in shown.stdout
    assert "Train a model" in shown.stdout
    assert "Not the training." not in shown.stdout
    assert "imported" not in shown.stdout
    assert "odd" not in shown.stdout, "a plugin adds all that it has, or nothing"
    for reason in (
        "'leaves' (leaves 0.1) was left out: SystemExit: 3",
        "'raises' (raises 0.1) was left out: Own: boom",
    ):
        assert reason in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_command_of_a_plugin_runs_with_its_arguments_and_help(site: Path) -> None:
    assert run(site, "greet", "Ada", "--loud").stdout.splitlines() == ["imported", "Hello Ada!"]
    assert "Greet with a name." in run(site, "greet", "--help").stdout


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent", "Command 'absent' (good 0.1) cannot be loaded: ModuleNotFoundError: No module named 'gone'."),
        ("exits", "Command 'exits' (fails 0.1) cannot be loaded: SystemExit: 3."),
        ("number", "Command 'number' (fails 0.1) cannot be used: "),
    ],
)
def test_a_command_that_cannot_be_loaded_is_one_error(site: Path, name: str, reason: str) -> None:
    tried = run(site, name)
    assert tried.returncode == 1
    assert f"Error: {reason}" in tried.stderr
    assert "Traceback" not in tried.stderr

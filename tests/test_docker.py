"""The files for Docker say what the project is: their commands are real ones, and those of the README."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
import yaml

from sentrec.cli.main import app

ROOT = Path(__file__).parent.parent
INSTALL = "pip install -c constraints.txt"


def instructions() -> list[tuple[str, str]]:
    """The lines of the Dockerfile: what each of them does, and with what."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(name, rest.strip()) for name, rest in lines]


def all_of(name: str) -> list[str]:
    return [rest for one, rest in instructions() if one == name]


def copied_files() -> set[str]:
    """What is copied from the project; the last stage copies from another one."""
    return {name for line in all_of("COPY") if "--from" not in line for name in shlex.split(line)[:-1]}


def services() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"])


def commands() -> list[list[str]]:
    (of_the_image,) = [yaml.safe_load(one) for one in all_of("CMD")]
    return [of_the_image, *(one["command"] for one in services().values())]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_its_commands_are_real_ones(words: list[str]) -> None:
    assert words[0] == "sentrec"
    command = typer.main.get_command(app)
    with command.make_context("sentrec", words[1:]) as context:  # type: ignore[attr-defined]
        name, found, rest = command.resolve_command(context, words[1:])  # type: ignore[attr-defined]
        with found.make_context(name, rest) as inner:
            assert inner.params["host"] == "0.0.0.0"


def test_it_installs_the_tested_versions_as_the_readme_does() -> None:
    installing = [line for line in all_of("RUN") if line.startswith("pip install")]
    assert len(installing) == 2
    assert all(line.startswith(INSTALL) for line in installing)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f'{INSTALL} ".[serve]"' in readme
    assert installing[-1] == f'{INSTALL} ".[$EXTRAS]"'
    assert all_of("ARG") == ["EXTRAS=serve"]


def test_all_that_the_package_is_made_of_is_copied_and_nothing_else_is_sent() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"}
    copied = copied_files()
    assert copied == sent
    assert {"sentrec", "plugins", "recipes", "pyproject.toml", "constraints.txt"} <= copied
    assert all((ROOT / name).exists() for name in copied)


def test_the_last_user_is_not_root_and_its_health_is_asked() -> None:
    names = [name for name, _ in instructions()]
    assert all_of("USER")[-1] not in ("root", "0")
    assert names.index("USER") < names.index("CMD")
    (health,) = all_of("HEALTHCHECK")
    (port,) = set(re.findall(r"127\.0\.0\.1:(\d+)/health", health))
    assert port in all_of("CMD")[0]
    assert set(re.findall(r"\d+", all_of("EXPOSE")[0])) == {"8000", "7860"}


def test_ports_are_open_to_this_machine_only_and_the_server_asks_for_a_token() -> None:
    for service in services().values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        assert (service["read_only"], service["init"], service["tmpfs"]) == (True, True, ["/tmp"])
    assert "SENTREC_TOKEN" in services()["serve"]["environment"]
    assert services()["app"]["build"]["args"] == {"EXTRAS": "app"}


def test_the_linter_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=Path(sys.executable).parent)
    if hadolint is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert done.stdout + done.stderr == ""


@pytest.mark.slow
def test_its_commands_run_in_a_fresh_environment(tmp_path: Path) -> None:
    """What RUN installs is what CMD starts and HEALTHCHECK asks; it writes to no folder but those it may write to."""
    where, programs, source, home = (tmp_path / name for name in ("venv", "bin", "src", "home"))
    for folder in (programs, source, home, tmp_path / "tmp"):
        folder.mkdir()
    for name, called in {"python": sys.executable, "pip": f"{sys.executable} -m pip"}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec {called} "$@"\n')
        (programs / name).chmod(0o755)
    for name in copied_files():
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    environment = os.environ | {
        **{"PATH": f"{where}/bin:{programs}:{os.environ['PATH']}"},
        **{"SENTREC_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"},
        # No network: what is installed is found in the running environment, beneath the new one.
        **{"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "EXTRAS": "serve"},
        "PIP_PYTHON": f"{where}/bin/python",
    }

    def run(line: str) -> None:
        done = subprocess.run(line, shell=True, cwd=source, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    *building, users = (line.replace("/venv", str(where)) for line in all_of("RUN"))
    assert users.startswith("useradd")  # needs root, and a machine to itself
    for line in building:
        run(line)
        (purelib,) = where.glob("lib/python*/site-packages")
        (purelib / "beneath.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    run(f"python -P -c 'import sentrec; assert sentrec.__file__.startswith(\"{where}\"), sentrec.__file__'")

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    (health,) = all_of("HEALTHCHECK")
    asking = yaml.safe_load(health.partition("CMD ")[2].replace("8000", port))
    serving = yaml.safe_load(all_of("CMD")[0].replace("8000", port))
    environment |= {"HOME": str(home)}
    with subprocess.Popen(serving, cwd=home, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            while subprocess.run(asking, env=environment, stderr=subprocess.DEVNULL).returncode:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.2)
            answer = httpx.post(f"http://127.0.0.1:{port}/predict", json={"text": "A lovely, superb film."}, timeout=60)
            assert answer.json()["predictions"][0]["label"] == "positive"
        finally:
            process.terminate()
            _, told = process.communicate()
    assert process.returncode == 0, told
    assert list(home.iterdir()) == []

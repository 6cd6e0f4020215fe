"""The files for Docker say what the project is: their commands are real ones, and those of the README."""

import re
import shlex
from pathlib import Path
from typing import Any

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
    installing = [line for line in all_of("RUN") if "pip install" in line]
    assert len(installing) == 2
    assert all(line.startswith(INSTALL) for line in installing)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f'{INSTALL} ".[serve]"' in readme
    assert installing[-1] == f'{INSTALL} ".[$EXTRAS]"'
    assert all_of("ARG") == ["EXTRAS=serve"]


def test_all_that_the_package_is_made_of_is_copied_and_nothing_else_is_sent() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"}
    copied = {name for line in all_of("COPY") for name in shlex.split(line)[:-1]}
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
    assert "SENTREC_TOKEN" in services()["serve"]["environment"]
    assert services()["app"]["build"]["args"] == {"EXTRAS": "app"}

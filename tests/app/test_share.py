"""A public link is made for who asks for it alone, after a warning; none is an error."""

import socket
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from typer.testing import CliRunner

from sentrec.app.page import launch
from sentrec.cli.main import app
from sentrec.errors import SentrecError

LINK = "https://0123456789abcdef.gradio.live"


@pytest.fixture
def page() -> Iterator[gr.Blocks]:
    with gr.Blocks(analytics_enabled=False) as page:
        gr.Markdown("# A page")
    yield page
    page.close()


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("share", [False, True])
def test_only_who_asks_gets_a_public_link(
    page: gr.Blocks, port: int, share: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports: list[int] = []
    monkeypatch.setattr("gradio.networking.setup_tunnel", lambda **how: ports.append(how["local_port"]) or LINK)
    assert launch(page, "127.0.0.1", port, share) == (LINK if share else f"http://127.0.0.1:{port}/")
    assert ports == [port] * share


def test_a_link_that_could_not_be_made_is_an_error_and_nothing_listens(
    page: gr.Blocks, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_tunnel(**how: Any) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr("gradio.networking.setup_tunnel", no_tunnel)
    with pytest.raises(SentrecError, match="no public link"):
        launch(page, "127.0.0.1", port, share=True)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port))


@pytest.mark.parametrize("share", [False, True])
def test_the_command_warns_before_it_shares(share: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_launch(page: gr.Blocks, host: str, port: int, share: bool) -> str:
        raise SentrecError(f"asked to share: {share}, on {host}")

    monkeypatch.setattr("sentrec.app.page.launch", no_launch)
    result = CliRunner().invoke(app, ["app", *["--share"] * share])
    assert ("Warning: whoever knows the link" in result.output) == share
    assert str(result.exception) == f"asked to share: {share}, on 127.0.0.1"

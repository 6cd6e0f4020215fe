"""Commands of older versions say that they were removed, and what to use instead."""

import pytest
from typer.testing import CliRunner

from sentrec.cli.main import app
from sentrec.errors import SentrecError


@pytest.mark.parametrize(("command", "instead"), [("adapt-glove", "model.embeddings"), ("learn-regions", "ngrams.lsa")])
def test_a_removed_command_names_its_successor_and_help_does_not_show_it(command: str, instead: str) -> None:
    error = CliRunner().invoke(app, [command, "--name", "x", "--corpus", "imdb"]).exception
    assert isinstance(error, SentrecError)
    assert error.message == f"`sentrec {command}` was removed."
    assert instead in (error.hint or "")
    assert command not in CliRunner().invoke(app, ["--help"]).stdout

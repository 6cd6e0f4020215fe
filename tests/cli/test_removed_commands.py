"""Commands of older versions say that they were removed, and what to use instead."""

from typer.testing import CliRunner

from sentrec.cli.main import app
from sentrec.errors import SentrecError


def test_a_removed_command_names_its_successor_whatever_its_options_and_help_does_not_show_it() -> None:
    error = CliRunner().invoke(app, ["adapt-glove", "--name", "x", "--corpus", "imdb"]).exception
    assert isinstance(error, SentrecError)
    assert error.message == "`sentrec adapt-glove` was removed."
    assert "model.embeddings" in (error.hint or "")
    assert "adapt-glove" not in CliRunner().invoke(app, ["--help"]).stdout

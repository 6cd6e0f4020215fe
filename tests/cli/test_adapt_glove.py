import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from learning_corpus import WORDS
from typer.testing import CliRunner

from sentrec.cli.main import app
from sentrec.errors import DataError, Interrupted
from sentrec.glove.made import store_made_vectors
from sentrec.glove.store import open_vectors


@pytest.fixture(autouse=True)
def base() -> None:
    """Vectors to start from."""
    matrix = np.random.default_rng(1).standard_normal((4, 3)).astype(np.float32)
    store_made_vectors("base", WORDS[:4], matrix, "a test")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["adapt-glove", *map(str, arguments)])


def test_it_ends_with_what_lies_where_and_what_comes_next(corpus: Path) -> None:
    result = run("--name", "mine", "--corpus", corpus, "--text-column", "body", "--glove", "base.3d")
    assert result.exit_code == 0, result.output
    assert "Stored GloVe mine: 5 words, 3 dimensions, in " in result.stdout
    assert "5 words are of the corpus, 1 of them new" in result.stdout
    assert "Next: sentrec train --recipe imdb.yaml --set glove.name=mine --set glove.dim=3" in result.stdout
    assert "fitting: 8 of 8 half passes, error 0." in result.stderr
    assert open_vectors("mine", 3).rows(["the"]).tolist() == [4]


def test_json_is_one_document_and_quiet_is_nothing(corpus: Path) -> None:
    scratch = ("--corpus", corpus, "--text-column", "body", "--from-scratch", "--dim", 2)
    result = run("--name", "a", *scratch, "--json")
    found = json.loads(result.stdout)
    assert (found["name"], found["dim"], found["words"], found["mean_cosine"]) == ("a", 2, 5, None)
    assert found["path"] == str(open_vectors("a", 2).path)
    quiet = run("--name", "b", *scratch, "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")
    np.testing.assert_array_equal(open_vectors("a", 2).matrix, open_vectors("b", 2).matrix)


def test_a_column_that_is_not_there_is_told_and_nothing_is_stored(corpus: Path) -> None:
    result = run("--name", "mine", "--corpus", corpus, "--glove", "base.3d")
    assert result.exit_code == 1
    assert isinstance(result.exception, DataError)
    assert "has no column 'text'; it has: body" in result.exception.message


def test_ctrl_c_says_how_to_go_on_and_resume_does(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentrec.adapt.fit import Fit

    command = ("--name", "mine", "--corpus", corpus, "--text-column", "body", "--glove", "base.3d", "--quiet")
    save = Fit.save

    def save_then_stop(state: Fit, path: Path) -> None:
        save(state, path)
        if state.halves == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Fit, "save", save_then_stop)
        result = run(*command)
    assert isinstance(result.exception, Interrupted)
    assert "--resume" in (result.exception.hint or "")
    assert run(*command, "--resume").exit_code == 0
    assert run(*command).exit_code == 1  # the name is taken now

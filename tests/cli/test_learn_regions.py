import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

import sentrec
from sentrec.adapt.regions import _Learning
from sentrec.cli.main import app
from sentrec.errors import DataError, GloveError, Interrupted, SentrecError
from sentrec.glove.store import open_vectors
from sentrec.training.regions import open_regions, regions_for


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["learn-regions", *map(str, arguments)])


def small(name: str, corpus: Path, *more: object, column: str = "body") -> tuple[object, ...]:
    return ("--name", name, "--corpus", corpus, "--text-column", column, "--dim", 3, "--device", "cpu", *more)


def test_it_ends_with_what_lies_where_and_what_comes_next(corpus: Path) -> None:
    result = run(*small("mine", corpus, "--passes", 2))
    assert result.exit_code == 0, result.output
    assert "Stored region embeddings mine: 5 words, 3 dimensions, regions of 5, in " in result.stdout
    assert str(open_vectors("mine", 3).path) in result.stdout
    assert "learning: 2 of 2 steps, loss " in result.stderr


@pytest.mark.parametrize(("window", "said"), [(5, ""), (4, " --set model.regions.window=4")])
def test_the_next_command_uses_the_vectors_in_a_recipe_without_regions(corpus: Path, window: int, said: str) -> None:
    result = run(*small("mine", corpus, "--passes", 1, "--window", window))
    (command,) = (line for line in result.stdout.splitlines() if line.startswith("Next: "))
    rest = f" --set model.regions.dim=3{said}"
    start = "Next: sentrec train --recipe imdb.yaml "
    assert command == f"{start}--set model.regions.name=mine --set model.regions.corpus=null{rest}"
    recipe = sentrec.load_recipe("imdb.yaml", command.removeprefix(f"{start}--set ").split(" --set "))
    assert recipe.model.regions is not None
    vectors = open_regions(recipe.model.regions)
    assert vectors.info.window == window
    shutil.rmtree(vectors.path)
    with pytest.raises(GloveError, match="not in the cache"):  # nothing else is learned under their name
        regions_for(recipe.model.regions)


def test_json_is_one_document_and_quiet_is_nothing(corpus: Path) -> None:
    result = run(*small("a", corpus, "--passes", 1, "--json"))
    found = json.loads(result.stdout)
    assert (found["name"], found["dim"], found["words"], found["window"]) == ("a", 3, 5, 5)
    assert found["path"] == str(open_vectors("a", 3).path)
    quiet = run(*small("b", corpus, "--passes", 1, "--quiet"))
    assert (quiet.exit_code, quiet.output) == (0, "")
    np.testing.assert_array_equal(open_vectors("a", 3).matrix, open_vectors("b", 3).matrix)


@pytest.mark.parametrize(
    ("column", "changes", "kind", "said"),
    [
        ("text", [], DataError, "has no column 'text'; it has: body"),
        ("body", ["--name", "6B"], GloveError, "6B is the name of published vectors"),
        ("body", ["--device", "abacus"], SentrecError, "'abacus' is not a device"),
        ("body", ["--resume"], SentrecError, "there is nothing to resume for mine.3d"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_stored(
    corpus: Path, column: str, changes: list[str], kind: type[SentrecError], said: str
) -> None:
    result = run(*small("mine", corpus, *changes, column=column))
    assert result.exit_code == 1
    assert isinstance(result.exception, kind)
    assert said in result.exception.message
    with pytest.raises(GloveError, match="not in the cache"):
        open_vectors("mine", 3)


@pytest.mark.parametrize("wrong", [["--window", 0], ["--reach", 0], ["--passes", 0], ["--learning-rate", 0]])
def test_wrong_usage_ends_with_code_2(corpus: Path, wrong: list[object]) -> None:
    assert run(*small("mine", corpus, *wrong)).exit_code == 2


def test_ctrl_c_says_how_to_go_on_and_resume_does(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(_Learning, "_learn", stop)
        result = run(*small("mine", corpus, "--quiet"))
    assert isinstance(result.exception, Interrupted)
    assert "--resume" in (result.exception.hint or "")
    assert run(*small("mine", corpus, "--quiet", "--resume")).exit_code == 0
    taken = run(*small("mine", corpus, "--quiet"))
    assert isinstance(taken.exception, GloveError)  # the name is taken now

"""Whatever a recipe's file or an override holds, the answer is one error, and nothing is executed or written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_cases import BAD_NAMES, BAD_PATHS, BAD_YAML, each, require_one_clean_line
from typer.testing import CliRunner

import sentrec
from sentrec.cli.main import app
from sentrec.errors import RecipeError, SentrecError
from sentrec.recipe.reading import read_overrides
from sentrec.transfer.loading import load_transfer

COMMANDS = (["recipes", "check"], ["recipes", "copy"], ["train"], ["transfer"])


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("content", each(BAD_YAML))
@pytest.mark.parametrize("name", ["hostile.yaml", "child.yaml"])
@pytest.mark.parametrize("load", [sentrec.load_recipe, load_transfer])
def test_a_hostile_recipe_or_parent_is_one_error(load: Callable[[str], object], name: str, content: bytes) -> None:
    Path("hostile.yaml").write_bytes(content)
    Path("child.yaml").write_text("extends: hostile.yaml\n")
    with pytest.raises(RecipeError) as caught:
        load(name)
    require_one_clean_line(caught.value.message, caught.value.hint)


@pytest.mark.parametrize(
    "content", each({name: case for name, case in BAD_YAML.items() if case.isascii() and name != "number"})
)
@pytest.mark.parametrize("key", ["seed", "data", "encoder"])
def test_a_hostile_override_is_one_error(content: bytes, key: str) -> None:
    with pytest.raises(RecipeError) as caught:
        sentrec.load_recipe("quickstart", [f"{key}={content.decode()}"])
    require_one_clean_line(caught.value.message, caught.value.hint)


def test_a_key_of_many_parts_is_one_error() -> None:
    with pytest.raises(RecipeError, match="is not an override"):
        read_overrides([f"{'a.' * 5000}b=1"])


@pytest.mark.parametrize("name", each(BAD_PATHS))
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_hostile_name_of_a_recipe_is_one_error(command: list[str], name: str) -> None:
    result = CliRunner().invoke(app, [*command, name])
    assert isinstance(result.exception, SentrecError), repr(result.exception)
    require_one_clean_line(result.exception.message, result.exception.hint)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize("epochs", [10**5, 10**12, 10**400, -1, 0])
def test_absurd_epochs_are_refused_before_any_work(epochs: int) -> None:
    with pytest.raises(RecipeError, match=r"training\.epochs"):
        sentrec.load_recipe("quickstart", [f"training.epochs={epochs}"])


@pytest.mark.parametrize("name", each(BAD_NAMES))
def test_no_name_commands_the_terminal(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from sentrec.cli.display import console

    table = Table(title=escape(name))
    table.add_column(escape(name))
    table.add_row(escape(name))
    console.out.print(table)
    console.err.print(escape(name), soft_wrap=True)
    console.print_error(name, name)
    console.print_json({name: name})
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert text.strip()
        assert all(mark.isprintable() or mark == "\n" for mark in text)

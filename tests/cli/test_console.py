"""What is printed where no terminal shows it is what was meant, without the spaces that fill a terminal's lines."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from sentrec.cli.display import console


@pytest.fixture
def table() -> Table:
    made = Table("name", "what", title="a title", box=None)
    made.add_row("[bold]a[/]", "long words " * 20)
    made.add_row("bb", "")
    return made


def test_tables_and_wrapped_sentences_end_without_spaces(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    plain = Console(file=io.StringIO(), width=console.out.width, highlight=False, emoji=False)
    for printer in (console.out, plain):
        printer.print(table)
        printer.print("words that fill more than one line of a terminal " * 5)
        printer.print("\n  [red]indented[/] \\[escaped]", "two", sep="-", end="!  \n")
    assert isinstance(plain.file, io.StringIO)
    lines = plain.file.getvalue().split("\n")
    assert any(line != line.rstrip() for line in lines)
    assert capsys.readouterr().out.split("\n") == [line.rstrip() for line in lines]


def test_long_lines_stay_whole_and_a_line_may_be_printed_in_parts(capsys: pytest.CaptureFixture[str]) -> None:
    console.out.print("path/" * 100, soft_wrap=True)
    console.out.print("first line \nand ", end="")
    console.out.print("the rest ")
    assert capsys.readouterr().out == "path/" * 100 + "\nfirst line\nand the rest\n"


def test_a_terminal_gets_what_rich_makes_for_it(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    for kind in (type(console.out), Console):
        terminal = kind(file=io.StringIO(), width=60, force_terminal=True, _environ={"TERM": "xterm"})
        terminal.print(table)
        assert isinstance(terminal.file, io.StringIO)
        shown.append(terminal.file.getvalue())
    assert shown[0] == shown[1]
    assert "\x1b[1m" in shown[0]


def test_a_console_that_is_not_utf_8_shows_what_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    from sentrec.cli import main

    stream = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="")
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr("sys.argv", ["sentrec", "no-such-command-映画"])
    with pytest.raises(SystemExit):
        main.run()
    console.out.print("Amélie 映画", soft_wrap=True)
    console.print_json({"title": "映画"})
    stream.flush()
    assert stream.buffer.getvalue().decode("cp1252") == 'Amélie ??\n{\n  "title": "??"\n}\n'  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("there is no run", "There is no run"),
        ("imdb.yaml is missing", "imdb.yaml is missing"),
        ("sentrec fetch-glove 6B", "sentrec fetch-glove 6B"),
        ("'x' is unknown", "'x' is unknown"),
        ("data.train: wrong", "data.train: wrong"),
        ("reviews does not exist.", "reviews does not exist."),  # as it was typed
        ("", ""),
    ],
)
def test_sentences_begin_with_a_capital_letter_and_names_do_not(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["sentrec", "recommend", "reviews"])
    assert console.sentence(text) == shown

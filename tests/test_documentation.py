"""What the documents tell people to type works: commands are parsed by the real command line, Python blocks run."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
import yaml

import sentrec
from sentrec.cli.main import app
from sentrec.plugins import Registry
from sentrec.recipe.reading import builtin_recipes

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    *("README.md", "CONTRIBUTING.md", "recipes/README.md", "tests/benchmarks/README.md"),
    *(
        "examples/tutorial.md",
        "examples/films.md",
        "examples/transfer/README.md",
        "examples/self-attention-plugin/README.md",
    ),
)
COMMAND_LINE = typer.main.get_command(app)
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return [match[2] for match in _BLOCK.finditer(text) if match[1] == language]


def commands() -> list[str]:
    """Every line of a document, a recipe's header or the Makefile that calls sentrec."""
    texts = [block for document in DOCUMENTS for kind in ("console", "sh") for block in blocks(document, kind)]
    texts += [recipe.header for recipe in builtin_recipes()]
    texts += [(ROOT / "Makefile").read_text(encoding="utf-8").replace("$(BIN)/", "")]
    lines = [line.strip() for text in texts for line in text.replace("\\\n", " ").splitlines()]
    return sorted({line for line in lines if re.match(r"(\w+=\S+ )*sentrec ", line)})


def parse(command: Any, words: list[str]) -> None:
    """Parses as the command line would, without running anything; raises what it would complain of."""
    name, *arguments = words
    if hasattr(command, "commands"):
        assert arguments, f"{name} needs a subcommand"
        assert arguments[0] in command.commands, f"no subcommand {arguments[0]}"
        parse(command.commands[arguments[0]], arguments)
        return
    with command.make_context(name, list(arguments)):
        pass


def test_the_documents_hold_commands() -> None:
    assert len(commands()) >= 10


@pytest.mark.parametrize("line", commands())
def test_a_documented_command_is_a_real_one(line: str) -> None:
    words = [word for word in shlex.split(line, comments=True) if not re.match(r"[A-Z_]+=", word)]
    parse(COMMAND_LINE, words)


def test_the_parser_of_this_test_refuses_what_does_not_exist() -> None:
    with pytest.raises(AssertionError, match="no subcommand"):
        parse(COMMAND_LINE, ["sentrec", "trian"])
    with pytest.raises(Exception, match="--dmi") as caught:
        parse(COMMAND_LINE, ["sentrec", "fetch-glove", "--dmi", "50"])
    assert type(caught.value).__name__ == "NoSuchOption"


def test_the_readme_encoder_works_as_it_stands() -> None:
    (code,) = (block for block in blocks("README.md", "python") if "sentrec_register_encoders" in block)
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(code, "README.md", "exec"), namespace)
    registry = Registry()
    plugin = type("Plugin", (), {"sentrec_register_encoders": staticmethod(namespace["sentrec_register_encoders"])})
    registry.add("mean", "readme", lambda: plugin)
    assert [report.error for report in registry.reports] == [None]
    encoder = registry.entry("mean").implementation(namespace["MeanConfig"](size=3), 5)
    features = encoder(torch.ones(2, 4, 5), torch.tensor([[True] * 4, [True, False, False, False]]))
    assert features.shape == (2, 3)
    assert torch.allclose(features[0], features[1])


def test_the_public_names_that_the_readme_uses_exist() -> None:
    (code,) = (block for block in blocks("README.md", "python") if "import sentrec\n" in block)
    names = set(re.findall(r"\bsentrec\.(\w+)", code))
    assert names >= {"load_recipe", "train", "load"}
    assert names <= set(sentrec.__all__)
    assert all(hasattr(sentrec, name) for name in names)


def test_the_readme_recipe_is_valid(tmp_path: Path) -> None:
    (text,) = blocks("README.md", "yaml")
    (tmp_path / "wide.yaml").write_text(text, encoding="utf-8")
    recipe = sentrec.load_recipe(tmp_path / "wide.yaml")
    assert recipe.encoder["hidden"] == yaml.safe_load(text)["encoder"]["hidden"]
    assert recipe.data.dataset == "imdb"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_and_folders_that_a_document_names_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for name in re.findall(r"`((?:sentrec|plugins|recipes|tests|examples)/[\w/.-]*)`", text):
        assert (ROOT / name).exists() or (ROOT / document).parent.joinpath(name).exists(), name
    for name in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", text):
        assert (ROOT / document).parent.joinpath(name).exists(), name


def test_the_layout_names_every_package() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    packages = {path.parent.name for path in (ROOT / "sentrec").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `sentrec/(\w+)/` \|", text, re.MULTILINE)) == packages


def test_a_recipe_is_told_the_same_accuracy_in_its_header_as_among_the_results() -> None:
    text = (ROOT / "recipes" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)\.yaml` \|.*?\| (0\.\d+(?: ± 0\.\d+)?) \|", text, re.MULTILINE)
    headers = {recipe.name: " ".join(recipe.header.split()) for recipe in builtin_recipes()}
    assert len(rows) >= 10
    assert [name for name, accuracy in rows if f"test accuracy {accuracy}" not in headers[name]] == []

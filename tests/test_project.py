"""The project as a whole: packaging, layout, start-up time."""

import ast
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TOP_LEVEL = {
    *("sentrec", "plugins", "recipes", "tests", "examples", ".ci", ".gitignore", "pyproject.toml", "constraints.txt"),
    *("Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
}
MOST_LINES = 300
MOST_LINES_OF_A_FUNCTION = 60
HEAVY = ("torch", "datasets", "sklearn", "pandas", "pyarrow", "matplotlib", "accelerate")


def project_files(*patterns: str) -> list[Path]:
    """The files that are or could be committed: what git tracks and what it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def imports_of(path: Path) -> list[str]:
    """The modules that a file imports, at its head or anywhere in it."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    return names


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_pyproject_lists_every_sub_package_and_no_other() -> None:
    folders = PROJECT["tool"]["setuptools"]["package-dir"]
    listed = PROJECT["tool"]["setuptools"]["packages"]
    found = set()
    for package, folder in folders.items():
        for initializer in (ROOT / folder).rglob("__init__.py"):
            inner = initializer.parent.relative_to(ROOT / folder).parts
            found.add(".".join((package, *inner)))
    assert sorted(listed) == sorted(found)


def test_every_entry_point_names_a_module_that_exists() -> None:
    for target in PROJECT["project"]["entry-points"]["sentrec"].values():
        package, _, module = target.rpartition(".")
        assert package == "sentrec_plugins"
        assert (ROOT / "plugins" / f"{module}.py").is_file()


def test_constraints_pin_every_dependency_exactly() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(pin.count("==") == 1 for pin in pins)
    pinned = {pin.partition("==")[0].lower().replace("_", "-") for pin in pins}
    wanted = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    assert {name.partition(">")[0].lower().replace("_", "-") for name in wanted} <= pinned
    assert "torch==2.13.0" in pins


def test_the_version_is_the_same_everywhere() -> None:
    import sentrec

    version = PROJECT["project"]["version"]
    assert sentrec.__version__ == version
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_nothing_lies_at_the_top_level_that_does_not_belong_there() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in project_files()} <= TOP_LEVEL


def test_no_python_file_is_too_long() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in project_files("*.py")}
    assert {str(path.relative_to(ROOT)): lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_function_is_too_long() -> None:
    long = []
    for path in project_files("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                long += [f"{path.relative_to(ROOT)}: {node.name}: {lines}"] * (lines > MOST_LINES_OF_A_FUNCTION)
    assert long == []


def test_the_core_imports_neither_cli_nor_plugins_nor_rich() -> None:
    outside = ("sentrec.cli", "sentrec_plugins", "rich", "typer")
    offenders = []
    for path in project_files("sentrec/*.py"):
        if "cli" in path.relative_to(ROOT).parts or path.name == "__main__.py":
            continue
        names = imports_of(path)
        offenders += [
            f"{path.name}: {name}" for name in names if f"{name}.".startswith(tuple(f"{o}." for o in outside))
        ]
    assert offenders == []


def test_recipes_know_nothing_of_what_is_made_of_them() -> None:
    known = {"sentrec.recipe", "sentrec.errors", "sentrec.files", "sentrec.plugins"}
    found = set()
    for path in project_files("sentrec/recipe/*.py"):
        found |= {".".join(name.split(".")[:2]) for name in imports_of(path) if name.startswith("sentrec")}
    assert found <= known


def test_encoders_are_written_against_the_public_names_only() -> None:
    offenders = []
    for path in project_files("plugins/*.py", "examples/*/src/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sentrec."):
                offenders.append(f"{path.name}: {node.module}")
    assert offenders == []


def test_nothing_is_pickled() -> None:
    for path in project_files("sentrec/*.py", "plugins/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", "")}
                assert not names & {"pickle", "joblib", "dill", "cloudpickle", "shelve"}, path


def heavy_imports(code: str) -> list[str]:
    printed = run_python(f"{code}\nimport sys; print('heavy:', *(name for name in {HEAVY!r} if name in sys.modules))")
    return printed.splitlines()[-1].split()[1:]


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert heavy_imports("import sentrec") == []


LISTINGS = (["--help"], ["train", "--help"], ["export", "--help"], ["recipes", "list"], ["models", "list"])


@pytest.mark.parametrize("arguments", LISTINGS, ids=" ".join)
def test_help_and_listings_import_nothing_heavy(arguments: list[str]) -> None:
    start = "from sentrec.cli.main import app"
    assert heavy_imports(f"{start}\napp({arguments!r}, standalone_mode=False)") == []


def test_ranking_kept_scores_again_loads_no_torch() -> None:
    imported = heavy_imports("import sentrec.recommend.recommend, sentrec.metrics.ranking")
    assert not {"torch", "sklearn"} & set(imported)


def test_the_check_for_heavy_imports_sees_them() -> None:
    assert heavy_imports("import pyarrow") == ["pyarrow"]


def test_help_answers_within_half_a_second() -> None:
    code = "import sys; sys.argv = ['sentrec', '--help']; from sentrec.cli.main import run; run()"
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        assert "fetch-glove" in run_python(code)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.5


def test_the_command_is_installed_and_answers() -> None:
    command = Path(sys.executable).with_name("sentrec")
    answer = subprocess.run([str(command), "--version"], check=True, capture_output=True, text=True).stdout
    assert answer.strip() == f"sentrec {PROJECT['project']['version']}"


def test_make_explains_a_python_that_is_too_old(tmp_path: Path) -> None:
    old = tmp_path / "python-old"
    old.write_text('#!/bin/sh\nif [ "$1" = -V ]; then echo Python 3.9.1; fi\nexit 1\n', encoding="utf-8")
    old.chmod(0o755)
    command = ["make", "-f", str(ROOT / "Makefile"), "test", f"PYTHON={old}"]
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    tried = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert tried.returncode != 0
    assert "sentrec needs Python 3.11 or newer" in tried.stderr
    assert "Python 3.9.1" in tried.stderr
    assert not (tmp_path / ".venv").exists()

"""The project as a whole: packaging, layout, start-up time."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Collection
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TOP_LEVEL = {
    *("sentrec", "plugins", "recipes", "tests", "examples", ".ci", ".gitignore", "pyproject.toml", "constraints.txt"),
    *("Makefile", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
    *("Dockerfile", "compose.yaml", ".dockerignore"),
}
MOST_LINES = 300
MOST_LINES_OF_A_FUNCTION = 60
WEB = ("fastapi", "gradio", "prometheus_client", "starlette", "uvicorn")
HEAVY = (
    *WEB,
    *("torch", "datasets", "sklearn", "pandas", "pyarrow", "matplotlib", "accelerate", "numpy", "scipy"),
    "transformers",
)


@cache
def project_files(*patterns: str) -> list[Path]:
    """The files that are or could be committed: what git tracks and what it does not ignore."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """All of a file's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports_of(path: Path) -> list[str]:
    """The modules that a file imports, at its head or anywhere in it."""
    names = []
    for node in nodes_of(path):
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
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                long += [f"{path.relative_to(ROOT)}: {node.name}: {lines}"] * (lines > MOST_LINES_OF_A_FUNCTION)
    assert long == []


FLOORS = (
    {"errors", "encoder", "recommender", "callable"},
    {"hookspecs", "files"},
    {"plugins"},
    {"recipe", "glove", "metrics"},
    {"text"},
    {"data"},
    {"ngrams"},
    {"models"},
    {"adapt"},
    {"runs", "testing"},
    {"inference"},
    {"explain", "rating"},
    {"training"},
    {"evaluation"},
    {"recommend"},
    {"transfer", "export", "search"},
    {"checks", "serve", "app"},
    {"cli"},
)
"""The rooms of the package from the lowest up: a file imports from its own room and from lower floors only."""
STILL_UPWARD: set[str] = set()
"""What is to go; nothing may be added."""
MOST_FILES = 230


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def core_files() -> dict[str, Path]:
    """The modules of the package, by name, without its two doors."""
    doors = {"sentrec", "sentrec.__main__"}
    return {name: path for path in project_files("sentrec/*.py") if (name := module_of(path)) not in doors}


def imported_modules(path: Path, modules: Collection[str]) -> set[str]:
    """Which of `modules` a file imports; `from a import b` means the module `a.b` where there is one."""
    found = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (inner & set(modules)) or {node.module}
    return found & set(modules)


def test_every_file_imports_from_lower_rooms_only() -> None:
    floor = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
    modules = core_files()
    upward = set()
    for name, path in modules.items():
        mine = name.split(".")[1]
        for other in imported_modules(path, modules):
            theirs = other.split(".")[1]
            if theirs != mine and floor[theirs] >= floor[mine]:
                upward.add(f"{path.relative_to(ROOT)} -> {other}")
    assert upward - STILL_UPWARD == set()


def test_no_files_import_each_other_in_a_circle() -> None:
    modules = core_files()
    graph = {name: imported_modules(path, modules) - {name} for name, path in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def test_the_package_has_few_files() -> None:
    assert len(project_files("sentrec/*.py")) <= MOST_FILES


def test_the_core_imports_neither_plugins_nor_what_prints() -> None:
    outside = ("sentrec_plugins", "rich", "typer")
    offenders = []
    for module, path in core_files().items():
        if not module.startswith("sentrec.cli"):
            offenders += [f"{module}: {name}" for name in imports_of(path) if name.partition(".")[0] in outside]
    assert offenders == []


def test_encoders_are_written_against_the_public_names_only() -> None:
    offenders = []
    for path in project_files("plugins/*.py", "examples/*/src/*.py"):
        for node in nodes_of(path):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sentrec."):
                offenders.append(f"{path.name}: {node.module}")
    assert offenders == []


def test_only_their_own_packages_import_what_the_web_extras_bring() -> None:
    importing = {
        module
        for module, path in core_files().items()
        if {name.partition(".")[0] for name in imports_of(path)} & {*WEB}
    }
    assert importing
    assert {".".join(module.split(".")[:2]) for module in importing} == {"sentrec.app", "sentrec.serve"}
    others = {name: path for name, path in core_files().items() if name.split(".")[1] not in ("app", "serve")}
    for module, path in others.items():
        named = {name.split(".")[1] for name in imported_modules(path, core_files())}
        assert module == "sentrec.cli.web" or not named & {"app", "serve"}, module


def test_predicting_imports_nothing_of_the_web_extras() -> None:
    code = "from sentrec.cli.main import app\napp(['predict', 'a lovely film'], standalone_mode=False)"
    imported = heavy_imports(code)
    assert "torch" in imported
    assert not set(imported) & set(WEB)


def heavy_imports(code: str) -> list[str]:
    printed = run_python(f"{code}\nimport sys; print('heavy:', *(name for name in {HEAVY!r} if name in sys.modules))")
    return printed.splitlines()[-1].split()[1:]


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert heavy_imports("import sentrec") == []


COMMANDS = ("train", "evaluate", "export", "predict", "recommend", "transfer")
LISTINGS = (["--help"], *([name, "--help"] for name in COMMANDS), ["recipes", "list"], ["models", "list"])


def test_help_and_listings_import_nothing_heavy() -> None:
    printed = run_python(
        "import sys\nfrom sentrec.cli.main import app\n"
        f"for arguments in {LISTINGS!r}:\n"
        "    app(arguments, standalone_mode=False)\n"
        f"    print('heavy:', arguments, {{*{HEAVY!r}}} & {{*sys.modules}})\n"
    )
    found = [line for line in printed.splitlines() if line.startswith("heavy:")]
    assert found == [f"heavy: {arguments} set()" for arguments in LISTINGS]


def test_ranking_kept_scores_again_loads_no_torch() -> None:
    imported = heavy_imports(
        "import sentrec.recommend.api, sentrec.recommend.agreement, sentrec.recommend.ratings.lists"
    )
    assert not {"torch", "sklearn"} & set(imported)


def test_the_check_for_heavy_imports_sees_them() -> None:
    assert "pyarrow" in heavy_imports("import pyarrow")


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

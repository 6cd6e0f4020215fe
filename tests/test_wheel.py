"""What an ordinary installation gets: the wheel holds every package and every file that comes with them."""

import configparser
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from sentrec.runs.directory import Run

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.slow
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
FOLDERS = SETUPTOOLS["package-dir"]
OF_A_SOURCE = ("*.py", "*.yaml", "*.jsonl", "*.html", "*.tsv", "*.typed", "starter/*")
MOST_BYTES = 8_000_000


def source_files(folder: Path) -> set[str]:
    """What a package's folder holds, relative to it."""
    found = (path for pattern in OF_A_SOURCE for path in folder.rglob(pattern))
    return {path.relative_to(folder).as_posix() for path in found}


@pytest.fixture(scope="module")
def source(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the wheel is made of, so that the checkout stays clean; with a starter in any case."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in FOLDERS.values():
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    if not (copy / "sentrec" / "starter").exists():
        shutil.copytree(small_run.path, copy / "sentrec" / "starter")
    return copy


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel."""
    built = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    answer = subprocess.run([*pip, "--wheel-dir", str(built), str(source)], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    (path,) = built.glob("sentrec-*.whl")
    return path


def test_the_wheel_holds_every_source_file_and_nothing_else(wheel: Path, source: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    sources = {package: source_files(source / folder) for package, folder in FOLDERS.items()}
    assert names == {f"{package}/{name}" for package, files in sources.items() for name in files}
    assert {
        "sentrec/py.typed",
        "sentrec/__main__.py",
        "sentrec/quickstart/train.jsonl",
        "sentrec/starter/model.safetensors",
        "sentrec/starter/tokenizer.json",
        "sentrec_recipes/imdb.yaml",
    } <= names
    folders = {"/".join(name.split("/")[:-1]) for name in names}
    assert folders == {package.replace(".", "/") for package in SETUPTOOLS["packages"]} | {
        "sentrec/starter",
        "sentrec/quickstart",
    }
    assert wheel.stat().st_size < MOST_BYTES


def test_an_unpacked_wheel_knows_its_encoders_recipes_and_corpus_and_predicts_with_its_starter(
    wheel: Path, tmp_path: Path
) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import sentrec, sentrec_plugins\n"
        "from sentrec.cli.main import run\n"
        "from sentrec.plugins import registry\n"
        f"assert all(one.__file__.startswith({str(tmp_path)!r}) for one in (sentrec, sentrec_plugins))\n"
        "assert {'bilstm', 'gru', 'textcnn'} <= registry().encoders.keys()\n"
        "assert sentrec.load_recipe('imdb').data.dataset == 'imdb'\n"
        "assert all(path.is_file() for path in registry().dataset('quickstart').packaged.values())\n"
        "sys.argv = ['sentrec', 'predict', 'a lovely, superb film']; run()\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split()[0] in ("good", "positive"), answer.stderr
    assert "Model: starter, which comes with sentrec" in answer.stderr


def test_the_wheel_names_the_command_and_the_built_in_encoders(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        points = configparser.ConfigParser()
        points.read_string(archive.read(name).decode())
    assert dict(points["console_scripts"]) == {"sentrec": "sentrec.cli.main:run"}
    assert set(points["sentrec"]) == {"bilstm", "gru", "swem", "textcnn", "transformer"}

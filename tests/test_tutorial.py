"""Every command of the README and the tutorial is executed, in its order, and prints what is shown below it.

``make test-all`` runs the blocks marked ``console`` and ``console slow``. Those marked ``console data`` need real data:
``make tutorial`` runs them where `SENTREC_DATA` names a folder.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fresh_environment import make_environment
from real_data import REAL_DATA

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("README.md", "examples/tutorial.md", "examples/films.md")
IS_WHOLE = bool(os.environ.get("SENTREC_TUTORIAL"))
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_GLOVE = re.compile(r"sentrec fetch-glove (\w+) --dim (\d+)")


@dataclass(frozen=True)
class Block:
    """Commands of a document, and what they are shown to print.

    Attributes:
        document: The file.
        line: Where the block begins in it.
        kind: Empty, ``slow`` or ``data``.
        script: The commands.
        shown: The lines of the ``text`` block that follows.
    """

    document: str
    line: int
    kind: str
    script: str
    shown: tuple[str, ...] = ()


def blocks(document: str) -> list[Block]:
    """The commands of a document, in their order."""
    text = (ROOT / document).read_text(encoding="utf-8")
    found: list[Block] = []
    for match in _BLOCK.finditer(text):
        language, kind, content = match[1], match[2].strip(), match[3]
        if language == "console":
            found.append(Block(document, text.count("\n", 0, match.start()) + 1, kind, content))
        elif language == "text":
            assert not found[-1].shown, f"{document}, line {found[-1].line}: two outputs"
            found[-1] = replace(found[-1], shown=tuple(content.splitlines()))
    return found


BLOCKS = [block for document in DOCUMENTS for block in blocks(document)]


@dataclass
class Workspace:
    """A copy of what a checkout holds, with an environment of its own.

    Attributes:
        folder: The copy.
        outcomes: What each block came to, by its line.
    """

    folder: Path
    outcomes: dict[int, subprocess.CompletedProcess[str]] = field(default_factory=dict)

    def run_until(self, wanted: Block) -> subprocess.CompletedProcess[str]:
        """Runs a block, and first those before it that this suite runs; each is run once."""
        for block in blocks(wanted.document):
            if block.line <= wanted.line and block.line not in self.outcomes and reason_to_skip(block) is None:
                self.outcomes[block.line] = self._run(block)
        return self.outcomes[wanted.line]

    def _run(self, block: Block) -> subprocess.CompletedProcess[str]:
        binaries = self.folder / ".venv" / ("Scripts" if os.name == "nt" else "bin")
        environment = os.environ | {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "SENTREC_HOME": str(self.folder / "home"),
            "COLUMNS": "80",
            # What the package index would bring is installed already, and no index is reached.
            **{"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"},
            **({"SENTREC_DATA": REAL_DATA} if block.kind == "data" and REAL_DATA else {}),
        }
        command = ["bash", "-e", "-o", "pipefail", "-c", offline(block.script)]
        return subprocess.run(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def offline(script: str) -> str:
    """The same commands, with GloVe from the data folder instead of a download, and make without an installation."""
    script = re.sub(r"^make demo$", "make demo --old-file .venv/.installed", script, flags=re.MULTILINE)
    if not REAL_DATA:
        return script
    return _GLOVE.sub(
        lambda match: f"{match[0]} --from-file {REAL_DATA}/glove/glove.{match[1]}.{match[2]}d.zip", script
    )


def reason_to_skip(block: Block) -> str | None:
    """Why this suite does not run a block; None where it does."""
    if block.kind == "data" and not IS_WHOLE:
        return "takes long: `make tutorial` runs it"
    if block.kind == "data" and not REAL_DATA:
        return "SENTREC_DATA is not set: the real data sets are absent"
    return None


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """One for each document."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "examples", folder / "examples")
    (folder / "sentrec").symlink_to(ROOT / "sentrec", target_is_directory=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    make_environment(folder / ".venv")
    yield Workspace(folder)
    shutil.rmtree(folder, ignore_errors=True)


def squeezed(line: str) -> str:
    """A line without what may differ between machines: figures, and the width of columns."""
    return " ".join(re.sub(r"[-+]?\d[\d,.]*", "#", line).split())


def first_missing(shown: Iterable[str], printed: str) -> str | None:
    """The first line that a document shows and a command does not print after those before it."""
    left = iter([squeezed(line) for line in printed.splitlines()])
    # `in` takes from the iterator up to the hit: lines may be left out, but not exchanged.
    return next((line for line in shown if line.strip() not in ("", "...") and squeezed(line) not in left), None)


def test_lines_may_be_left_out_of_the_tutorial_but_not_exchanged_or_invented() -> None:
    printed = "film  score\n1 Jaws  0.91\n  + A gem.\n2 Cats  -0.12"
    assert first_missing(["film   score", "...", "1 Jaws  0.9", "2 Cats 0.1"], printed) is None
    assert first_missing(["2 Cats  0.12", "1 Jaws  0.91"], printed) == "1 Jaws  0.91"
    assert first_missing(["  + A bore."], printed) == "  + A bore."


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("test_tutorial.REAL_DATA", "/data")
    assert offline("sentrec fetch-glove 6B --dim 50\n") == (
        "sentrec fetch-glove 6B --dim 50 --from-file /data/glove/glove.6B.50d.zip\n"
    )
    assert offline("make demo\n") == "make demo --old-file .venv/.installed\n"


def test_documents_are_made_of_blocks_that_this_file_knows() -> None:
    assert {block.kind for block in BLOCKS} <= {"", "slow", "data"}
    assert all(sum(not block.kind for block in blocks(document)) >= 3 for document in DOCUMENTS[:2])
    assert len(blocks(DOCUMENTS[2])) >= 5


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt" or not shutil.which("make"), reason="the commands are for a POSIX shell with make")
@pytest.mark.parametrize(
    ("workspace", "block"),
    [pytest.param(block.document, block, id=f"{block.document}-line-{block.line}") for block in BLOCKS],
    indirect=["workspace"],
)
def test_the_commands_do_what_the_document_shows(block: Block, workspace: Workspace) -> None:
    if reason := reason_to_skip(block):
        pytest.skip(reason)
    finished = workspace.run_until(block)
    assert finished.returncode == 0, finished.stdout
    assert "Traceback" not in finished.stdout
    missing = first_missing(block.shown, finished.stdout)
    assert missing is None, f"{missing!r} is not printed, or not there:\n{finished.stdout}"

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from command_line import Invoke
from glove_server import SMALL_TEXT, ArchiveServer, serve, zipped

from sentrec.errors import GloveError
from sentrec.glove.catalog import PUBLICATIONS, Publication
from sentrec.glove.store import glove_home, open_vectors

ARCHIVE = zipped({"glove.tiny.2d.txt": SMALL_TEXT})


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[ArchiveServer]:
    checksums = {2: hashlib.md5(SMALL_TEXT).hexdigest()}
    monkeypatch.setitem(PUBLICATIONS, "tiny", Publication("tiny", "glove.tiny.zip", 1000, 3, "for tests", checksums))
    with serve({"glove.tiny.zip": ARCHIVE}) as server:
        yield server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.txt"
    path.write_bytes(SMALL_TEXT + b"the 9 9\ncaf\xe9 1 2\n")
    return path


@pytest.fixture
def run(invoke: Invoke) -> Invoke:
    return partial(invoke, "fetch-glove")


def test_fetching_ends_with_where_it_lies_and_what_comes_next(run: Invoke, mirror: ArchiveServer) -> None:
    result = run("tiny", "--dim", 2, "--mirror", mirror.url)
    assert result.exit_code == 0, result.output
    assert "Stored GloVe tiny: 3 words, 2 dimensions, in " in result.stdout
    assert str(glove_home() / "tiny.2d") in result.stdout
    assert "Next: sentrec train --recipe imdb.yaml --set glove.name=tiny --set glove.dim=2" in result.stdout
    again = run("tiny", "--dim", 2, "--mirror", mirror.url)
    assert "there already: 3 words, 2 dimensions" in again.stdout
    assert len(mirror.requests) == 1
    assert "no address of a mirror" in str(run("tiny", "--dim", 2, "--mirror", "not a url").exception)
    quiet = run("tiny", "--dim", 2, "--mirror", mirror.url, "--quiet", "--force")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_json_is_one_document(run: Invoke, mirror: ArchiveServer) -> None:
    first, second = (json.loads(run("tiny", "--dim", 2, "--mirror", mirror.url, "--json").stdout) for _ in "12")
    assert (first["words"], first["dim"], first["verified"], first["already"]) == (3, 2, True, False)
    assert (second["already"], second["path"]) == (True, str(glove_home() / "tiny.2d"))


def test_vectors_of_ones_own_get_a_name_and_what_was_found_is_told(run: Invoke, file: Path) -> None:
    result = run("--name", "mine", "--dim", 2, "--from-file", file)
    assert result.exit_code == 0, result.output
    assert "1 repeated words" in result.stdout
    assert "1 words with bytes that are not UTF-8" in result.stdout
    assert hashlib.sha256(file.read_bytes()).hexdigest() in result.stdout
    assert "--set glove.name=mine --set glove.dim=2" in result.stdout
    assert open_vectors("mine", 2).rows(["film"]).tolist() == [2]


def test_force_stores_again(run: Invoke, file: Path) -> None:
    run("--name", "mine", "--dim", 2, "--from-file", file)
    file.write_text("new 1 2\n")
    assert "already" in run("--name", "mine", "--dim", 2, "--from-file", file).stdout
    assert "1 words" in run("--name", "mine", "--dim", 2, "--from-file", file, "--force").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["6B", "--dim", "0"], "--dim"),
        (["6B", "--dim", "2", "--name", "mine"], "--from-file"),
        (["6B", "--dim", "50", "--from-file", "x", "--mirror", "http://x"], "--mirror"),
    ],
)
def test_wrong_usage_ends_with_code_2(run: Invoke, arguments: list[str], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert told in result.output


def test_dimensions_that_do_not_exist_are_an_error_with_those_that_do(run: Invoke) -> None:
    result = run("6B", "--dim", 51)
    assert isinstance(result.exception, GloveError)
    assert "50, 100, 200, 300" in result.exception.message


def test_list_shows_what_exists_what_is_cached_and_what_is_damaged(run: Invoke, file: Path) -> None:
    run("--name", "mine", "--dim", 2, "--from-file", file)
    rows = {(row["name"], row["dim"]): row for row in json.loads(run("--list", "--json").stdout)}
    assert rows["6B", 300]["download_bytes"] == 862_182_613
    assert rows["6B", 300]["path"] is None
    assert rows["mine", 2]["words"] == 4
    assert rows["mine", 2]["path"] == str(glove_home() / "mine.2d")
    assert {name for name, _ in rows} == {"6B", "42B", "840B", "twitter.27B", "mine"}
    assert {"twitter.27B", "mine"} <= set(run("--list").stdout.split())
    (glove_home() / "mine.2d" / "words.arrow").unlink()
    (row,) = (row for row in json.loads(run("--list", "--json").stdout) if row["name"] == "mine")
    assert "words.arrow is missing" in row["problem"]
    assert "damaged" in run("--list").stdout


def _let_interrupts_through() -> None:
    # A test run in the background ignores Ctrl-C, and a child inherits that.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from sentrec.cli.main import run; run()", "fetch-glove", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, preexec_fn=_let_interrupts_through, text=True, **pipes)


def test_errors_reach_the_shell_as_one_message_and_code_1() -> None:
    process = start("6B", "--dim", "51")
    _, shown = process.communicate(timeout=900)
    assert process.returncode == 1
    assert shown.splitlines()[0] == "Error: GloVe 6B has no vectors of 51 dimensions; it has: 50, 100, 200, 300."
    assert "Traceback" not in shown


def test_ctrl_c_keeps_the_partial_download_and_says_so() -> None:
    with serve({}) as server:
        server.stall = (b"PK" + b"\0" * 100_000, 10**6)
        process = start("6B", "--dim", "50", "--mirror", server.url)
        part = glove_home() / "downloads" / "glove.6B.zip.part"
        deadline = time.monotonic() + 240
        while not (part.exists() and part.stat().st_size > 50_000) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=900)
        server.stall_over.set()
    assert process.returncode == 130
    assert "the same command resumes there" in shown
    assert "Traceback" not in shown
    assert part.stat().st_size > 50_000

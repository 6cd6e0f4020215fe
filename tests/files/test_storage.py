"""Files come to be whole or not at all, and what the file system refuses is said in words."""

import errno
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sentrec.errors import SentrecError, did_you_mean
from sentrec.files.storage import atomic_directory, atomic_path, cache_home, disk_errors, write_json, write_text
from sentrec.files.versions import code_of, code_version, hash_of_code, processor_name
from sentrec.models.words import TokenEmbedding


def write_file(path: Path, content: str, fail: bool = False) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
        if fail:
            raise RuntimeError("on the way")


def write_folder(path: Path, content: str, fail: bool = False) -> None:
    with atomic_directory(path) as temporary:
        (temporary / "file").write_text(content, encoding="utf-8")
        if fail:
            raise RuntimeError("on the way")


def content_of(path: Path) -> str:
    return (path / "file" if path.is_dir() else path).read_text(encoding="utf-8")


each_way = pytest.mark.parametrize("write", [write_file, write_folder])


@each_way
def test_it_appears_whole_in_folders_that_are_made(tmp_path: Path, write: Callable[..., None]) -> None:
    path = tmp_path / "new" / "folder" / "x"
    write(path, "first")
    write(path, "second")
    assert content_of(path) == "second"
    assert list(path.parent.iterdir()) == [path], "nothing temporary is left"


@each_way
def test_a_failure_keeps_what_was_there_and_leaves_nothing(tmp_path: Path, write: Callable[..., None]) -> None:
    path = tmp_path / "x"
    write(path, "first")
    for target in (path, tmp_path / "other"):
        with pytest.raises(RuntimeError, match="on the way"):
            write(target, "second", fail=True)
    assert content_of(path) == "first"
    assert list(tmp_path.iterdir()) == [path]


@each_way
def test_others_may_read_it_as_the_umask_allows(tmp_path: Path, write: Callable[..., None]) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "x", "first")
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 in (0o640, 0o750)


def test_others_may_read_what_a_library_wrote_for_its_owner_only(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with atomic_path(tmp_path / "x") as temporary:
            temporary.unlink()
            os.close(os.open(temporary, os.O_CREAT | os.O_WRONLY, 0o600))
    finally:
        os.umask(before)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


@each_way
def test_the_umask_of_the_process_is_never_touched(
    tmp_path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # While one thread changes the umask, files that another one makes may be written by everybody.
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask was changed"))
    write(tmp_path / "x", "first")
    assert content_of(tmp_path / "x") == "first"


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EDQUOT, "The disk is full"),
        (errno.EACCES, "No permission"),
        (errno.EROFS, "No permission"),
        (errno.ENAMETOOLONG, "Cannot write"),
    ],
)
def test_what_the_disk_refuses_is_said_in_words(number: int, words: str) -> None:
    with pytest.raises(SentrecError, match=f"{words}.*mine.txt") as caught, disk_errors(Path("mine.txt")):
        raise OSError(number, os.strerror(number))
    assert caught.value.hint


def test_an_error_of_another_kind_stays_what_it_is() -> None:
    with pytest.raises(FileNotFoundError), disk_errors(Path("mine.txt")):
        raise FileNotFoundError(errno.ENOENT, "gone")


@each_way
def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path, write: Callable[..., None]) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SentrecError, match="Cannot write"):
        write(tmp_path / "file" / "x", "first")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_does_not_take_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(SentrecError, match="Cannot write"):
        write_folder(tmp_path / "x", "first")
    assert (tmp_path / "x").read_text() == "mine"
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_a_folder_that_cannot_be_replaced_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    write_folder(path, "first")
    replace = Path.replace

    def refuse_the_new(self: Path, target: Path) -> Path:
        if self.suffix == ".part":
            raise OSError(errno.EACCES, "refused")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse_the_new)
    with pytest.raises(SentrecError, match="No permission"):
        write_folder(path, "second")
    assert content_of(path) == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_plain_and_knows_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"film": "Amélie", "stars": 8.5})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"film": "Amélie", "stars": 8.5}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"stars": float("nan")})
    write_text(tmp_path / "x.txt", "Amélie\n")
    assert (tmp_path / "x.txt").read_bytes() == "Amélie\n".encode()


def test_the_cache_is_where_the_variable_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SENTREC_HOME", "~/cache")
    assert cache_home() == tmp_path / "cache"
    monkeypatch.setenv("SENTREC_HOME", "")
    assert cache_home().name == "sentrec", "an empty variable is none"


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("imbd", ["imdb", "sst2"], "did you mean 'imdb'?"),
        ("x", ["imdb", "ag_news"], "known: ag_news, imdb"),
        ("x", [], "none is known"),
    ],
)
def test_the_nearest_name_is_given_else_all(name: str, known: list[str], hint: str) -> None:
    assert did_you_mean(name, known) == hint


def test_a_device_or_pipe_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with atomic_path(pipe) as path:
        assert path == pipe
    assert pipe.is_fifo()


def test_threads_that_write_into_a_new_folder_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for attempt in range(100):
            folder = tmp_path / str(attempt) / "new"
            list(pool.map(lambda name, folder=folder: write_text(folder / str(name), "text"), range(8)))
            assert len(list(folder.iterdir())) == 8


def test_every_change_of_the_code_changes_its_hash(tmp_path: Path) -> None:
    hashes = []
    for name, content in (("a.py", "x = 1"), ("a.py", "x = 2"), ("b/c.py", ""), ("b/d.txt", "not code")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
        hashes.append(hash_of_code(tmp_path))
    assert len(set(hashes[:3])) == 3
    assert hashes[3] == hashes[2]


def test_the_version_names_release_and_code() -> None:
    release, _, code = code_version().partition("+")
    assert release
    assert len(code) == 12
    assert code_version() is code_version()
    assert processor_name()


def test_a_class_is_known_by_the_module_that_defines_it() -> None:
    assert len(code_of(TokenEmbedding)) == 12
    assert code_of(TokenEmbedding) == hash_of_code(Path(__import__("sys").modules[TokenEmbedding.__module__].__file__))

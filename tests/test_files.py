"""Files are written whole or not at all."""

import errno
import json
from pathlib import Path

import pytest

from sentrec.errors import SentrecError
from sentrec.files import atomic_directory, atomic_path, cache_home, disk_errors, write_json


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_text(f"half {1 / 0}")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_folder_leaves_the_old_folder_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(ZeroDivisionError), atomic_directory(path) as temporary:
        (temporary / "half").write_text(f"half {1 / 0}")
    assert [entry.name for entry in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_new_folder_replaces_the_old_one_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with atomic_directory(path) as temporary:
            (temporary / name).touch()
    assert [entry.name for entry in path.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_have_the_usual_permissions(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    write_json(tmp_path / "ours.json", {"a": 1})
    assert (tmp_path / "ours.json").stat().st_mode == usual.stat().st_mode


def test_json_holds_no_number_that_json_lacks(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    write_json(tmp_path / "x.json", {"ü": [1.5, None]})
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == {"ü": [1.5, None]}


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EACCES, "No permission")])
def test_the_disks_refusals_are_errors_with_a_hint(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises(SentrecError, match=words) as caught, disk_errors(tmp_path):
        raise OSError(number, "refused")
    assert caught.value.hint


def test_other_errors_of_the_disk_pass_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk_errors(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "gone")


def test_sentrec_home_names_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SENTREC_HOME", str(tmp_path))
    assert cache_home() == tmp_path
    monkeypatch.delenv("SENTREC_HOME")
    assert cache_home().name == "sentrec"

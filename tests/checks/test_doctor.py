"""The diagnosis tells what is there, and every fault with what fixes it."""

import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from sentrec.checks import doctor
from sentrec.checks.doctor import diagnose
from sentrec.checks.findings import Finding, all_usable
from sentrec.files.storage import cache_home
from sentrec.glove.fetch import fetch_glove
from sentrec.plugins import Registry


def about(topic: str) -> list[Finding]:
    return [finding for finding in diagnose().findings if finding.topic == topic]


def test_versions_hold_python_sentrec_and_every_requirement() -> None:
    versions = diagnose().versions
    assert {"python", "sentrec", "torch", "tokenizers", "pyarrow"} <= versions.keys()
    assert "pytest" not in versions
    assert versions["torch"] == metadata.version("torch")


def test_a_requirement_that_is_missing_or_too_old_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        metadata, "requires", lambda name: ["no-such-package>=1", "numpy>=999", "pytest; extra == 'dev'"]
    )
    found = about("packages")
    assert [finding.state for finding in found] == ["missing", "missing"]
    assert [finding.fix for finding in found] == ["pip install 'no-such-package>=1'", "pip install 'numpy>=999'"]
    assert not all_usable(found)


def test_extras_are_listed_with_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"app", "excel", "serve"} <= diagnose().extras.keys()
    assert not {"dev", "bench"} & diagnose().extras.keys()
    needs = ["numpy>=2", "pytest; extra == 'app'", "no-such-package; extra == 'serve'", "numpy>=999; extra == 'excel'"]
    monkeypatch.setattr(metadata, "requires", lambda name: needs)
    extras = diagnose().extras
    assert (extras["app"], extras["serve"], extras["excel"]) == ([], ["no-such-package"], ["numpy"])


def test_cached_vectors_are_listed_and_damaged_ones_come_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("good 1.0 2.0\nbad -1.0 -2.0\n", encoding="utf-8")
    vectors = fetch_glove("mine", 2, from_file=tmp_path / "mine.txt")
    (entry,) = diagnose().cache["glove"]
    assert (entry["name"], entry["dim"], entry["words"]) == ("mine", 2, 2)
    assert about("glove") == []
    (vectors.path / "matrix.npy").write_bytes(b"short")
    (damaged,) = about("glove")
    assert "damaged" in damaged.detail
    assert damaged.fix == "sentrec fetch-glove mine --dim 2 --from-file FILE --force"


def test_the_folders_that_may_be_deleted_are_sized(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTREC_HOME", str(tmp_path))
    empty = dict.fromkeys(
        ("encoded", "tokenizers", "teachers", "sources", "scoring", "predictions", "frozen", "verified"), 0
    )
    assert diagnose().cache["folders"] == empty
    (tmp_path / "encoded").mkdir()
    (tmp_path / "encoded" / "a.arrow").write_bytes(bytes(700))
    (tmp_path / "encoded" / "b.arrow").write_bytes(bytes(50))
    (tmp_path / "scoring" / "one").mkdir(parents=True)
    (tmp_path / "scoring" / "one" / "0.parquet").write_bytes(bytes(30))
    (tmp_path / "taught").mkdir()  # of an earlier version
    (tmp_path / "taught" / "0.npy").write_bytes(bytes(9))
    assert diagnose().cache["folders"] == empty | {"encoded": 750, "scoring": 30, "taught": 9}


@pytest.mark.usefixtures("small_run", "warm_cache")
def test_what_a_training_caches_lies_in_those_folders() -> None:
    folders = diagnose().cache["folders"]
    assert folders["encoded"] > 0
    assert folders["tokenizers"] > 0
    kept = {"glove", "locks", "rows"}  # the last: texts from memory, which runs of other tests refer to
    assert {path.name for path in cache_home().iterdir()} <= {*folders, *kept}


def test_a_broken_plugin_is_noted_and_the_rest_stays_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise ImportError("no module named 'gone'")

    registry = Registry()
    registry.add("strange", "strange-encoders 0.3", broken)
    monkeypatch.setattr(doctor, "registry", lambda: registry)
    (finding,) = about("plugins")
    assert "no module named 'gone'" in finding.detail
    assert finding.fix == "pip install --upgrade strange-encoders, or pip uninstall strange-encoders"
    assert all_usable([finding])


def test_the_data_folder_lists_its_datasets_and_their_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path))
    assert [finding.state for finding in about("data")] == ["note"]
    (tmp_path / "cinema").mkdir()
    (tmp_path / "not-a-dataset").mkdir()
    pa.parquet.write_table(pa.table({"text": ["good"], "label": [1]}), tmp_path / "cinema" / "train.parquet")
    assert diagnose().data == {"folder": str(tmp_path), "datasets": {"cinema": ["train"]}}
    assert about("data") == []


def test_little_free_space_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(Path())
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10**8))
    assert [finding.detail[:19] for finding in about("disk")] == ["only 0.1 GB are fre"]


def test_a_cache_folder_may_be_absent_and_one_that_cannot_be_written_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTREC_HOME", str(tmp_path / "not" / "yet"))
    assert about("cache") == []
    assert not (tmp_path / "not").exists()
    (tmp_path / "file").write_text("mine")
    for home in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/x")):
        monkeypatch.setenv("SENTREC_HOME", str(home))
        (found,) = about("cache")
        assert (found.state, found.fix) == ("missing", "export SENTREC_HOME=FOLDER")
        assert str(home) in found.detail

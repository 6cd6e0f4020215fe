"""`sentrec doctor` says what is there and fixes nothing by itself."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sentrec.checks.doctor import diagnose
from sentrec.cli.main import app


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments])


def test_a_fresh_installation_is_usable_and_is_told_how_to_fetch_vectors() -> None:
    result = doctor()
    assert result.exit_code == 0
    assert "sentrec fetch-glove 6B --dim 50" in result.stdout
    assert "sentrec is ready" in result.stdout
    folders = ("encoded", "tokenizers", "teachers", "sources", "scoring")
    assert ", ".join(f"{folder}/ 0.0 MB" for folder in folders) + ": these may be deleted" in result.stdout
    assert "bilstm" in result.stdout


def test_json_carries_every_section() -> None:
    diagnosis = json.loads(doctor("--json").stdout)
    assert set(diagnosis) == {"versions", "device", "cache", "plugins", "data", "findings", "usable"}
    assert diagnosis["usable"] is True
    assert diagnosis["versions"]["torch"]
    assert diagnosis["device"]["type"] in ("cpu", "cuda", "mps")


def test_a_data_folder_that_does_not_exist_makes_it_unusable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path / "absent"))
    result = doctor()
    assert result.exit_code == 1
    assert "which is no folder" in result.stdout
    assert "not usable yet" in result.stdout


@pytest.mark.parametrize(
    ("threads", "processors", "words"),
    [(1, 2, "1 thread of 2 processors"), (1, 1, "1 thread of 1 processor"), (4, 8, "4 threads of 8 processors")],
)
def test_one_thread_is_no_threads(monkeypatch: pytest.MonkeyPatch, threads: int, processors: int, words: str) -> None:
    found = diagnose()
    device = {**found.device, "threads": threads, "processors": processors}
    monkeypatch.setattr("sentrec.checks.doctor.diagnose", lambda: replace(found, device=device))
    assert f"; {words}; " in doctor().stdout

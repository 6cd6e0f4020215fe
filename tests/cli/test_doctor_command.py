"""`sentrec doctor` says what is there and fixes nothing by itself."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import Invoke

from sentrec.checks.doctor import diagnose


def test_a_fresh_installation_is_usable_and_says_how_to_fetch_vectors(invoke: Invoke) -> None:
    result = invoke("doctor")
    assert result.exit_code == 0
    assert "sentrec fetch-glove 6B --dim 50" in result.stdout
    assert "sentrec is ready" in result.stdout
    folders = ("encoded", "tokenizers", "teachers", "sources", "scoring", "predictions", "frozen", "verified")
    assert ", ".join(f"{folder}/ 0.0 MB" for folder in folders) + ": these may be deleted" in result.stdout
    assert "bilstm" in result.stdout


def test_json_carries_every_section(invoke: Invoke) -> None:
    diagnosis = json.loads(invoke("doctor", "--json").stdout)
    assert set(diagnosis) == {"versions", "extras", "device", "cache", "plugins", "data", "findings", "usable"}
    assert diagnosis["usable"] is True
    assert diagnosis["versions"]["torch"]
    assert diagnosis["device"]["type"] in ("cpu", "cuda", "mps")


def test_a_data_folder_that_does_not_exist_makes_it_unusable(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path / "absent"))
    result = invoke("doctor")
    assert result.exit_code == 1
    assert "which is no folder" in result.stdout
    assert "not usable yet" in result.stdout


@pytest.mark.parametrize(
    ("threads", "processors", "words"),
    [(1, 2, "1 thread of 2 processors"), (1, 1, "1 thread of 1 processor"), (4, 8, "4 threads of 8 processors")],
)
def test_one_thread_is_no_threads(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, threads: int, processors: int, words: str
) -> None:
    found = diagnose()
    device = {**found.device, "threads": threads, "processors": processors}
    monkeypatch.setattr("sentrec.checks.doctor.diagnose", lambda: replace(found, device=device))
    assert f"; {words}; " in invoke("doctor").stdout

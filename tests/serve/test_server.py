"""The server as a process: it answers, shares its work, and finishes what it has accepted when it is told to stop."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from small_runs import start_sentrec

from sentrec.runs.directory import Run

pytestmark = pytest.mark.slow
Start = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def start(small_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts a server on a free port; gives the process and where it listens."""
    monkeypatch.chdir(tmp_path)
    started = []

    def begin(*options: str) -> tuple[subprocess.Popen[str], str]:
        process = start_sentrec("serve", "--model", str(small_run.path), "--port", "0", *options)
        started.append(process)
        assert process.stderr
        told = re.search(r"http://\S+", process.stderr.readline())
        assert told
        return process, told[0]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_was_accepted_is_answered_before_the_end(start: Start, workers: str) -> None:
    process, address = start("--workers", workers)
    texts = [f"a lovely film, row {row}" for row in range(100)]
    with httpx.Client(base_url=address, timeout=60) as client, ThreadPoolExecutor(8) as pool:
        assert client.get("/health").json() == {"status": "alive"}
        (label,) = {one["label"] for one in client.post("/predict", json={"texts": texts}).json()["predictions"]}
        answers = [pool.submit(client.post, "/predict", json={"texts": texts}) for _ in range(8)]
        answers[0].result()
        process.send_signal(signal.SIGTERM)
        codes = [answer.result().status_code for answer in answers if not answer.exception()]
    assert label == "good"
    assert set(codes) == {200}
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    assert "Traceback" not in told
    assert "lovely" not in told


def test_a_process_that_dies_is_replaced_and_figures_are_summed(start: Start) -> None:
    process, address = start("--workers", "2")
    with httpx.Client(base_url=address, timeout=60) as client:
        client.get("/health")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        assert len(children) == 2
        for _ in range(4):
            assert client.post("/predict", json={"text": "dull"}, headers={"Connection": "close"}).is_success
        figures = client.get("/metrics").text
        assert re.search(r'sentrec_texts_total\{model="[^"]+"\} 4.0', figures), figures
        os.kill(int(children[0]), signal.SIGKILL)
    with httpx.Client(base_url=address, timeout=60, transport=httpx.HTTPTransport(retries=3)) as client:
        assert client.get("/health").is_success
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_port_that_is_taken_is_told(start: Start) -> None:
    _, address = start()
    process = start_sentrec("serve", "--port", address.rpartition(":")[2])
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "cannot be listened on" in told
    assert "Traceback" not in told

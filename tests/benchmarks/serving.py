"""Load on `sentrec serve`, from clients on the same machine: ``python -m benchmarks.serving`` in the folder ``tests``.

Starts a server, asks it as fast as it answers for some seconds, and says how fast that was. Everything stays on the
loopback address, and ends by itself.
"""

import argparse
import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

WORDS = ("lovely", "dull", "superb", "awful", "moving", "tedious", "warm", "bleak")


@dataclass
class Answers:
    """What came back.

    Attributes:
        seconds: How long each answer took.
        statuses: How many answers had which status.
        elapsed: From the first request to the last answer.
    """

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    elapsed: float = 0.0

    def row(self, name: str, texts: int) -> str:
        """A line on it; `texts` is how many each request held."""
        p50, p99 = np.percentile(self.seconds, (50, 99)) * 1000
        good = self.statuses[200] / self.elapsed
        statuses = ", ".join(f"{count:,} x {status}" for status, count in sorted(self.statuses.items()))
        return (
            f"{name:<36} {good:8,.0f} requests/s {good * texts:8,.0f} texts/s   "
            f"p50 {p50:6.1f} ms, p99 {p99:6.1f} ms, longest {max(self.seconds) * 1000:6.0f} ms   {statuses}"
        )


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def request_bytes(texts: int, number: int) -> bytes:
    """A request with so many short texts, of 6 to 13 words."""
    body = json.dumps(
        {
            "texts": [
                f"The film was {WORDS[(number + text) % 8]} and {WORDS[(number * 3 + text) % 8]}, "
                f"{'and I would see it again' if text % 2 else 'said'} row {number * 64 + text}."
                for text in range(texts)
            ]
        }
    ).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _ask(port: int, texts: int, until: float, most: int, answers: Answers, number: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    requests = [request_bytes(texts, number * 16 + one) for one in range(16)]
    for turn in range(most):
        if time.perf_counter() > until:
            break
        began = time.perf_counter()
        writer.write(requests[turn % 16])
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        assert length, head
        await reader.readexactly(int(length[1]))
        answers.seconds.append(time.perf_counter() - began)
        answers.statuses[int(head[9:12])] += 1
    writer.close()


async def ask(port: int, clients: int, texts: int, seconds: float, most: int = 10**9) -> Answers:
    """Asks with some clients, each of which sends its next request once the last one is answered."""
    answers = Answers()
    began = time.perf_counter()
    jobs = (_ask(port, texts, began + seconds, most, answers, number) for number in range(clients))
    await asyncio.gather(*jobs)
    answers.elapsed = time.perf_counter() - began
    return answers


@contextmanager
def server(options: list[str]) -> Iterator[tuple[int, int]]:
    """Starts a server; gives its port and its process; afterwards, checks that it ends well when told to."""
    command = [sys.executable, "-c", "from sentrec.cli.main import run; run()", "serve", "--port", "0", *options]
    began = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        told = next(line for line in process.stderr if line.startswith("Listening"))
        port = int(re.search(r":(\d+)", told)[1])  # type: ignore[index]
        drained = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        asyncio.run(ask(port, 1, 1, 60, most=1))
        _tell(f"first answer {time.perf_counter() - began:.1f} s after the start")
        yield port, process.pid
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        drained.wait(60)
        _tell(f"ended with {process.returncode}")


def memory(process: int) -> float:
    """MB that a process and its children hold, shared pages counted once for each by their share (PSS)."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split()
    texts = [Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii") for one in (process, *children)]
    return sum(int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1]) for text in texts) / 1000  # type: ignore[index]


def main() -> None:
    """Measures what the options say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--requests", type=int, default=0, help="further single requests, for memory")
    parser.add_argument("--workers", default="1")
    options = parser.parse_args()
    with server(["--workers", options.workers]) as (port, process):
        for name, clients, texts in (
            ("4 clients, 64 texts a request", 4, 64),
            ("32 clients, 1 text a request", 32, 1),
            ("64 clients, 64 texts a request", 64, 64),
        ):
            _tell(asyncio.run(ask(port, clients, texts, options.seconds)).row(name, texts))
        for _ in range(options.requests // 20_000):
            _tell(f"{memory(process):.0f} MB")
            asyncio.run(ask(port, 32, 1, 600, most=20_000 // 32))
        _tell(f"{memory(process):.0f} MB at the end")


if __name__ == "__main__":
    main()

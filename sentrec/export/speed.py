"""How fast a model is on this machine: texts a second from raw text, and seconds until a new process has answered."""

import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sentrec.errors import SentrecError
from sentrec.inference.predictor import load
from sentrec.models.device import device_name, has_bfloat16
from sentrec.recommend.scoring import ModelScorer, Precision
from sentrec.recommend.stream import CHUNK

_WARM_UP = 64
_MOST_TEXTS = 8000
_STARTS = 3
_FIRST = "One of the best films I've seen this year: touching, and superbly acted."


def measure_speed(directory: Path, texts: Sequence[str]) -> dict[str, Any]:
    """Scores texts as `sentrec recommend` does, and starts new processes.

    Args:
        directory: A finished run.
        texts: Texts of its domain; at most 8,000 are scored, all of them new to the tokenizer.

    Returns:
        ``texts_per_second`` in float32 and, where the processor has it, bfloat16; ``texts`` that were scored;
        ``first_answer_seconds``, the median of 3 times `sentrec predict` with one text, from start to end;
        ``machine`` and ``threads``.
    """
    warm_up, rest = texts[: min(_WARM_UP, len(texts) // 2)], texts[min(_WARM_UP, len(texts) // 2) :]
    scored = rest[:: max(1, len(rest) // _MOST_TEXTS)][:_MOST_TEXTS]
    predictor = load(directory)
    precisions: list[Precision] = ["float32", *(["bfloat16"] if has_bfloat16(predictor.device) else [])]  # type: ignore[list-item]
    speeds = {precision: _texts_per_second(directory, warm_up, scored, precision) for precision in precisions}
    return {
        "texts_per_second": {name: round(speed) for name, speed in speeds.items()},
        "texts": len(scored),
        "first_answer_seconds": round(statistics.median(_first_answer(directory) for _ in range(_STARTS)), 2),
        "machine": _machine(predictor.device),
        "threads": torch.get_num_threads(),
    }


def _texts_per_second(directory: Path, warm_up: Sequence[str], texts: Sequence[str], precision: Precision) -> float:
    # Loaded anew, because a predictor remembers the words that it has split before.
    scorer = ModelScorer(load(directory), precision=precision)
    with scorer.workers() as (pool, workers):
        list(pool.map(scorer.score, [warm_up] * workers))
        # No worker may be left without a chunk at the end: a stream of millions has no such end to speak of.
        rounds = math.ceil(len(texts) / (CHUNK * workers))
        size = math.ceil(len(texts) / (rounds * workers))
        started = time.perf_counter()
        list(pool.map(scorer.score, [texts[start : start + size] for start in range(0, len(texts), size)]))
        return len(texts) / (time.perf_counter() - started)


def _first_answer(directory: Path) -> float:
    started = time.perf_counter()
    command = [sys.executable, "-m", "sentrec", "predict", "--model", str(directory.resolve()), _FIRST]
    answer = subprocess.run(command, capture_output=True, text=True)
    if answer.returncode:
        last = (answer.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise SentrecError(f"a new process could not classify a text: {last}")
    return time.perf_counter() - started


def _machine(device: torch.device) -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = f"{cores} cores of {named[0] if named else platform.processor() or platform.machine()}"
    return processor if device.type == "cpu" else f"{device_name(device)}, {processor}"

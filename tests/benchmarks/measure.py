"""Medians, peak memory, sizes, measurements that need a process of their own, and what figures depend on."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).parents[1]
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
MEGA = 1e6
_PACKAGES = (
    *("sentrec", "torch", "scikit-learn", "numpy", "tokenizers", "fasttext-numpy2-wheel", "gensim"),
    *("vaderSentiment", "textblob"),
)


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median_seconds(work: Callable[[], object], repetitions: int) -> float:
    """Median wall time of several calls."""
    return statistics.median(seconds_of(work) for _ in range(repetitions))


def peak_megabytes() -> float:
    """Most memory that this process has held so far, in millions of bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # The portable figure below begins, on Linux, with what the parent held when it started this process.
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / MEGA
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024) / MEGA


def megabytes_on_disk(folder: Path) -> float:
    """What a folder's files take, in millions of bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MEGA


def all_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def confine(cores: int) -> None:
    """Leaves this process so many cores; to be called before any library starts threads."""
    for variable in _THREADS:
        os.environ[variable] = str(cores)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of this package."""
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]


def run_process(command: Sequence[str]) -> str:
    """Runs a process to its end."""
    path = os.pathsep.join([str(_TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:6])} ... failed:\n{done.stderr[-2000:]}")
    return done.stdout


def run_module(module: str, *arguments: str) -> dict[str, Any]:
    """Runs a module of this package in a process of its own and reads the JSON of the last line that it prints."""
    answer: dict[str, Any] = json.loads(run_process(module_command(module, *arguments)).splitlines()[-1])
    return answer


def machine_facts() -> dict[str, str]:
    """Processor, cores, memory, Python, versions of the packages that are installed, and the date."""
    from sentrec.files.versions import processor_name

    return {
        "processor": processor_name(),
        "cores": str(all_cores()),
        "memory": _memory(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **{name: version for name in _PACKAGES if (version := _version(name))},
        "date": date.today().isoformat(),
    }


def one_line(facts: dict[str, str]) -> str:
    """The facts as a sentence for the head of a table."""
    versions = [f"{name} {facts[name]}" for name in ("python", *_PACKAGES) if name in facts]
    return f"{facts['cores']} cores of {facts['processor']}, {facts['memory']}; {', '.join(versions)}; {facts['date']}"


def _memory() -> str:
    if "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown memory"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None

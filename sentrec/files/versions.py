"""Which code made something, and on which processor: what caches are keyed by and runs record."""

import hashlib
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parents[1]
_RECORDED = ("sentrec", "torch", "numpy", "scipy", "tokenizers", "accelerate", "safetensors", "pyarrow", "scikit-learn")


def describe_versions() -> dict[str, Any]:
    """Versions of what metrics depend on, the code, the processor, the platform, and torch's threads."""
    import torch  # caches are named after the code's version where no model is needed

    return {
        "versions": {"python": platform.python_version()} | {name: metadata.version(name) for name in _RECORDED},
        "code": code_version(),
        "processor": processor_name(),
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
    }


@cache
def code_version() -> str:
    """The version of the package and a hash of its Python files, e.g. ``0.1.0+4be0f2a9c1d3``: no older code has it."""
    return f"{metadata.version('sentrec')}+{hash_of_code(_PACKAGE)}"


def hash_of_code(folder: Path) -> str:
    """A hash of the names and contents of all Python files under a folder, or of one file."""
    digest = hashlib.sha256()
    files = [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def code_of(kind: type) -> str:
    """A hash of the module that defines a class, e.g. a plugin's encoder; empty where it has no file."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return hash_of_code(Path(file)) if file and Path(file).is_file() else ""


@cache
def processor_name() -> str:
    """What the processor calls itself, e.g. ``AMD EPYC 9R14``."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text(encoding="utf-8", errors="replace").splitlines() if listing.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()

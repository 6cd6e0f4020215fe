"""What figures depend on: the processor, the versions, the day."""

import os
import platform
from datetime import date
from importlib import metadata

from sentrec.files.versions import processor_name

from .measure import all_cores

_PACKAGES = ("sentrec", "torch", "scikit-learn", "numpy", "tokenizers", "fasttext-numpy2-wheel", "gensim")


def machine_facts() -> dict[str, str]:
    """Processor, cores, memory, Python, versions of the packages that are installed, and the date."""
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

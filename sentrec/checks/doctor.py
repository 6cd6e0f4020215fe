"""Collects what there is on this machine: versions, device, caches, plugins, data; and what is missing."""

import contextlib
import os
import platform
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from sentrec.checks.findings import Finding
from sentrec.data.tables import mirror_folder
from sentrec.errors import SentrecError
from sentrec.files.storage import DATA_VARIABLE, cache_home, require_writable
from sentrec.glove.catalog import DEFAULT_NAME
from sentrec.glove.store import CacheEntry, cached
from sentrec.plugins import PluginReport, command_registry, recommender_registry, registry

_DISTRIBUTION = "sentrec"
_FOR_DEVELOPERS = {"bench", "dev"}
_LITTLE_SPACE = 2 * 1024**3
"""Bytes; GloVe 6B takes 0.9 GB to download."""
_MADE_AGAIN = ("encoded", "tokenizers", "teachers", "sources", "scoring", "predictions", "frozen", "verified")
"""Folders of the cache that sentrec fills by itself and that may be deleted."""
_OF_OLD_VERSIONS = ("taught",)


@dataclass(frozen=True)
class Diagnosis:
    """The state of an installation."""

    versions: Mapping[str, str | None]  # by package, Python first; None for a package that is missing
    extras: Mapping[str, list[str]]  # the packages of each extra that are missing; empty: it is there
    device: Mapping[str, Any]  # what torch says of the machine; empty if torch cannot be imported
    cache: Mapping[str, Any]  # its folder, bytes free on the disk, GloVe vectors, bytes of what may be deleted
    plugins: tuple[PluginReport, ...]
    data: Mapping[str, Any]  # the folder that SENTREC_DATA names (None if unset), its data sets and their splits
    findings: tuple[Finding, ...]  # what is missing or worth knowing, each with what fixes it


def diagnose() -> Diagnosis:
    """Looks at the whole installation; changes nothing."""
    findings: list[Finding] = []
    parts = (_versions(findings), _extras(), _device(findings), _cache(findings), _plugins(findings), _data(findings))
    return Diagnosis(*parts, tuple(findings))


def _versions(findings: list[Finding]) -> dict[str, str | None]:
    versions: dict[str, str | None] = {"python": platform.python_version(), _DISTRIBUTION: _version(_DISTRIBUTION)}
    requirements = map(Requirement, metadata.requires(_DISTRIBUTION) or ())
    for requirement in sorted(requirements, key=lambda requirement: requirement.name.lower()):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = versions[requirement.name] = _version(requirement.name)
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            found = f"version {version} is installed" if version else "it is not installed"
            findings.append(
                Finding("packages", "missing", f"{requirement} is needed; {found}.", f"pip install '{requirement}'")
            )
    return versions


def _extras() -> dict[str, list[str]]:
    """The missing packages of every extra that a user may want."""
    extras = sorted({*(metadata.metadata(_DISTRIBUTION).get_all("Provides-Extra") or ())} - _FOR_DEVELOPERS)
    requirements = [Requirement(one) for one in metadata.requires(_DISTRIBUTION) or ()]
    return {extra: [one.name for one in requirements if _is_missing(one, extra)] for extra in extras}


def _is_missing(requirement: Requirement, extra: str) -> bool:
    """Whether an extra needs it and it is not there."""
    marker = requirement.marker
    if marker is None or marker.evaluate({"extra": ""}) or not marker.evaluate({"extra": extra}):
        return False
    version = _version(requirement.name)
    return version is None or not requirement.specifier.contains(version, prereleases=True)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _device(findings: list[Finding]) -> dict[str, Any]:
    try:
        import torch

        from sentrec.models.device import best_device, device_name, has_bfloat16
    except (ImportError, OSError) as error:
        findings.append(
            Finding("device", "missing", f"torch cannot be imported: {error}", "pip install --force-reinstall torch")
        )
        return {}
    device = best_device()
    return {
        "type": device.type,
        "name": device_name(device),
        "bfloat16": has_bfloat16(device),
        "threads": torch.get_num_threads(),
        "processors": os.cpu_count(),
        "platform": platform.platform(),
    }


def _cache(findings: list[Finding]) -> dict[str, Any]:
    home = cache_home()
    try:
        require_writable(home, folder=True)
    except SentrecError as error:
        findings.append(Finding("cache", "missing", error.message, "export SENTREC_HOME=FOLDER"))
    free = shutil.disk_usage(next(folder for folder in (home, *home.absolute().parents) if folder.exists())).free
    if free < _LITTLE_SPACE:
        detail = f"only {free / 1e9:.1f} GB are free on the disk of {home}."
        findings.append(Finding("disk", "note", detail, "Free some space, or set SENTREC_HOME to another disk."))
    fields = ("name", "dim", "words", "bytes", "problem")
    glove = [{field: getattr(entry, field) for field in fields} for entry in _glove(findings)]
    left = [name for name in _OF_OLD_VERSIONS if (home / name).is_dir()]
    folders = {name: _bytes_in(home / name) for name in (*_MADE_AGAIN, *left)}
    return {"home": str(home), "free_bytes": free, "glove": glove, "folders": folders}


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        # Another sentrec may be at work in the cache, so a file can be gone by now.
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _glove(findings: list[Finding]) -> list[CacheEntry]:
    entries = cached()
    for entry in entries:
        if entry.problem:
            findings.append(Finding("glove", "note", entry.problem, entry.fix))
    if not entries:
        detail = "no vectors are in the cache; the built-in recipes, but for quickstart, start from GloVe."
        findings.append(Finding("glove", "note", detail, f"sentrec fetch-glove {DEFAULT_NAME} --dim 50"))
    return entries


def _plugins(findings: list[Finding]) -> tuple[PluginReport, ...]:
    reports = (*registry().reports, *command_registry().reports, *recommender_registry().reports)
    for report in reports:
        if report.error:
            package = re.split(r"\s", report.origin, maxsplit=1)[0]
            detail = f"plugin '{report.name}' ({report.origin}) was left out: {report.error}"
            fix = f"pip install --upgrade {package}, or pip uninstall {package}"
            findings.append(Finding("plugins", "note", detail, fix))
    return reports


def _data(findings: list[Finding]) -> dict[str, Any]:
    root = os.environ.get(DATA_VARIABLE)
    if not root:
        return {"folder": None, "datasets": {}}
    folder = Path(root).expanduser()
    if not folder.is_dir():
        fix = f"export {DATA_VARIABLE}=FOLDER, or unset it"
        findings.append(Finding("data", "missing", f"{DATA_VARIABLE} names {folder}, which is no folder.", fix))
        return {"folder": str(folder), "datasets": {}}
    names = sorted(child.name for child in folder.iterdir() if mirror_folder(child.name))
    if not names:
        detail = f"{folder} holds no data set."
        findings.append(Finding("data", "note", detail, "Put files into it as NAME/train.parquet, NAME/test.parquet."))
    splits = {name: sorted(path.stem for path in (folder / name).glob("*.parquet")) for name in names}
    return {"folder": str(folder), "datasets": splits}

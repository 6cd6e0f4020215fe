"""The reports that lie in the folder of runs: model cards, evaluations, transfer studies."""

import re
from pathlib import Path

from sentrec.errors import RunError
from sentrec.export.known import card_text_of, known_models
from sentrec.files.parse import read_text
from sentrec.runs.directory import RUNS

_REPORT = "report.md"
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)\n*")


def report_names(folder: Path = Path(RUNS)) -> list[str]:
    """The models that come with sentrec, the finished runs of a folder, and the studies in it that have a report."""
    studies = sorted(str(path.parent) for path in folder.glob(f"*/{_REPORT}"))
    return [*(model.name for model in known_models(folder)), *studies]


def report_of(name: str, folder: Path = Path(RUNS)) -> tuple[str, list[Path]]:
    """A report as Markdown, and its plots.

    Raises:
        RunError: If `report_names` has no such name, or what it names cannot be read.
    """
    if name not in report_names(folder):
        raise RunError("There is no such report.")
    path = Path(name)
    report = path / _REPORT
    # The plots stand below: a page cannot reach files beside the report.
    text = _PICTURE.sub("", read_text(report, RunError)) if report.is_file() else card_text_of(name)
    return text, sorted(path.glob("*.png")) + sorted(path.glob("evaluation/**/*.png")) if path.is_dir() else []

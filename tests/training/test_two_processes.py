"""Several processes train one run together, as `torchrun` and `accelerate launch` start them."""

import json
import re
import sys
from pathlib import Path

import pytest
from small_runs import small_overrides, start_sentrec

from sentrec.runs.directory import open_run


@pytest.mark.slow
def test_two_processes_train_one_run_together(reviews: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    overrides = [part for change in small_overrides(reviews) for part in ("--set", change)]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--no-python"]
    arguments = ("train", "--recipe", "quickstart", *overrides, "--out", str(out), "--json")
    process = start_sentrec(*arguments, launcher=launcher)
    output, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    metrics = json.loads(output)  # one document: only the first process speaks
    run = open_run(out)
    assert metrics["test"] == run.metrics["test"]
    assert metrics["test"]["n"] == 32
    assert metrics["steps"] == 9  # each step takes a batch for each process
    assert metrics["test"]["accuracy"] > 0.6
    environment = json.loads((out / "environment.json").read_text(encoding="utf-8"))
    assert environment["processes"] == 2
    assert len(re.findall(r"^epoch \d, step \d: validation accuracy", errors, re.MULTILINE)) == 3

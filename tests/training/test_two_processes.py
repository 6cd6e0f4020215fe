"""Several processes train one run together, as `torchrun` and `accelerate launch` start them."""

import json
import re
import sys
from pathlib import Path

import pytest
from small_runs import small_overrides, start_sentrec
from small_unlabelled import OWN_TEACHER

from sentrec.runs.directory import open_run


@pytest.mark.slow
@pytest.mark.parametrize("distilled", [False, True])
def test_two_processes_train_one_run_together(reviews: Path, unlabelled: Path, tmp_path: Path, distilled: bool) -> None:
    out, more = tmp_path / "run", (f"data.unlabelled={unlabelled}", *OWN_TEACHER) if distilled else ()
    overrides = [part for change in small_overrides(reviews, *more) for part in ("--set", change)]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", "--no-python"]
    arguments = ("train", "--recipe", "quickstart", *overrides, "--out", str(out), "--json")
    process = start_sentrec(*arguments, launcher=launcher)
    output, errors = process.communicate(timeout=900)
    assert process.returncode == 0, errors
    metrics = json.loads(output)  # one document: only the first process speaks
    run = open_run(out)
    assert metrics["test"] == run.metrics["test"]
    assert metrics["test"]["n"] == 32
    assert metrics["steps"] == 9  # each step takes a batch (of either kind) for each process
    assert metrics["test"]["accuracy"] > (0.8 if distilled else 0.6)
    assert metrics["data"]["unlabelled_rows"] == (70 if distilled else 0)
    assert errors.count("Learning from 70 unlabelled texts beside 96 training rows") == distilled
    assert run.environment["processes"] == 2
    assert len(re.findall(r"^epoch \d, step \d: validation accuracy", errors, re.MULTILINE)) == 3

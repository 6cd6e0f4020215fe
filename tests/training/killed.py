"""Trainings in processes of their own that can be killed; a fork server spares each one the imports."""

import multiprocessing
import os
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["sentrec.training.seeds", "sentrec.plugins", "small_runs", "torch._dynamo", "torch.distributed"]
)


def start_training(
    recipe: Path,
    out: Path,
    *,
    resume: bool = False,
    die_after: int | None = None,
    seeds: int | None = None,
    pause: float = 0.0,
) -> BaseProcess:
    """Trains in a process of its own, which kills itself (``kill -9``) after so many steps if told to.

    With a pause after each step there is time to kill it from outside.
    """
    home = os.environ["SENTREC_HOME"]
    process = CONTEXT.Process(target=_train, args=(recipe, out, resume, die_after, seeds, pause, home), daemon=True)
    process.start()
    return process


def train_until_end(recipe: Path, out: Path, **options: int | bool | None) -> int:
    """Like `start_training`, and waits; the exit code is negative for a signal."""
    process = start_training(recipe, out, **options)  # type: ignore[arg-type]
    process.join(900)
    assert process.exitcode is not None
    return process.exitcode


def _train(
    recipe: Path, out: Path, resume: bool, die_after: int | None, seeds: int | None, pause: float, home: str
) -> None:
    import torch

    from sentrec.training import loop
    from sentrec.training.seeds import train_seeds
    from sentrec.training.train import train

    os.environ["SENTREC_HOME"] = home
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)
    # A row of the history is the mean of four losses, so that a resumption may fall between two rows.
    loop._HISTORY_ROWS = 24
    steps = 0

    def on_progress(_progress: object) -> None:
        nonlocal steps
        steps += 1
        if steps == die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(pause)

    if seeds is None:
        train(recipe, out, resume=resume, on_progress=on_progress)
    else:
        train_seeds(recipe, out, seeds=seeds, resume=resume, on_progress=on_progress)

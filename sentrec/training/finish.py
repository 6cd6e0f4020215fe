"""The end of a training: the best weights, calibrated on validation, judged on test, written down."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sentrec.evaluation.calibration import fit_temperature, softmax
from sentrec.evaluation.metrics import classification_metrics
from sentrec.model.weights import load_weights, read_tensors, save_weights
from sentrec.runs import MODEL, Run, open_run, write_end
from sentrec.training.checkpoint import remove_checkpoints
from sentrec.training.loop import TrainingLoop
from sentrec.training.prepare import PreparedData
from sentrec.training.wide import fit_wide_channel


def finish_run(loop: TrainingLoop, data: PreparedData, directory: Path, best: Path, started: float) -> Run:
    """Takes the best weights, fits the temperature, measures validation and test, and writes the run.

    Args:
        loop: The loop after its last step.
        data: What it was trained on.
        directory: The run directory.
        best: The file of the best weights.
        started: When the training began, on the clock of `time.perf_counter`.

    Returns:
        The finished run.
    """
    loop.accelerator.wait_for_everyone()
    weights, _ = read_tensors(best)
    load_weights(loop.model, weights, best)
    stacking = fit_wide_channel(loop, data) if loop.model.wide is not None else None
    validation, test = loop.logits(data.validation), loop.logits(data.test)
    if loop.accelerator.is_main_process:
        write_results(loop, data, directory, validation, test, started, stacking)
        remove_checkpoints(best.parent)
    loop.accelerator.wait_for_everyone()
    return open_run(directory)


def write_results(
    loop: TrainingLoop,
    data: PreparedData,
    directory: Path,
    validation: npt.NDArray[np.float32],
    test: npt.NDArray[np.float32],
    started: float,
    stacking: dict[str, Any] | None = None,
) -> None:
    """Writes the weights, the history and the figures of a run whose directory was begun.

    Args:
        loop: The loop, with the weights that are to be kept.
        data: What it was trained on.
        directory: The run directory.
        validation: Logits of the validation rows.
        test: Logits of the test rows.
        started: When the training began, on the clock of `time.perf_counter`.
        stacking: What `fit_wide_channel` found, where there is a wide channel.
    """
    metrics = _metrics(loop, data, validation, test) | ({"wide": stacking} if stacking else {})
    save_weights(directory / MODEL, loop.model)
    metrics["seconds"] = round(time.perf_counter() - started, 2)
    write_end(directory, loop.state.history, metrics)


def _metrics(
    loop: TrainingLoop, data: PreparedData, validation: npt.NDArray[np.float32], test: npt.NDArray[np.float32]
) -> dict[str, Any]:
    splits, names = data.splits, data.label_names
    temperature = fit_temperature(validation, splits.validation.labels)
    before = classification_metrics(splits.validation.labels, softmax(validation), names)
    after = classification_metrics(splits.validation.labels, softmax(validation, temperature), names)
    return {
        "test": classification_metrics(splits.test.labels, softmax(test, temperature), names),
        "validation": after,
        "calibration": {
            "temperature": temperature,
            "validation_log_loss": {"before": before["log_loss"], "after": after["log_loss"]},
            "validation_ece": {"before": before["ece"], "after": after["ece"]},
        },
        "seed": loop.recipe.seed,
        "steps": loop.state.step,
        "best_step": loop.state.best_step,
        "parameters": sum(parameter.numel() for parameter in loop.model.parameters()),
        "data": data.facts(),
    }

"""The same recipe with several seeds: one run each, and their mean with its spread."""

import statistics
from pathlib import Path
from typing import Any

from sentrec.files import write_json, write_text
from sentrec.recipe import Recipe, load_recipe, to_yaml
from sentrec.runs import METRICS, RECIPE, Run
from sentrec.training.train import OnProgress, require_free, train

_SUMMARIZED = ("accuracy", "macro_f1", "roc_auc", "log_loss", "brier", "ece")


def train_seeds(
    recipe: Recipe | str | Path,
    out: str | Path | None = None,
    *,
    seeds: int,
    resume: bool = False,
    force: bool = False,
    on_progress: OnProgress | None = None,
) -> tuple[list[Run], dict[str, Any]]:
    """Trains `seeds` runs, with the recipe's seed and those that follow it, in ``seed-N`` folders.

    Args:
        recipe: A recipe, or the file or name of one.
        out: The folder of the group; ``runs/<recipe name>`` where it is not given.
        seeds: How many.
        resume: Keep finished runs, go on with an unfinished one.
        force: Replace whatever is there.
        on_progress: Called after every step of every run.

    Returns:
        The runs, and the summary that is written to the group's `metrics.json`: mean and sample standard deviation
        of each test metric.

    Raises:
        RunError: As `train` does.
    """
    recipe = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    directory = Path(out) if out is not None else Path("runs") / recipe.name
    require_free(directory, resume=resume, force=force)
    runs = []
    for seed in range(recipe.seed, recipe.seed + seeds):
        seeded = recipe.model_copy(update={"seed": seed})
        member = directory / f"seed-{seed}"
        runs.append(train(seeded, member, resume=resume, force=force, on_progress=on_progress))
        write_text(directory / RECIPE, to_yaml(recipe))
    summary = summarize(runs)
    write_json(directory / METRICS, summary)
    return runs, summary


def summarize(runs: list[Run]) -> dict[str, Any]:
    """Mean and sample standard deviation over runs of each test metric, with what each run reached."""
    values = {key: [run.metrics["test"][key] for run in runs] for key in _SUMMARIZED}
    whole = {key: column for key, column in values.items() if None not in column}
    return {
        "test": {key: statistics.fmean(column) for key, column in whole.items()} | {"n": runs[0].metrics["test"]["n"]},
        "test_sd": {key: statistics.stdev(column) if len(column) > 1 else None for key, column in whole.items()},
        "seconds": round(sum(run.metrics["seconds"] for run in runs), 2),
        "seeds": [run.metrics["seed"] for run in runs],
        "runs": [
            {
                "directory": run.path.name,
                "seed": run.metrics["seed"],
                "test_accuracy": run.metrics["test"]["accuracy"],
                "validation_accuracy": run.metrics["validation"]["accuracy"],
                "seconds": run.metrics["seconds"],
            }
            for run in runs
        ],
    }

"""How time grows: training with the rows, scoring with the reviews, and what a second process gives."""

import json
import os
import sys
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from .measure import all_cores, confine, peak_megabytes, run_module, run_process, seconds_of
from .settings import Settings
from .table import Column, Section
from .workplace import Workplace, empty_cache, read_split

_CODE = "from sentrec.cli.main import run; run()"


def measure_scaling(place: Workplace, settings: Settings) -> list[Section]:
    """Training and scoring at several sizes with the last recipe named; two processes with the first."""
    sections = [_training(place, settings), _scoring(place, settings)]
    if settings.process_steps and all_cores() > 1:
        sections.append(_processes(place, settings))
    return sections


def _training(place: Workplace, settings: Settings) -> Section:
    recipe = settings.recipes[-1]
    rows = []
    for size in sorted({min(size, settings.train_rows) for size in settings.training_sizes}):
        folder = str(place.folder / f"rows-{size}")
        answer = run_module("scaling", "train", recipe, folder, str(size), settings.to_json())
        rows.append({"size": size, "rate": size / answer["seconds"]} | answer)
    columns = (
        Column("size", "training rows"),
        Column("seconds", "seconds", ",.1f"),
        Column("rate", "rows/s"),
        Column("accuracy", "test accuracy", ".4f"),
        Column("megabytes", "MB peak"),
    )
    note = "Whole trainings from raw text, the validation and test figures included; each in a process of its own."
    return Section(f"Training {recipe} on more rows", columns, rows, [note])


def _scoring(place: Workplace, settings: Settings) -> Section:
    recipe = settings.recipes[-1]
    model = place.folder / f"rows-{min(max(settings.training_sizes), settings.train_rows)}"
    rows = []
    for size in settings.scoring_sizes:
        reviews = place.folder / "reviews.jsonl"
        write_reviews(reviews, size)
        answer = run_module("scaling", "score", str(reviews), str(model), "0", settings.to_json())
        reviews.unlink()
        rows.append({"size": size, "rate": size / answer["seconds"]} | answer)
    columns = (
        Column("size", "reviews"),
        Column("seconds", "seconds", ",.1f"),
        Column("rate", "reviews/s"),
        Column("megabytes", "MB peak"),
    )
    note = "From JSON lines to a ranking, as `sentrec recommend` does; the reviews repeat, each time of other films."
    return Section(f"Scoring more reviews with {recipe}", columns, rows, [note])


def _processes(place: Workplace, settings: Settings) -> Section:
    recipe = settings.recipes[0]
    rows: list[dict[str, Any]] = []
    for processes in (1, 2):
        # Two processes share each epoch: half the steps of one are the same work.
        steps = max(1, settings.process_steps // processes)
        seconds = _trained_by(processes, steps, recipe, place, settings)
        ratio = rows[0]["seconds"] / seconds if rows else 1.0
        rows.append({"processes": processes, "seconds": seconds, "ratio": ratio})
    columns = (
        Column("processes", "processes"),
        Column("seconds", "seconds in the loop", ",.1f"),
        Column("ratio", "times faster", ".2f"),
    )
    note = f"The same batches of {recipe}, shared by Accelerate over gloo; processes share the cores evenly."
    return Section("One and two processes", columns, rows, [note])


def _trained_by(processes: int, steps: int, recipe: str, place: Workplace, settings: Settings) -> float:
    out = place.folder / f"processes-{processes}"
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}", "--no-python"]
    changes = [*settings.overrides, "training.device=cpu", f"training.max_steps={steps}"]
    options = [word for change in changes for word in ("--set", change)]
    command = [sys.executable, "-c", _CODE, "train", "--recipe", recipe, "--out", str(out), *options]
    os.environ["OMP_NUM_THREADS"] = str(max(1, all_cores() // processes))
    try:
        run_process([sys.executable, *launcher, *command])
    finally:
        del os.environ["OMP_NUM_THREADS"]
    history = [json.loads(line) for line in (out / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    return max(float(row["seconds"]) for row in history)


def write_reviews(path: Path, size: int) -> None:
    """Writes so many test reviews as JSON lines; where they repeat, the films are other ones."""
    table = read_split("test", ("movie_id", "text"))
    reviews = list(zip(table["movie_id"], table["text"], strict=True))
    with path.open("w", encoding="utf-8") as file:
        for number, (film, text) in enumerate(islice(cycle(reviews), size)):
            file.write(json.dumps({"movie": f"{film}-{number // len(reviews)}", "text": text}) + "\n")


def _train(recipe: str, folder: str, size: str, settings: Settings) -> dict[str, Any]:
    import sentrec

    changed = sentrec.load_recipe(recipe, [*settings.overrides, f"data.train_rows={size}"])
    runs = []
    with empty_cache():
        seconds = seconds_of(lambda: runs.append(sentrec.train(changed, folder)))
    return {"seconds": seconds, "accuracy": runs[0].metrics["test"]["accuracy"], "megabytes": peak_megabytes()}


def _score(reviews: str, model: str, _: str, settings: Settings) -> dict[str, Any]:
    import sentrec
    from sentrec.recommend.api import recommend
    from sentrec.recommend.scoring import ModelScorer

    scorer = ModelScorer(sentrec.load(model))
    return {"seconds": seconds_of(lambda: recommend([reviews], scorer)), "megabytes": peak_megabytes()}


if __name__ == "__main__":
    stage, subject, folder, size, settings = sys.argv[1:]
    confine(all_cores())
    work = {"train": _train, "score": _score}[stage]
    sys.stdout.write(json.dumps(work(subject, folder, size, Settings.from_json(settings))) + "\n")

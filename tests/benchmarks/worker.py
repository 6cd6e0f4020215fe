"""One measurement of one contender, in a process of its own: its memory and its start-up are nobody else's.

``python -m benchmarks.worker train|score|answer KEY FOLDER SETTINGS CORES``; the last line printed is JSON.
"""

import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

from .contenders import find_contender
from .measure import confine, median_seconds, megabytes_on_disk, peak_megabytes
from .settings import Settings

_WARM_UP = 64
_QUESTION = "One of the best films I've seen this year: touching, and superbly acted."


def train(key: str, folder: Path, settings: Settings) -> dict[str, Any]:
    """Trains from raw text and judges the test rows; says how long all of that took."""
    import numpy as np

    from .workplace import empty_cache, read_split

    rows, tests = read_split("train"), read_split("test")
    folder.mkdir(parents=True, exist_ok=True)
    contender = find_contender(key, settings)
    started = time.perf_counter()
    with empty_cache():
        trained = contender.train(rows["text"], np.array(rows["label"]), folder)
    accuracy = trained.accuracy
    if accuracy is None and trained.estimated_seconds is None:
        probabilities = contender.predict_proba(tests["text"])
        accuracy = float((probabilities.argmax(axis=1) == np.array(tests["label"])).mean())
    return {
        "accuracy": accuracy,
        "train_seconds": trained.estimated_seconds or time.perf_counter() - started,
        "extrapolated": trained.estimated_seconds is not None,
        "epoch_seconds": trained.epoch_seconds,
        "train_megabytes": peak_megabytes(),
        "disk_megabytes": megabytes_on_disk(folder),
    }


def score(key: str, folder: Path, settings: Settings) -> dict[str, Any]:
    """Scores many texts at once, and some one by one; no text twice, since a model may remember what it has split."""
    from .workplace import read_split

    contender = find_contender(key, settings)
    rows = read_split("test", ("text",))["text"]
    warm_up = min(_WARM_UP, len(rows) // 4)
    available = len(rows) - settings.single_texts - warm_up
    size = min(settings.scored_rows, contender.most_scored or sys.maxsize, available // settings.repetitions)
    texts = iter(rows)
    contender.load(folder)
    contender.predict_proba(list(islice(texts, warm_up)))
    portions = iter([list(islice(texts, size)) for _ in range(settings.repetitions)])
    seconds = median_seconds(lambda: contender.predict_proba(next(portions)), settings.repetitions)
    peak = peak_megabytes()
    latency = median_seconds(lambda: contender.predict_proba([next(texts)]), settings.single_texts)
    return {"per_second": size / seconds, "milliseconds": latency * 1000, "score_megabytes": peak}


def answer(key: str, folder: Path, settings: Settings) -> dict[str, Any]:
    """Loads the model and classifies one text, as the first thing that a new process does."""
    contender = find_contender(key, settings)
    contender.load(folder)
    return {"positive": float(contender.predict_proba([_QUESTION])[0, 1])}


STAGES = {"train": train, "score": score, "answer": answer}


def main(arguments: list[str]) -> None:
    """Runs a stage and prints what it found."""
    stage, key, folder, settings, cores = arguments
    confine(int(cores))
    sys.stdout.write(json.dumps(STAGES[stage](key, Path(folder), Settings.from_json(settings))) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

"""sentrec beside its peers: one row for each contender, every figure from a process of its own."""

from collections.abc import Callable, Sequence
from typing import Any

from .contenders import BASELINE, TUTORIAL, contender_keys, find_contender, model_key
from .measure import all_cores, median_seconds, module_command, run_module, run_process
from .settings import Settings
from .table import Column, Section
from .workplace import Workplace

COLUMNS = (
    Column("title", "model"),
    Column("accuracy", "accuracy", ".4f"),
    Column("train", "train, s"),
    Column("train_ratio", "x"),
    Column("per_second_1", "texts/s, 1 core"),
    Column("ratio_1", "x", ".2f"),
    Column("per_second_all", "all cores"),
    Column("ratio_all", "x", ".2f"),
    Column("milliseconds", "1 text, ms", ".2f"),
    Column("train_megabytes", "MB train"),
    Column("score_megabytes", "MB score"),
    Column("disk_megabytes", "MB disk", ",.1f"),
    Column("start_seconds", "start, s", ".2f"),
)
_EPOCHS = (
    Column("title", "model"),
    Column("epoch_seconds", "epoch, s", ",.1f"),
    Column("ratio", "times faster", ",.1f"),
)
_EPOCH_NOTE = (
    "sentrec: the steps of the first epoch, without its validation. The tutorial BiLSTM: median step times steps."
)
Tell = Callable[[str], None]


def compare(place: Workplace, settings: Settings, tell: Tell) -> list[Section]:
    """Measures all contenders that can be measured here."""
    title = f"IMDB: trained on {settings.train_rows:,} reviews, judged on {settings.test_rows:,}"
    rows: list[dict[str, Any]] = []
    absent: list[str] = []
    trained: dict[str, dict[str, Any]] = {}
    for key in contender_keys(settings):
        contender = find_contender(key, settings)
        if missing := ", ".join(contender.missing()):
            absent.append(f"{contender.title} is left out: {missing} is not installed (pip install '.[bench]').")
            continue
        model = model_key(key)
        if model not in trained:
            tell(f"training {contender.title}")
            trained[model] = _worker("train", model, place, settings, all_cores())
        tell(f"scoring with {contender.title}")
        rows.append({"key": key, "title": contender.title} | trained[model] | scoring(key, place, settings))
    return [
        Section(title, COLUMNS, with_ratios(rows), [*_notes(settings), *absent]),
        Section("One pass over the training texts, beside the tutorial BiLSTM", _EPOCHS, epochs(rows), [_EPOCH_NOTE]),
    ]


def scoring(key: str, place: Workplace, settings: Settings) -> dict[str, Any]:
    """What one trained contender takes to score: on one core, on all, and from a cold start."""
    one = _worker("score", key, place, settings, 1)
    every = _worker("score", key, place, settings, all_cores()) if all_cores() > 1 else one
    command = module_command("worker", *_arguments("answer", key, place, settings, all_cores()))
    return {
        "per_second_1": one["per_second"],
        "per_second_all": every["per_second"],
        "milliseconds": every["milliseconds"],
        "score_megabytes": every["score_megabytes"],
        "start_seconds": median_seconds(lambda: run_process(command), settings.starts),
    }


def with_ratios(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with their ratios to the TF-IDF pipeline: of speed, more is better; of training time, less is."""
    base = next((row for row in rows if row["key"] == BASELINE), None)
    result = []
    for row in rows:
        seconds = f"{row['train_seconds']:,.0f}" if row["train_seconds"] >= 10 else f"{row['train_seconds']:.1f}"
        added: dict[str, Any] = {"train": f"~{seconds}" if row["extrapolated"] else seconds}
        if base is not None:
            added["train_ratio"] = f"{row['train_seconds'] / base['train_seconds']:.1f}"
            added["ratio_1"] = row["per_second_1"] / base["per_second_1"]
            added["ratio_all"] = row["per_second_all"] / base["per_second_all"]
        result.append(row | added)
    return result


def epochs(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Seconds of an epoch of every model that makes some, and how many times faster than the tutorial's that is."""
    seen = {model_key(row["key"]): row for row in reversed(rows) if row["epoch_seconds"] is not None}
    tutorial = seen[TUTORIAL]["epoch_seconds"] if TUTORIAL in seen else None
    return [
        {key: row[key] for key in ("title", "epoch_seconds")}
        | {"ratio": tutorial / row["epoch_seconds"] if tutorial else None}
        for row in reversed(seen.values())
    ]


def _worker(stage: str, key: str, place: Workplace, settings: Settings, cores: int) -> dict[str, Any]:
    return run_module("worker", *_arguments(stage, key, place, settings, cores))


def _arguments(stage: str, key: str, place: Workplace, settings: Settings, cores: int) -> list[str]:
    return [stage, key, str(place.model(model_key(key))), settings.to_json(), str(cores)]


def _notes(settings: Settings) -> list[str]:
    tutorial = f"The tutorial BiLSTM was trained for {settings.tutorial_epochs} epochs."
    if not settings.tutorial_epochs:
        tutorial = (
            f"~: one epoch of the tutorial BiLSTM, extrapolated from {settings.tutorial_steps} steps. It has no "
            "accuracy, since it was not trained to the end; its speed does not depend on its weights."
        )
    return [
        "train: from raw text to a trained model and its test accuracy, all in; sentrec keeps 10 % of the rows for "
        "validation.",
        f"texts/s: from raw text to probabilities, {settings.scored_rows:,} test reviews (at most 256 for the tutorial "
        f"BiLSTM), median of {settings.repetitions}; 1 text: median latency of {settings.single_texts}, on all cores.",
        "start: interpreter, loading and the first answer. x: against the TF-IDF pipeline. MB: peak of the process.",
        tutorial,
        f"Recipes with {' '.join(f'--set {change}' for change in settings.overrides) or 'no changes'}.",
    ]

"""What is zero-shot: data that neither a model nor what it went on from nor its teachers learned from."""

from dataclasses import replace
from pathlib import Path

import pytest

import sentrec
from sentrec.errors import RunError
from sentrec.export.measure import measure_accuracy
from sentrec.inference.predictor import Predictor
from sentrec.recipe.sections import InitConfig, MixedConfig, ObjectiveConfig
from sentrec.runs import references
from sentrec.runs.directory import Run


@pytest.mark.parametrize("teacher", ["dvd-model", "two-of-them"])
def test_what_a_teacher_learned_from_is_not_zero_shot(
    stacked_run: Run, films: Path, monkeypatch: pytest.MonkeyPatch, teacher: str
) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(films))
    on_dvds = stacked_run.recipe.data.model_copy(update={"dataset": "blitzer_dvd"})
    model = replace(stacked_run, recipe=stacked_run.recipe.model_copy(update={"data": on_dvds}))
    found = {"dvd-model": model, "two-of-them": replace(stacked_run, members=(stacked_run, model))}
    monkeypatch.setattr(references, "open_run", found.__getitem__)
    objective = ObjectiveConfig(distil=1.0, teacher=teacher)
    distilled = replace(stacked_run, recipe=stacked_run.recipe.model_copy(update={"objective": objective}))
    assert _zero_shot(stacked_run, stacked_run) == [("train", False), ("blitzer_dvd", True)]
    assert _zero_shot(stacked_run, distilled) == [("train", False), ("blitzer_dvd", False)]
    mixed = on_dvds.model_copy(update={"dataset": "imdb", "mixed_with": (MixedConfig(dataset="blitzer_dvd"),)})
    trained = replace(stacked_run, recipe=stacked_run.recipe.model_copy(update={"data": mixed}))
    found["dvd-model"] = trained
    assert ("blitzer_dvd", False) in _zero_shot(stacked_run, distilled)


def test_what_cannot_be_looked_up_is_said(stacked_run: Run, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(films))

    def gone(name: str) -> Run:
        raise RunError(f"there is no run at {name}.")

    monkeypatch.setattr(references, "open_run", gone)
    moved = stacked_run.recipe.model_copy(update={"init": InitConfig(run="runs/gone")})
    original = _load(stacked_run, replace(stacked_run, recipe=moved))
    own, *_ = measure_accuracy(_load(stacked_run, stacked_run), original)["accuracy"]
    assert any("runs/gone, which it learned from, is not here" in note for note in own["notes"])


def _zero_shot(small: Run, original: Run) -> list[tuple[str, bool]]:
    measured = measure_accuracy(_load(small, small), _load(small, original))["accuracy"]
    return [(one["data"], one["zero_shot"]) for one in measured]


def _load(weights: Run, run: Run) -> Predictor:
    predictor = sentrec.load(weights, "cpu")
    predictor.run = run
    return predictor

"""A small model is a run like any other, agrees with its original, and is not written if it does not."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sentrec
from sentrec.errors import RunError, SentrecError
from sentrec.export.export import Export, export_model, starter_directory
from sentrec.export.measure import Bound, measure_accuracy, measure_agreement
from sentrec.inference.predictor import Predictor
from sentrec.recipe.sections import InitConfig, MixedConfig, ObjectiveConfig
from sentrec.runs import directory as runs
from sentrec.runs import references
from sentrec.runs.directory import STARTER, Run, open_run

TEXTS = [
    "the film was lovely and superb, row 3",
    "the film was dull and tedious",
    "a film :)",
    "",
    "nothing known here",
]


@pytest.fixture(scope="module")
def small(stacked_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Export:
    return export_model(stacked_run, tmp_path_factory.mktemp("small") / "model")


def test_it_says_what_its_original_says(stacked_run: Run, small: Export) -> None:
    before, after = sentrec.load(stacked_run), sentrec.load(small.run.path)
    np.testing.assert_allclose(after.predict_proba(TEXTS), before.predict_proba(TEXTS), atol=0.02)
    assert small.agreement.equal_labels == 1.0
    assert small.agreement.texts == 32 + 32  # of validation, and of test because these are few
    assert small.agreement.mean_difference <= small.agreement.largest_difference < 0.02


def test_it_is_a_run_of_the_same_recipe_and_smaller(stacked_run: Run, small: Export) -> None:
    assert small.run.recipe == stacked_run.recipe
    assert small.run.label_names == stacked_run.label_names
    assert small.run.history == stacked_run.history
    model = small.bytes[runs.MODEL]
    assert model < (stacked_run.path / runs.MODEL).stat().st_size / 4
    assert model == (small.run.path / runs.MODEL).stat().st_size
    assert small.megabytes == pytest.approx(sum(path.stat().st_size for path in small.run.path.iterdir()) / 1e6)
    assert small.card is None
    assert not (small.run.path / "card.md").exists()


def test_its_metrics_are_its_own(small: Export) -> None:
    evaluated = sentrec.evaluate(small.run, plots=False, out=small.run.path.parent / "evaluated")
    assert small.run.metrics["test"]["accuracy"] == evaluated.metrics["accuracy"]
    assert small.run.metrics["test"]["log_loss"] == pytest.approx(evaluated.metrics["log_loss"])
    assert small.run.metrics["export"]["agreement"] == small.agreement.to_dict()


def test_it_can_be_exported_again(small: Export, tmp_path: Path) -> None:
    again = export_model(small.run, tmp_path / "again")
    assert again.agreement.equal_labels == 1.0
    assert again.bytes[runs.MODEL] == pytest.approx(small.bytes[runs.MODEL], rel=0.01)


def test_agreement_is_counted() -> None:
    one = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    other = np.array([[0.8, 0.2], [0.4, 0.6], [0.2, 0.8], [0.5, 0.5]])
    agreement = measure_agreement(one, other)
    assert agreement.texts == 4
    assert agreement.equal_labels == 0.75
    assert agreement.mean_difference == pytest.approx(0.075)
    assert agreement.largest_difference == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        (Bound(1.1, 1.0, 1.0), "100.00 % of the labels are equal, not 110"),
        (Bound(0.0, -1.0, 1.0), "on average, not -1"),
        (Bound(0.0, 1.0, -1.0), "one probability differs by 0.0"),
    ],
)
def test_a_model_that_strays_is_refused_and_nothing_is_written(
    stacked_run: Run, tmp_path: Path, bound: Bound, reason: str
) -> None:
    with pytest.raises(SentrecError, match="strays too far from its original on 64 of its texts") as caught:
        export_model(stacked_run, tmp_path / "model", bound=bound)
    assert reason in caught.value.message
    assert "--min-agreement" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_a_size_that_cannot_be_kept_is_an_error(stacked_run: Run, tmp_path: Path) -> None:
    with pytest.raises(SentrecError, match=r"takes 0\.\d\d MB, more than 0\.01") as caught:
        export_model(stacked_run, tmp_path / "model", max_megabytes=0.01)
    assert "--max-megabytes" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_is_replaced_and_nothing_else_is(stacked_run: Run, small: Export, tmp_path: Path) -> None:
    place = shutil.copytree(small.run.path, tmp_path / "model")
    assert export_model(stacked_run, place).run.path == place
    (place / "evaluation").mkdir()
    with pytest.raises(SentrecError, match="holds evaluation, which would be lost"):
        export_model(stacked_run, place)
    (place / "evaluation").rmdir()
    (place / "notes.txt").touch()
    with pytest.raises(SentrecError, match=r"holds notes\.txt, which would be lost"):
        export_model(stacked_run, place)
    copy = shutil.copytree(stacked_run.path, tmp_path / "run")
    for run, taken in ((stacked_run, copy), (stacked_run, tmp_path), (place, place)):
        with pytest.raises(SentrecError, match="holds something else than an earlier export"):
            export_model(run, taken)
    assert open_run(copy).metrics == stacked_run.metrics


def test_the_starter_goes_to_its_place_in_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "checkout" / "sentrec" / "starter"
    monkeypatch.setattr(runs, "BUILTIN_MODELS", {STARTER: place})
    with pytest.raises(SentrecError, match="does not run from a checkout") as caught:
        starter_directory()
    assert caught.value.hint == "Name a folder: --out DIR"
    place.parent.mkdir(parents=True)
    (tmp_path / "checkout" / "pyproject.toml").touch()
    assert starter_directory() == place


def test_an_ensemble_is_no_single_model(stacked_run: Run, tmp_path: Path) -> None:
    pair = Run(tmp_path, stacked_run.recipe, stacked_run.label_names, stacked_run.metrics, (stacked_run, stacked_run))
    with pytest.raises(RunError, match="is an ensemble"):
        export_model(pair, tmp_path / "model")


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

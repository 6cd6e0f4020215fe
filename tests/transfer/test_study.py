"""A whole study on small corpora: what moves, what stays, which rows are seen, and what is kept."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_study import small_glove, small_study, study_tree, write_study
from small_runs import small_recipe, write_corpus

import sentrec
from sentrec.errors import DataError, Interrupted, RecipeError, RunError
from sentrec.transfer import cell as cell_module
from sentrec.transfer.loading import load_targets, load_transfer, transfer_from_dict
from sentrec.transfer.results import CellResult, Study, StudyProgress
from sentrec.transfer.study import transfer

EVERY_ARM = ("scratch", "zero-shot", "full", "gradual", "probe", "frozen-glove", "random-embeddings", "nb-lr")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One finished study of every arm; not to be changed."""
    folder = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SENTREC_HOME", str(folder / "home"))
        recipe = small_study(folder, arms=EVERY_ARM, training={"epochs": 3}, glove=small_glove(folder))
        return transfer(recipe, folder / "out")


def of(study: Study, **wanted: Any) -> list[CellResult]:
    return [one for one in study.results if all(getattr(one.cell, key) == value for key, value in wanted.items())]


def test_there_is_a_cell_for_every_arm_budget_and_seed(study: Study) -> None:
    assert len(study.results) == 2 * (2 * (len(EVERY_ARM) - 1) + 1)
    assert {one.cell.seed for one in study.results} == {1, 2}
    assert {one.cell.budget for one in study.results} == {0, 24, "all"}
    for one in study.results:
        assert one.predicted.shape == study.targets[0].labels.shape
        assert one.accuracy == pytest.approx(np.mean(one.predicted == study.targets[0].labels))


def test_a_budget_counts_every_label_that_an_arm_sees(study: Study) -> None:
    assert {one.labels for one in of(study, budget=24)} == {24}
    assert {one.labels for one in of(study, budget="all")} == {96}
    assert {one.labels for one in of(study, arm="zero-shot")} == {0}
    assert all(one.validation_rows > 0 for one in of(study, arm="full"))


def test_what_the_source_knows_is_there_without_a_label(study: Study) -> None:
    # Both corpora say the same words of the same classes.
    assert all(one.accuracy > 0.7 for one in of(study, arm="zero-shot"))


def test_the_study_leaves_a_report_and_its_recipe(study: Study) -> None:
    for name in ("report.md", "table.csv", "results.json", "recipe.yaml", "study.json", "label-efficiency.png"):
        assert (study.path / name).stat().st_size > 0, name
    facts = json.loads((study.path / "study.json").read_text(encoding="utf-8"))
    assert facts["targets"]["target"]["data"]["validation"] == 0.2
    assert not list(study.path.glob(".unfinished/*"))


def test_resuming_measures_nothing_twice(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTREC_HOME", str(study.path.parent / "home"))
    monkeypatch.setattr("sentrec.transfer.runner.fit_cell", _refuse)
    monkeypatch.setattr("sentrec.transfer.source.fit", _refuse)
    again = transfer(study.path / "recipe.yaml", study.path, resume=True)
    assert [one.accuracy for one in again.results] == [one.accuracy for one in study.results]


def test_a_study_that_is_there_is_not_overwritten(study: Study) -> None:
    with pytest.raises(RunError, match="holds a transfer study") as caught:
        transfer(study.path / "recipe.yaml", study.path)
    assert "--resume" in str(caught.value.hint)


def _refuse(*_arguments: object, **_options: object) -> None:
    raise AssertionError("this was finished before")


def test_every_arm_sees_the_same_rows_and_budgets_are_nested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[tuple[object, ...], tuple[Sequence[str], Sequence[str]]] = {}
    fit_cell = cell_module.fit_cell

    def watch(fitting: cell_module.Fitting, *rest: Any) -> CellResult:
        cell = fitting.cell
        splits = fitting.data.splits
        seen[cell.arm, cell.budget, cell.seed] = (splits.train.texts, splits.validation.texts)
        return fit_cell(fitting, *rest)

    monkeypatch.setattr("sentrec.transfer.runner.fit_cell", watch)
    transfer(small_study(tmp_path, budgets=[24, 48], minimum_steps=0), tmp_path / "out")
    for seed in (1, 2):
        for budget in (24, 48):
            assert seen["scratch", budget, seed] == seen["full", budget, seed]
        small, large = ({*seen["full", budget, seed][0], *seen["full", budget, seed][1]} for budget in (24, 48))
        assert small < large
    assert seen["full", 24, 1] != seen["full", 24, 2]


def test_another_option_measures_only_the_cells_that_depend_on_it(tmp_path: Path) -> None:
    done: list[str] = []

    def note(progress: StudyProgress) -> None:
        if progress.finished is not None:
            done.append(progress.finished.cell.arm)

    arms = ["scratch", "full", "probe"]
    transfer(small_study(tmp_path, arms=arms, seeds=1, budgets=[24]), tmp_path / "out", on_progress=note)
    assert done == arms
    done.clear()
    changed = small_study(tmp_path, arms=arms, seeds=1, budgets=[24], probe={"learning_rate_factor": 3.0})
    transfer(changed, tmp_path / "out", resume=True, on_progress=note)
    assert done == ["probe"]


def test_a_study_that_was_stopped_goes_on_where_it_stood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished: list[CellResult] = []

    def stop_after_two(progress: StudyProgress) -> None:
        if progress.finished is not None:
            finished.append(progress.finished)
        if len(finished) == 2:
            raise Interrupted("stopped")

    recipe = small_study(tmp_path)
    with pytest.raises(Interrupted) as caught:
        transfer(recipe, tmp_path / "out", on_progress=stop_after_two)
    assert "--resume" in str(caught.value.hint)
    counts: list[int] = []
    resumed = transfer(recipe, tmp_path / "out", resume=True, on_progress=lambda progress: counts.append(progress.done))
    assert counts[0] == 2
    assert counts[-1] == len(resumed.results) == 8
    whole = transfer(recipe, tmp_path / "whole")
    assert [one.predicted.tolist() for one in whole.results] == [one.predicted.tolist() for one in resumed.results]


def test_a_source_is_trained_once_for_all_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer(small_study(tmp_path, seeds=1, budgets=[24]), tmp_path / "first")
    monkeypatch.setattr("sentrec.transfer.source.fit", _refuse)
    transfer(small_study(tmp_path, seeds=1, budgets=[48]), tmp_path / "second")


def test_several_sources_and_targets_make_a_matrix(tmp_path: Path) -> None:
    tree = study_tree(tmp_path, seeds=1, budgets=[24])
    source, target = tree["source"], tree["target"]
    assert isinstance(source, dict)
    assert isinstance(target, dict)
    tree |= {"source": [source, source | {"name": "other"}], "target": [target, target | {"name": "elsewhere"}]}
    study = transfer(transfer_from_dict(tree), tmp_path / "out")
    cells = {(one.cell.source, one.cell.target) for one in study.results}
    assert cells == {(source, target) for source in (None, "source", "other") for target in ("target", "elsewhere")}
    assert (study.path / "matrix-full-24.png").is_file()


def test_a_finished_run_is_a_source_and_a_kept_model_predicts(tmp_path: Path) -> None:
    run = sentrec.train(small_recipe(write_corpus(tmp_path / "corpus")), tmp_path / "run")
    recipe = small_study(tmp_path, source={"run": str(run.path)}, seeds=1, budgets=[24], keep_models=True)
    study = transfer(recipe, tmp_path / "out")
    (kept,) = (study.path / "cells" / "target" / "24").glob("full-from-*/seed-1/model")
    predictor = sentrec.load(kept)
    (full,) = of(study, arm="full")
    predicted = [predictor.label_names.index(one.label) for one in predictor.predict(study.targets[0].texts)]
    assert predicted == full.predicted.tolist()


def test_of_a_run_with_ngrams_the_encoder_is_the_source(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    narrow, wide = (
        sentrec.train(small_recipe(corpus, *changes), tmp_path / name)
        for name, changes in {"narrow": (), "ngrams": ("model.ngrams={table_bits: 10}",)}.items()
    )
    zero_shot = []
    for name, run in (("a", narrow), ("b", wide)):
        source = {"name": "known", "run": str(run.path)}
        study = small_study(tmp_path, source=source, seeds=1, budgets=[24], arms=["scratch", "zero-shot"])
        zero_shot += of(transfer(study, tmp_path / name), arm="zero-shot")
    assert zero_shot[0].predicted.tolist() == zero_shot[1].predicted.tolist()


def test_a_run_that_was_changed_is_no_source(tmp_path: Path) -> None:
    run = sentrec.train(small_recipe(write_corpus(tmp_path / "corpus")), tmp_path / "run")
    with (run.path / "model.safetensors").open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"abcd")
    with pytest.raises(RunError, match="altered"):
        transfer(small_study(tmp_path, source={"run": str(run.path)}), tmp_path / "out")


@pytest.mark.parametrize(
    ("side", "change", "said"),
    [
        ("source", {"encoder": {"hidden": 16}}, "encoder.hidden is 16 in source and 8 in target"),
        ("source", {"encoder": {"name": "textcnn"}}, "encoder.name is textcnn in source and bilstm in target"),
        ("target", {"model": {"embedding_dim": 4}}, "model.embedding_dim is 8 in source and 4 in target"),
        ("target", {"text": {"lowercase": False}}, "text.lowercase is True in source and False in target"),
    ],
)
def test_weights_that_would_not_fit_are_told_by_name(
    tmp_path: Path, side: str, change: dict[str, Any], said: str
) -> None:
    tree: dict[str, Any] = study_tree(tmp_path)
    changed = dict(tree[side]["set"])
    for section, values in change.items():
        changed[section] = values if "name" in values else {**changed.get(section, {}), **values}
    tree[side] = {**tree[side], "set": changed}
    with pytest.raises(RecipeError) as caught:
        transfer(transfer_from_dict(tree), tmp_path / "out")
    assert said in caught.value.message
    assert not (tmp_path / "out").exists()


def test_label_sets_that_differ_rule_out_zero_shot(tmp_path: Path) -> None:
    write_corpus(tmp_path / "source", classes=("odd", "sad"))
    with pytest.raises(DataError, match=r"odd, sad.*bad, good") as caught:
        transfer(small_study(tmp_path, arms=["scratch", "zero-shot"]), tmp_path / "out")
    assert "zero-shot" in str(caught.value.hint)


def test_other_labels_still_give_an_encoder(tmp_path: Path) -> None:
    write_corpus(tmp_path / "source", classes=("odd", "sad", "bad"))
    study = transfer(small_study(tmp_path, seeds=1, budgets=["all"]), tmp_path / "out")
    assert len(study.results) == 2


def test_a_budget_larger_than_the_data_is_told_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentrec.transfer.source.fit", _refuse)
    with pytest.raises(DataError, match=r"500 labels is larger than target, which has 96"):
        transfer(small_study(tmp_path, budgets=[24, 500]), tmp_path / "out")


def test_a_class_that_a_budget_lacks_is_named(tmp_path: Path) -> None:
    tree: dict[str, Any] = study_tree(tmp_path)
    lines = (tmp_path / "target" / "train.csv").read_text(encoding="utf-8").splitlines()
    kept = [line for number, line in enumerate(lines) if "good" not in line or number < 5]
    (tmp_path / "target" / "train.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"budget of 4 .* no training row of: good"):
        transfer(transfer_from_dict(tree | {"budgets": [4]}), tmp_path / "out")


def test_gradual_unfreezing_that_would_not_end_is_told(tmp_path: Path) -> None:
    recipe = small_study(tmp_path, arms=["scratch", "gradual"], gradual={"epochs_per_stage": 9})
    with pytest.raises(RecipeError, match=r"gradual unfreezing of 3 layers takes 19 epochs"):
        transfer(recipe, tmp_path / "out")


@pytest.mark.parametrize("broken", ["cell.json", "predictions.safetensors"])
def test_a_cell_that_was_cut_off_is_measured_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    recipe = small_study(tmp_path, seeds=1, budgets=[24])
    study = transfer(recipe, tmp_path / "out")
    file = next((study.path / "cells" / "target" / "24" / "scratch").rglob(broken))
    file.write_bytes(file.read_bytes()[:40])
    done: list[str] = []
    again = transfer(
        recipe,
        tmp_path / "out",
        resume=True,
        on_progress=lambda progress: done.append(progress.finished.cell.arm) if progress.finished else None,
    )
    assert done == ["scratch"]
    assert "cut off or altered" in caplog.text
    assert [one.predicted.tolist() for one in again.results] == [one.predicted.tolist() for one in study.results]


def test_a_study_trains_encoders_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: quickstart\nmodel: {ngrams: {table_bits: 10}}\n", encoding="utf-8")
    (target,) = load_targets(load_transfer(write_study(tmp_path, target="mine.yaml")))
    assert target.recipe.model.ngrams is None
    with pytest.raises(RecipeError, match="without n-grams stacked"):
        load_targets(load_transfer(write_study(tmp_path, model={"ngrams": {}})))


def test_n_grams_alone_are_no_side_of_a_study(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="imdb-nb-lr has no encoder") as error:
        load_targets(load_transfer(write_study(tmp_path, target="imdb-nb-lr", encoder={})))
    assert "an arm: nb-lr" in str(error.value.hint)


def test_a_study_file_finds_the_recipes_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("extends: quickstart\nencoder: {hidden: 8}\n", encoding="utf-8")
    path = write_study(tmp_path, target={"name": "mine", "recipe": "mine.yaml"}, source="mine.yaml")
    (target,) = load_targets(load_transfer(path))
    assert target.recipe.encoder["hidden"] == 8

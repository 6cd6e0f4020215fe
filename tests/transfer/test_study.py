"""A whole study on small corpora: what moves, what stays, which rows are seen, and what is kept."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus_study import small_glove, small_study, study_tree
from small_runs import small_recipe, write_corpus
from toy_kind import installed

import sentrec
from sentrec.errors import RunError
from sentrec.transfer import cell as cell_module
from sentrec.transfer.loading import transfer_from_dict
from sentrec.transfer.results import CellResult, Study
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
    labels = {(one.cell.arm == "zero-shot", one.cell.budget): one.labels for one in study.results}
    assert labels == {(False, 24): 24, (False, "all"): 96, (True, 0): 0}
    assert all(one.validation_rows > 0 for one in of(study, arm="full"))
    # Both corpora say the same words of the same classes: that is known without a label.
    assert all(one.accuracy > 0.7 for one in of(study, arm="zero-shot"))


def test_the_study_leaves_a_report_and_its_recipe(study: Study) -> None:
    for name in ("report.md", "table.csv", "results.json", "recipe.yaml", "study.json", "label-efficiency.png"):
        assert (study.path / name).stat().st_size > 0, name
    facts = json.loads((study.path / "study.json").read_text(encoding="utf-8"))
    assert facts["targets"]["target"]["data"]["validation"] == 0.2
    assert not list(study.path.glob(".unfinished/*"))


@pytest.mark.usefixtures("nothing_is_trained")
def test_resuming_measures_nothing_twice(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTREC_HOME", str(study.path.parent / "home"))
    again = transfer(study.path / "recipe.yaml", study.path, resume=True)
    assert [one.accuracy for one in again.results] == [one.accuracy for one in study.results]


def test_a_study_that_is_there_is_not_overwritten(study: Study) -> None:
    with pytest.raises(RunError, match="holds a transfer study") as caught:
        transfer(study.path / "recipe.yaml", study.path)
    assert "--resume" in str(caught.value.hint)


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


def test_other_labels_still_give_an_encoder(tmp_path: Path) -> None:
    write_corpus(tmp_path / "source", classes=("odd", "sad", "bad"))
    study = transfer(small_study(tmp_path, seeds=1, budgets=["all"]), tmp_path / "out")
    assert len(study.results) == 2


pytestmark = pytest.mark.usefixtures("warm_cache")


def test_it_transfers(tmp_path: Path) -> None:
    arms = ["scratch", "full", "probe", "gradual", "zero-shot"]
    tree = study_tree(tmp_path, arms=arms, budgets=[24], seeds=1, minimum_steps=8)
    for side in ("source", "target"):
        tree[side]["set"]["encoder"] = {"name": "characters", "buckets": 256}  # type: ignore[index]
    with installed():
        sentrec.transfer(transfer_from_dict(tree), tmp_path / "study")
    assert (tmp_path / "study" / "report.md").is_file()

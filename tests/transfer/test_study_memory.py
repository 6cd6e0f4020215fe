"""A study holds on to no model that it has measured, nor to data that no cell needs any more."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from corpus_study import small_study, study_tree
from small_runs import small_recipe

from sentrec.training.loop import TrainingLoop, make_accelerator
from sentrec.training.prepare import prepare
from sentrec.transfer import cell as cell_module
from sentrec.transfer.cell import target_only_model
from sentrec.transfer.loading import transfer_from_dict
from sentrec.transfer.results import CellResult
from sentrec.transfer.study import transfer


def test_a_loop_that_is_over_leaves_its_model(reviews: Path) -> None:
    recipe = small_recipe(reviews, "training.max_steps=1")
    data = prepare(recipe)
    model = target_only_model("scratch", recipe, data.tokenizer, 2)
    accelerator = make_accelerator("cpu")
    labels = (data.splits.train.labels, data.splits.validation.labels)
    loop = TrainingLoop(recipe, model, data.train, labels[0], data.validation, labels[1], accelerator)
    assert len(list(loop.run())) == 1
    kept = weakref.ref(model)
    del model, loop
    gc.collect()
    assert kept() is None
    assert accelerator.num_processes == 1  # it outlives them


def test_no_cell_keeps_the_model_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models: list[weakref.ref[Any]] = []
    fit_cell = cell_module.fit_cell

    def watch(fitting: cell_module.Fitting, *rest: Any) -> CellResult:
        gc.collect()
        assert [model() for model in models] == [None] * len(models)
        models.append(weakref.ref(fitting.start.model))
        return fit_cell(fitting, *rest)

    monkeypatch.setattr("sentrec.transfer.runner.fit_cell", watch)
    transfer(small_study(tmp_path, budgets=[24], seeds=2), tmp_path / "out")
    assert len(models) == 4


def test_token_ids_go_with_the_last_cell_that_needs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: dict[tuple[str, str | None], weakref.ref[Any]] = {}
    alive: list[set[tuple[str, str | None]]] = []
    fit_cell = cell_module.fit_cell

    def watch(fitting: cell_module.Fitting, *rest: Any) -> CellResult:
        encoded[fitting.cell.target, fitting.cell.source] = weakref.ref(fitting.data.test)
        gc.collect()
        alive.append({key for key, one in encoded.items() if one() is not None})
        return fit_cell(fitting, *rest)

    monkeypatch.setattr("sentrec.transfer.runner.fit_cell", watch)
    tree: dict[str, Any] = study_tree(tmp_path, budgets=[24], seeds=1)
    tree["target"] = [tree["target"] | {"name": name} for name in ("first", "second")]
    transfer(transfer_from_dict(tree), tmp_path / "out")
    assert alive == [{("first", None)}, {("first", "source")}, {("second", None)}, {("second", "source")}]

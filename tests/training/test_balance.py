"""Balanced classes: the shift is in the model's weights, so that whoever uses the model has it, too."""

from pathlib import Path

import numpy as np
import pytest
from small_runs import small_recipe

import sentrec
from sentrec.errors import RecipeError
from sentrec.export.export import export_model
from sentrec.recipe import recipe_from_dict
from sentrec.runs.directory import Run
from sentrec.training.train import train

pytestmark = pytest.mark.usefixtures("warm_cache")

KINDS = {"n-grams": ["encoder=ngrams", "model.ngrams.table_bits=12"], "stacked": ["model.ngrams={table_bits: 12}"]}


@pytest.fixture(scope="module")
def unequal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reviews of which one in eight is bad, and whose words tell that only more often than not."""
    folder, generator = tmp_path_factory.mktemp("unequal"), np.random.default_rng(1)
    for split, rows in (("train", 400), ("validation", 160), ("test", 400)):
        lines = ["review,verdict"]
        for row in range(rows):
            is_bad = row % 8 == 0
            words = ["dull" if draw else "lovely" for draw in generator.random(3) < (0.5 if is_bad else 0.25)]
            lines.append(f"{' and '.join(words)} {row % 7},{'bad' if is_bad else 'good'}")
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return folder


def trained(corpus: Path, out: Path, *changes: str) -> Run:
    return train(small_recipe(corpus, *changes), out)


@pytest.mark.parametrize("kind", KINDS)
def test_rare_classes_are_found_by_whoever_uses_the_run(kind: str, unequal: Path, tmp_path: Path) -> None:
    changes = [*KINDS[kind], "training.epochs=2", "training.batch_size=80"]
    plain = trained(unequal, tmp_path / "plain", *changes)
    balanced = trained(unequal, tmp_path / "balanced", *changes, "training.balance=true")
    assert balanced.metrics["test"]["macro_f1"] > plain.metrics["test"]["macro_f1"] + 0.05
    facts = balanced.metrics["balance"]
    assert facts["macro_f1"]["after"] > facts["macro_f1"]["before"]
    assert facts["offsets"]["bad"] > 0 > facts["offsets"]["good"]
    texts = ["lovely and lovely", "dull and lovely and dull", "nothing known"]
    before, after = (sentrec.load(run.path, device="cpu").logits(texts) for run in (plain, balanced))
    added = np.array([facts["offsets"][name] for name in balanced.label_names])
    np.testing.assert_allclose(after, before + added, atol=1e-4)
    # The temperature is that of the rows as they are.
    assert balanced.temperature == pytest.approx(plain.temperature)


def test_an_exported_run_stays_balanced(unequal: Path, tmp_path: Path) -> None:
    run = trained(unequal, tmp_path / "run", *KINDS["n-grams"], "training.balance=true")
    small = export_model(run.path, tmp_path / "small")
    assert small.run.temperature == run.temperature
    assert small.run.metrics["test"]["macro_f1"] == pytest.approx(run.metrics["test"]["macro_f1"], abs=0.02)


def test_a_run_that_goes_on_from_another_is_balanced_by_rows_held_out_in_turn(unequal: Path, tmp_path: Path) -> None:
    source = trained(unequal, tmp_path / "source", *KINDS["stacked"])
    data = [f"data.{key}={unequal / key}.csv" for key in ("validation", "test")]
    columns = ["data.text_columns=[review]", "data.label_column=verdict", "training.device=cpu"]
    start = [f"init.run={source.path}", f"data.dataset={unequal / 'train.csv'}", *data, *columns]
    runs = [
        train(sentrec.load_recipe("my-reviews", [*start, *more]), tmp_path / f"run{number}")
        for number, more in enumerate(([], ["training.balance=true"]))
    ]
    assert runs[1].metrics["test"]["macro_f1"] > runs[0].metrics["test"]["macro_f1"]
    assert runs[1].temperature == pytest.approx(runs[0].temperature)


def test_ratings_are_no_classes() -> None:
    tree = {"task": "rate", "data": {"target": "stars"}, "encoder": "ngrams", "training": {"balance": True}}
    with pytest.raises(RecipeError, match=r"training\.balance"):
        recipe_from_dict(tree, "mine")

"""Texts without labels: which ones a training reads and in which order, and who tells it what they are."""

import logging
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from small_runs import small_overrides, small_recipe
from small_unlabelled import NGRAMS, OWN_TEACHER, recipe_with

import sentrec
from sentrec.checks.recipe import check_recipe
from sentrec.data.examples import load_texts
from sentrec.data.unlabelled import sources_of
from sentrec.errors import DataError, RecipeError
from sentrec.recipe import to_yaml
from sentrec.recipe.sections import DataConfig
from sentrec.runs.directory import Run
from sentrec.text.encoding import EncodedTexts
from sentrec.training.distillation import TextStream
from sentrec.training.prepare import prepare
from sentrec.transfer.loading import load_sources, load_targets, transfer_from_dict

pytestmark = pytest.mark.usefixtures("warm_cache")


def encoded(lengths: list[int]) -> EncodedTexts:
    """Texts whose tokens all are their number."""
    rows = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
    return EncodedTexts(rows, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def batches_of(seed: int = 1) -> TextStream:
    changes = ("objective.unlabelled_tokens=40", f"seed={seed}")
    lengths = np.random.default_rng(0).integers(1, 20, 50).tolist()
    targets = np.arange(100, dtype=np.float32).reshape(50, 2)
    return TextStream(sentrec.load_recipe("quickstart", changes), encoded(lengths), targets)


def test_every_text_is_read_once_a_pass_and_in_another_order_in_the_next() -> None:
    source, passes, number = batches_of(), [], 0
    for _ in range(3):
        rows: list[int] = []
        while len(rows) < 50:
            chosen, targets = source.rows(number)
            assert len(chosen) * source.encoded.lengths()[chosen].max() <= 40
            assert torch.equal(targets[:, 0], 2.0 * torch.from_numpy(chosen))  # the row's own
            rows += chosen.tolist()
            number += 1
        assert sorted(rows) == list(range(50))
        passes.append(rows)
    assert passes[0] != passes[1] != passes[2] != passes[0]


def test_the_number_alone_decides_what_a_batch_holds() -> None:
    counted = batches_of()
    rows = [counted.rows(number)[0].tolist() for number in range(60)]
    for number in (59, 0, 31, 7):
        assert batches_of().rows(number)[0].tolist() == rows[number]
        assert counted.rows(number)[0].tolist() == rows[number]
    assert batches_of(seed=2).rows(0)[0].tolist() != rows[0]


def test_texts_need_no_label_and_blank_ones_are_left_out(unlabelled: Path, tmp_path: Path) -> None:
    data = DataConfig(dataset=str(unlabelled), text_columns=("review",))
    texts = load_texts(data, "train")
    assert len(texts) == 72
    assert all(text.strip() for text in texts)
    blank = tmp_path / "blank.csv"
    blank.write_text('review\n" "\n', encoding="utf-8")
    with pytest.raises(DataError, match="no row with a text"):
        load_texts(data, str(blank))
    with pytest.raises(DataError, match="no column 'body'"):
        load_texts(DataConfig(dataset=str(unlabelled), text_columns=("body",)), str(unlabelled))


def test_no_text_that_judges_is_learned_from(reviews: Path, unlabelled: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="sentrec")
    data = prepare(recipe_with(reviews, unlabelled, *OWN_TEACHER))
    assert data.unlabelled is not None
    assert len(data.unlabelled) == len(data.unlabelled_texts) == data.facts()["unlabelled_rows"] == 70
    assert not {*data.splits.test.texts, *data.splits.validation.texts} & {*data.unlabelled_texts}
    # Several test rows may have a text in common.
    count = sum(text in data.splits.test.texts[:2] for text in data.splits.test.texts)
    assert (data.facts()["test_texts_in_unlabelled"], data.facts()["validation_texts_in_unlabelled"]) == (count, 0)
    assert f"{count} of 32 test texts also occur among the unlabelled ones" in caplog.messages
    assert "Left out 2 unlabelled texts that have a label here" in caplog.messages
    assert "Learning from 70 unlabelled texts beside 96 training rows" in caplog.messages
    assert "plain" in data.tokenizer  # only unlabelled texts have the word
    for judged in ("validation", "test"):
        with pytest.raises(DataError, match="are validation or test texts"):
            prepare(recipe_with(reviews, reviews / f"{judged}.csv", *OWN_TEACHER))


def test_texts_come_from_several_places(
    reviews: Path, unlabelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTREC_DATA", str(tmp_path))
    for split in ("train", "more"):
        (tmp_path / "books").mkdir(exist_ok=True)
        pq.write_table(pa.table({"text": [f"a {split} of pages", " "]}), tmp_path / "books" / f"{split}.parquet")
    places = [str(unlabelled), "books", "books/more"]
    recipe = small_recipe(reviews, f"data.unlabelled=[{','.join(places)}]", *OWN_TEACHER)
    data = prepare(recipe)
    assert len(data.unlabelled_texts) == 70 + 2
    assert data.unlabelled_texts[-2:] == ["a train of pages", "a more of pages"]
    assert [split for _, split in sources_of(recipe.data)] == [str(unlabelled), "train", "more"]
    found = [finding.state for finding in check_recipe(recipe) if finding.topic == "unlabelled"]
    assert found == ["ok"] * 3
    for wrong, message in (
        ("boks", "boks is no split of .*, no file and no other dataset"),
        ("books/none", "has no split 'none'"),
        ("books/train", "names the same texts twice: train"),
    ):
        changed = small_recipe(reviews, f"data.unlabelled=[books,{wrong}]", *OWN_TEACHER)
        with pytest.raises(DataError, match=message):
            prepare(changed)
        assert "missing" in [finding.state for finding in check_recipe(changed) if finding.topic == "unlabelled"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("objective.distil=1.0",), "distil and teacher go together"),
        (("objective.teacher=ngrams",), "distil and teacher go together"),
        (("objective.distil=1.0", "objective.teacher=ngrams", *NGRAMS), "distil needs texts to label"),
        (("objective.distil=1.0", "objective.teacher=ngrams", "data.unlabelled=train"), "needs n-grams in the model"),
        (("data.unlabelled=train",), "data.unlabelled is read only for"),
        (("model.ngrams.pseudo_labels=true",), "need another that labels texts"),
        (
            (
                "objective.distil=1.0",
                "objective.teacher=ngrams",
                "data.unlabelled=train",
                "model.ngrams.pseudo_labels=true",
            ),
            "another",
        ),
        (("objective.distil=-1",), "objective.distil"),
    ],
)
def test_what_has_no_use_or_lacks_something_is_said(changes: tuple[str, ...], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        sentrec.load_recipe("quickstart", changes)


def test_ngrams_alone_and_models_to_go_on_from_have_no_objective(reviews: Path, small_run: Run) -> None:
    terms = ("objective.distil=1.0", "objective.teacher=starter", "data.unlabelled=train")
    with pytest.raises(RecipeError, match="ngrams is fitted in closed form, from labels alone"):
        sentrec.load_recipe("quickstart", ("encoder=null", *terms))
    keep = [change for change in small_overrides(reviews) if change.startswith("data.")]
    tree = f"init: {small_run.path}\n"
    path = small_run.path.parent / "goes-on.yaml"
    path.write_text(tree, encoding="utf-8")
    with pytest.raises(RecipeError, match=r"no meaning in a recipe that goes on from a model: objective\."):
        prepare(sentrec.load_recipe(path, (*keep, *terms)))


def test_a_transfer_study_learns_from_labels_alone(
    reviews: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="sentrec")
    recipe = small_recipe(reviews, "data.unlabelled=train", *OWN_TEACHER)
    path = tmp_path / "semi.yaml"
    path.write_text(to_yaml(recipe), encoding="utf-8")
    sides = {"source": {"recipe": str(path), "name": "a"}, "target": {"recipe": str(path), "name": "b"}}
    study = transfer_from_dict(sides)
    for side in (*load_sources(study), *load_targets(study)):
        assert side.recipe.data.unlabelled is None
        assert not side.recipe.objective.distil
        assert side.recipe.data.dataset == recipe.data.dataset
    assert any("labels alone" in message for message in caplog.messages)
    for side, load_side in (("source", load_sources), ("target", load_targets)):
        stated = sides[side] | {
            "set": {"objective": {"distil": 1.0, "teacher": "starter"}, "data": {"unlabelled": "train"}}
        }
        with pytest.raises(RecipeError, match="compares what labels teach"):
            load_side(transfer_from_dict(sides | {side: stated}))

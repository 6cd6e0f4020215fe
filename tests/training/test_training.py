"""What a training does to the weights: embeddings, early stopping, the best checkpoint, calibration, errors."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from processor import IN_BFLOAT16
from safetensors.torch import load_file
from small_runs import WORDS, small_recipe, write_corpus
from tokenizers import Tokenizer
from torch import Tensor

import sentrec
from sentrec.errors import DataError, SentrecError
from sentrec.glove.fetch import fetch_glove
from sentrec.glove.store import open_vectors
from sentrec.models.kinds import build_model
from sentrec.models.words import initial_embeddings
from sentrec.runs.directory import TOKENIZER, Run, open_run, read_environment
from sentrec.text.tokenizer import PADDING_ID, UNKNOWN_ID, words_of
from sentrec.training.loop import Progress, TrainingLoop, make_accelerator
from sentrec.training.prepare import prepare
from sentrec.training.train import train

pytestmark = pytest.mark.usefixtures("warm_cache")

TABLE = "embedding.table.weight"


@pytest.fixture(scope="session")
def misleading(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus whose validation labels are swapped: whoever learns, validates worse and worse."""
    return write_corpus(tmp_path_factory.mktemp("misleading"), swap_validation=True)


def start_table(recipe: sentrec.recipe.Recipe) -> Tensor:
    data = prepare(recipe)
    vectors = open_vectors(recipe.glove.name, recipe.glove.dim) if recipe.glove else None
    dim = vectors.dim if vectors else recipe.model.embedding_dim
    return initial_embeddings(words_of(Tokenizer.from_str(data.tokenizer)), vectors, dim, recipe.seed)


def end_table(run: Run) -> Tensor:
    return load_file(run.path / "model.safetensors")[TABLE]


def make_loop(recipe: sentrec.recipe.Recipe) -> TrainingLoop:
    data = prepare(recipe)
    model = build_model(recipe, data.tokenizer, len(data.label_names))
    splits, accelerator = data.splits, make_accelerator("cpu")
    return TrainingLoop(
        recipe, model, data.train, splits.train.labels, data.validation, splits.validation.labels, accelerator
    )


def test_frozen_embeddings_stay_to_the_last_bit(reviews: Path, tmp_path: Path) -> None:
    recipe = small_recipe(reviews, "model.embeddings=frozen", "training.max_steps=5")
    assert torch.equal(end_table(train(recipe, tmp_path / "run")), start_table(recipe))


def test_fine_tuned_embeddings_move_but_never_the_padding_row(reviews: Path, small_run: Run) -> None:
    start, end = start_table(small_recipe(reviews)), end_table(small_run)
    assert not torch.equal(start, end)
    assert torch.count_nonzero(start[PADDING_ID]) == torch.count_nonzero(end[PADDING_ID]) == 0
    assert not torch.equal(start[UNKNOWN_ID], end[UNKNOWN_ID])  # word dropout trains it


def test_embeddings_thaw_at_the_epoch_that_the_recipe_names(reviews: Path) -> None:
    loop = make_loop(small_recipe(reviews, "model.unfreeze_epoch=2"))
    start = loop.model.embedding.table.weight.detach().clone()
    moved = {}
    for progress in loop.run():
        moved[progress.step] = (progress.epoch, not torch.equal(start, loop.model.embedding.table.weight))
    assert len(moved) == 18
    assert all(has_moved == (epoch > 2) for epoch, has_moved in moved.values())


def test_embeddings_have_a_learning_rate_of_their_own(reviews: Path) -> None:
    loop = make_loop(small_recipe(reviews, "training.embedding_learning_rate=3e-5", "training.schedule=constant"))
    table = loop.model.embedding.table.weight
    start = table.detach().clone()
    for _ in loop.run():
        rates = {group["lr"] for group in loop.optimizer.param_groups if group["params"][0] is not table}
        (own,) = [group["lr"] for group in loop.optimizer.param_groups if group["params"][0] is table]
        assert list(rates) == [pytest.approx(own * 1000)]
    # Adam moves a weight by about its learning rate a step.
    assert 0 < (table - start).abs().max() < 18 * 3.3e-5


def test_weight_decay_spares_embeddings_biases_and_norms(reviews: Path) -> None:
    loop = make_loop(small_recipe(reviews, "training.weight_decay=0.5"))
    decayed = {id(p) for group in loop.optimizer.param_groups if group["weight_decay"] for p in group["params"]}
    for name, parameter in loop.model.named_parameters():
        assert (id(parameter) in decayed) == (parameter.ndim > 1 and name != TABLE), name


def test_rows_of_known_words_start_as_their_glove_vectors(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTREC_HOME", str(tmp_path / "home"))
    vectors = {"film": [1.0] * 8, "lovely": [-2.0] * 8, "<unk>": [9.0] * 8, "unseen": [5.0] * 8}
    text = tmp_path / "tiny.8d.txt"
    lines = (" ".join([word, *(str(value) for value in row)]) for word, row in vectors.items())
    text.write_text("\n".join(lines) + "\n", encoding="utf-8")
    fetch_glove("tiny", 8, from_file=text)
    changes = ("glove={name: tiny, dim: 8}", "model.embeddings=frozen", "training.max_steps=1", "model.embedding_dim=3")
    run = train(small_recipe(reviews, *changes), tmp_path / "run")
    words = words_of(Tokenizer.from_file(str(run.path / TOKENIZER)))
    table = end_table(run)
    assert table.shape == (len(words), 8)
    assert torch.equal(table[words.index("film")], torch.ones(8))
    assert torch.equal(table[words.index("lovely")], torch.full((8,), -2.0))
    assert table[UNKNOWN_ID].abs().max() < 9  # a special token is no word
    assert len(set(table[words.index("was")].tolist())) == 8  # a word without a vector is drawn
    assert not any(word == "unseen" for word in words)


def test_early_stopping_waits_for_as_many_validations_as_its_patience_and_keeps_the_best_weights(
    misleading: Path, tmp_path: Path
) -> None:
    changes = ("training.epochs=12", "training.patience=4", "training.validations_per_epoch=3")
    run = train(small_recipe(misleading, *changes), tmp_path / "run")
    validations = {row["step"]: row["validation_accuracy"] for row in run.history if "validation_accuracy" in row}
    last, best = run.metrics["steps"], run.metrics["best_step"]
    assert list(validations) == list(range(2, last + 1, 2))
    assert last - best == 4 * 2
    assert last < 12 * 6
    assert validations[best] == max(validations.values()) == run.metrics["validation"]["accuracy"] > validations[last]


def test_max_steps_ends_an_epoch_early_and_still_validates(reviews: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    run = train(small_recipe(reviews, "training.max_steps=8"), tmp_path / "run", on_progress=seen.append)
    assert [progress.step for progress in seen] == list(range(1, 9))
    assert [progress.step for progress in seen if progress.validated] == [6, 8]
    assert {progress.total_steps for progress in seen} == {8}
    assert run.metrics["steps"] == 8
    assert seen[-1].seconds_left == 0
    assert seen[0].validation_accuracy is None
    assert seen[-1].validation_accuracy == [row for row in run.history if "loss" not in row][-1]["validation_accuracy"]
    assert all(math.isfinite(progress.loss) and progress.tokens_per_second > 0 for progress in seen)


@pytest.mark.parametrize("parts", [1, 2, 4, 50])
def test_validations_per_epoch_are_spread_over_it(reviews: Path, parts: int) -> None:
    loop = make_loop(small_recipe(reviews, f"training.validations_per_epoch={parts}", "training.patience=99"))
    at = [progress.step for progress in loop.run() if progress.validated]
    assert at[-1] == 18
    assert {6, 12, 18} <= set(at)
    assert len(at) == 3 * min(parts, 6)


@pytest.mark.parametrize("precision", ["float32", pytest.param("bfloat16", marks=IN_BFLOAT16)])
def test_a_loss_that_is_not_finite_is_one_clear_error(reviews: Path, tmp_path: Path, precision: str) -> None:
    wild = ("training.learning_rate=1e38", f"training.precision={precision}", "training.clip_norm=1e30")
    with pytest.raises(SentrecError, match=r"loss is no longer finite at step \d+") as caught:
        train(small_recipe(reviews, *wild), tmp_path / "run")
    assert "training.learning_rate" in str(caught.value.hint)


def test_bfloat16_is_refused_before_any_step_where_the_processor_has_none(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentrec.models.device.has_bfloat16", lambda device: False)
    monkeypatch.setattr("sentrec.training.loop.has_bfloat16", lambda device: False)
    one_step = "training.max_steps=1"
    out = train(small_recipe(reviews, one_step), tmp_path / "run").path
    assert read_environment(out)["training_dtype"] == "float32"
    with pytest.raises(SentrecError, match="no bfloat16 instructions") as caught:
        train(small_recipe(reviews, one_step, "training.precision=bfloat16"), out, force=True)
    assert "--set training.precision=auto" in str(caught.value.hint)
    assert open_run(out).metrics["steps"] == 1  # the older run is still there


def test_the_temperature_changes_no_answer_and_raises_no_loss(small_run: Run, reviews: Path) -> None:
    calibration = small_run.metrics["calibration"]
    loss = calibration["validation_log_loss"]
    assert loss["after"] <= loss["before"]
    assert calibration["temperature"] == small_run.temperature > 0
    predictor = sentrec.load(small_run)
    texts = prepare(small_recipe(reviews)).splits.test.texts
    logits = predictor.logits(texts)
    assert np.array_equal(logits.argmax(axis=1), predictor.predict_proba(texts).argmax(axis=1))


def test_the_model_learns_and_its_metrics_are_those_that_others_rely_on(small_run: Run) -> None:
    losses = [row["loss"] for row in small_run.history if "loss" in row]
    assert len(losses) == 18
    assert losses[-1] < losses[0]
    metrics: dict[str, Any] = small_run.metrics
    assert metrics["test"]["accuracy"] > 0.9
    assert {"test", "seconds", "seed"} <= metrics.keys()
    assert {"accuracy", "macro_f1", "roc_auc", "log_loss", "ece", "confusion_matrix", "n"} <= metrics["test"].keys()
    assert metrics["test"]["n"] == 32
    assert metrics["seed"] == 1
    assert metrics["seconds"] > 0
    assert metrics["data"]["test_unknown_share"] < 0.5


def test_trainings_that_follow_one_another_each_get_their_device(reviews: Path, tmp_path: Path) -> None:
    for device in ("cpu", "auto", "cpu"):
        recipe = small_recipe(reviews, f"training.device={device}", "training.max_steps=1")
        assert train(recipe, tmp_path / "run", force=True).metrics["steps"] == 1
    assert make_accelerator("cpu").device.type == "cpu"


def test_what_accelerate_was_configured_with_changes_nothing(
    small_run: Run, reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    assert make_accelerator("cpu").mixed_precision == "no"
    loop = make_loop(small_recipe(reviews, "training.precision=float32"))
    assert "forward" not in vars(loop.model)  # where Accelerate hides an autocast
    run = train(small_recipe(reviews), tmp_path / "run")
    assert (run.path / "model.safetensors").read_bytes() == (small_run.path / "model.safetensors").read_bytes()
    assert run.metrics["test"] == small_run.metrics["test"]


def test_a_step_that_needs_too_much_memory_asks_for_smaller_batches(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(_model: object, _batch: object) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    recipe = small_recipe(reviews)
    with monkeypatch.context() as patch:
        patch.setattr("sentrec.models.embedding.EmbeddingModel.forward", forward)
        with pytest.raises(SentrecError, match="not enough memory") as caught:
            train(recipe, tmp_path / "run")
    (smaller,) = re.findall(r"--set (training\.batch_tokens=\d+) --force", str(caught.value.hint))
    again = recipe.training.model_copy(update={"batch_tokens": int(smaller.partition("=")[2])})
    assert train(recipe.model_copy(update={"training": again}), tmp_path / "run", force=True).metrics["steps"] > 18


def rows(count: int = 80) -> tuple[list[str], list[str]]:
    labels = ["bad", "good"] * (count // 2)
    return [f"a {WORDS[label][row % 3]} film {row}" for row, label in enumerate(labels)], labels


def test_rows_from_memory_train_a_run_that_is_evaluated_and_resumed(reviews: Path, tmp_path: Path) -> None:
    texts, labels = rows()
    recipe = small_recipe(reviews, "training.epochs=6")
    run = sentrec.train(recipe, tmp_path / "run", texts=iter(texts), labels=labels)
    assert run.label_names == ("bad", "good")
    assert run.metrics["data"]["train_rows"] + run.metrics["data"]["test_rows"] < 80
    assert run.metrics["test"]["accuracy"] == 1.0
    assert sentrec.evaluate(run, plots=False).metrics["accuracy"] == 1.0
    assert sentrec.train(recipe, tmp_path / "run", texts=texts, labels=labels, resume=True).metrics == run.metrics


def test_rows_that_do_not_fit_are_told(reviews: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There are 2 texts and 1 labels"):
        sentrec.train(small_recipe(reviews), tmp_path / "run", texts=["a", "b"], labels=["bad"])
    with pytest.raises(DataError, match="Text 2 is not a string but a int"):
        sentrec.train(small_recipe(reviews), tmp_path / "run", texts=["a", 2], labels=[0, 1])  # type: ignore[list-item]
